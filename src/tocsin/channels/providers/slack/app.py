"""A Slack app for several channels whose buttons act: what is pressed comes over a connection that we open.

Socket Mode: https://docs.slack.dev/apis/events-api/using-socket-mode
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tocsin.channels.base import Config, Message, Outcome, SendResult
from tocsin.channels.groups import JSON_HEADERS, as_json, post
from tocsin.channels.http import HttpClient
from tocsin.channels.listening import DONE_WITHIN, ConnectionLostError, Heard, Press, answering
from tocsin.channels.providers.slack.bot import SlackBot
from tocsin.channels.providers.slack.outcomes import ABOUT_CHANNEL
from tocsin.channels.providers.slack.robot import posted
from tocsin.channels.sockets import connected, frame_of, is_socket_address
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_REFUSED = Sentence("Slack refuses the connection: %(says)s")
_NO_ADDRESS = Sentence("Slack gave no address for the connection.")
_FOR_GOOD = (
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
    "not_allowed_token_type", "no_permission",
)  # fmt: skip


class SlackApp(SlackBot):
    def __init__(self, config: Config, http: HttpClient) -> None:
        super().__init__(http, api=config["api"], token=config["token"], channel="")
        self._app_token = config["app_token"]

    async def send(self, message: Message) -> SendResult:
        """To the channel `message.to`. What is wrong with it says nothing of the app."""
        result = await posted(
            message, lambda payload: self._ask("chat.postMessage", {"channel": message.to, **payload})
        )
        return replace(result, outcome=Outcome.PERMANENT_TARGET) if result.code in ABOUT_CHANNEL else result

    async def update(self, message: Message, provider_id: str) -> SendResult:
        result = await super().update(message, provider_id)
        return replace(result, outcome=Outcome.PERMANENT_TARGET) if result.code in ABOUT_CHANNEL else result

    async def listen(self, heard: Heard, connected_: Callable[[], None]) -> None:
        """Slack asks to come again every few hours, and says so."""
        async with connected(await self._address()) as socket, answering(done_within=DONE_WITHIN) as begin:
            async for raw in socket.frames():
                frame = frame_of(raw)
                if frame.get("type") == "hello":
                    connected_()
                if frame.get("type") == "disconnect":
                    return
                if envelope := frame.get("envelope_id"):
                    await socket.send(json.dumps({"envelope_id": envelope}))  # within three seconds
                    begin(self._answer(frame, heard))

    async def _address(self) -> str:
        headers = {**JSON_HEADERS, "Authorization": " ".join(("Bearer", self._app_token))}
        reply = await post(self._http, f"{self._api}/apps.connections.open", b"{}", headers=headers)
        if isinstance(reply, SendResult):
            raise ConnectionLostError(reply.detail)
        try:
            answer = reply.json()
            is_ok, says, url = answer["ok"], str(answer.get("error", "")), str(answer.get("url", ""))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConnectionLostError(_REFUSED % {"says": f"HTTP {reply.status}"}) from None
        if is_ok is not True:
            text = _REFUSED % {"says": concealed(says, self._app_token, self._token)}
            raise ConnectionLostError(text, is_refused=says in _FOR_GOOD)
        if not is_socket_address(url):
            raise ConnectionLostError(str(_NO_ADDRESS))
        return url

    async def _answer(self, frame: dict[str, Any], heard: Heard) -> None:
        """Who pressed alone is told, in the channel."""
        pressed = press_of(frame)
        if pressed is None:
            return
        press, channel = pressed
        answer = await heard(press)
        text = "\n".join(filter(None, [answer.text, answer.link]))
        told = {"channel": channel, "user": press.user_id, "text": _inert(text)}
        headers = {**JSON_HEADERS, "Authorization": " ".join(("Bearer", self._token))}
        await post(self._http, f"{self._api}/chat.postEphemeral", as_json(told), headers=headers)


def press_of(frame: dict[str, Any]) -> tuple[Press, str] | None:
    """And the channel it was in; None for what is no press of a button of ours."""
    try:
        payload = frame["payload"]
        if frame["type"] != "interactive" or payload["type"] != "block_actions":
            return None
        action, place = payload["actions"][0], payload["container"]
        channel, ts, user = str(place["channel_id"]), str(place["message_ts"]), str(payload["user"]["id"])
        token = str(action.get("value", ""))
    except (KeyError, TypeError, IndexError, AttributeError):
        return None
    return (Press(token, user, f"{channel}:{ts}"), channel) if user else None


def _inert(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
