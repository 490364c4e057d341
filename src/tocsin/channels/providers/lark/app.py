"""An app's robot in Lark's groups: cards whose buttons act, and the connection over which they are heard."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tocsin.channels.base import Config, Message, Outcome, SendResult
from tocsin.channels.directory import Directory, Sought
from tocsin.channels.groups import Note, as_json
from tocsin.channels.http import HttpClient
from tocsin.channels.listening import Button, Heard
from tocsin.channels.providers.lark.account import LarkApi
from tocsin.channels.providers.lark.connection import LongConnection
from tocsin.channels.providers.lark.content import card_of, text_of
from tocsin.channels.providers.lark.directory import find_people
from tocsin.channels.providers.lark.outcomes import AS_TEXT, is_about_the_card, read

_ABOUT_THE_GROUP = (
    "230001", "230002", "230006", "230013", "230027", "232009", "230099", "11246", "11310",
    "230011", "230031", "230110",
)  # fmt: skip


class LarkApp:
    def __init__(self, config: Config, http: HttpClient) -> None:
        self._api = LarkApi(config, http)

    async def send(self, message: Message) -> SendResult:
        """To the group `message.to`: a card where there is Markdown; once more as a text when Lark refuses the card."""
        if not message.markdown:
            return await self._post(message, text_of(message, "", is_nested=True))
        result = await self._post(message, _card(message))
        if not is_about_the_card(result):
            return result
        again = await self._post(message, text_of(message, "", is_nested=True))
        if again.outcome is Outcome.ACCEPTED:
            return replace(again, code=Note.AS_TEXT, detail=AS_TEXT % {"code": result.code})
        return again

    async def update(self, message: Message, provider_id: str) -> SendResult:
        """Lark takes changes for 14 days, of cards only."""
        card = {"content": as_json(_card(message)["card"]).decode()}
        reply = await self._api.call("PATCH", f"/open-apis/im/v1/messages/{quote(provider_id, safe='')}", card)
        if isinstance(reply, SendResult):
            return reply
        result = read(reply, *self._api.secrets, is_api=True)
        return _about_the_group(result)

    async def listen(self, heard: Heard, connected: Callable[[], None]) -> None:
        await LongConnection(self._api, heard, self._tell).run(connected)

    async def find(self, people: Sequence[Sought]) -> Directory:
        return await find_people(self._api, people)

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _post(self, message: Message, made: Mapping[str, Any]) -> SendResult:
        kind = made["msg_type"]
        content = made["card"] if kind == "interactive" else made["content"]
        payload = {
            "receive_id": message.to,
            "msg_type": kind,
            "content": as_json(content).decode(),
            # Lark takes a second one with the same uuid for the first.
            "uuid": f"tocsin-{message.reference}-{kind}",
        }
        result = _about_the_group(await self._api.post_message("chat_id", payload, message.to))
        return result if kind == "interactive" else replace(result, provider_id="")  # texts stay as they are

    async def _tell(self, user_id: str, text: str) -> None:
        """One person alone, by open ID. What becomes of it changes nothing."""
        payload = {"receive_id": user_id, "msg_type": "text", "content": json.dumps({"text": text})}
        await self._api.post_message("open_id", payload)


def _about_the_group(result: SendResult) -> SendResult:
    """What only this group or message is to blame for says nothing of the account."""
    is_the_groups = result.outcome is not Outcome.ACCEPTED and result.code in _ABOUT_THE_GROUP
    return replace(result, outcome=Outcome.PERMANENT_TARGET) if is_the_groups else result


def _card(message: Message) -> dict[str, Any]:
    actions = {"tag": "action", "actions": _buttons(message.buttons)} if message.buttons else None
    return card_of(message, "", also=actions, is_nested=True)


def _buttons(buttons: Sequence[Button]) -> list[dict[str, Any]]:
    return [
        {
            "tag": "button",
            "text": {"tag": "plain_text", "content": button.label},
            "type": "primary" if button.is_main else "default",
            "value": {"token": button.token},
        }
        for button in buttons
    ]
