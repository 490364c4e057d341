"""A bot for several groups whose buttons act: what is pressed comes as an answer to a request that waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from tocsin.channels.base import Config, Message, Outcome, SendResult
from tocsin.channels.groups import JSON_HEADERS
from tocsin.channels.http import HttpClient, HttpError
from tocsin.channels.listening import DONE_WITHIN, ConnectionLostError, Heard, Press, answering
from tocsin.channels.providers.telegram.bot import TelegramBot
from tocsin.channels.providers.telegram.outcomes import read
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_WAITS = 25
"""Seconds that Telegram holds a request when nothing is pressed."""
_PATIENCE = 40.0
_MAX_TOAST = 190
_LOST = Sentence("The connection to Telegram was lost: %(says)s")
_TAKEN = Sentence(
    "Another program asks for what is pressed with this token, or a webhook is set: a bot has one listener."
)


class TelegramApp(TelegramBot):
    _has_groups = True

    def __init__(self, config: Config, http: HttpClient) -> None:
        super().__init__(http, api=config["api"], token=config["token"], chat="")

    async def send(self, message: Message) -> SendResult:
        """To the chat `message.to`, or to a topic of it, which follows a slash. What is wrong there says nothing of the
        app.
        """
        chat, _slash, topic = message.to.partition("/")
        where: dict[str, Any] = {"chat_id": chat, **({"message_thread_id": int(topic)} if topic.isdecimal() else {})}
        return await self._posted("sendMessage", where, message)

    async def listen(self, heard: Heard, connected: Callable[[], None]) -> None:
        """Asks again and again, and for what follows only when the last presses are being answered."""
        await self._ask_until("getMe", {})
        connected()
        asked: dict[str, Any] = {"timeout": _WAITS, "allowed_updates": ["callback_query"]}
        async with answering(done_within=DONE_WITHIN) as begin:
            while True:
                for number, update in _numbered(await self._ask_until("getUpdates", asked)):
                    asked["offset"] = number + 1
                    if press := _press(update):
                        begin(self._answer(str(update["callback_query"]["id"]), press, heard))

    async def _ask_until(self, method: str, asked: Mapping[str, Any]) -> Any:
        """The result, or ConnectionLostError."""
        body = json.dumps(asked).encode()
        try:
            reply = await self._http.request(
                "POST", self._url(method), headers=JSON_HEADERS, body=body, timeout=_PATIENCE
            )
            answer = reply.json()
            if answer["ok"] is True:
                return answer["result"]
            code, says = int(answer["error_code"]), concealed(str(answer.get("description", "")), self._token)
        except HttpError as error:
            raise ConnectionLostError(_LOST % {"says": str(error)}) from None
        except (ValueError, TypeError, KeyError):
            raise ConnectionLostError(_LOST % {"says": f"HTTP {reply.status}"}) from None
        if code == 429:
            await asyncio.sleep(_pause(read(reply)))
            return []
        if code == 409:
            raise ConnectionLostError(str(_TAKEN), is_refused=True)
        raise ConnectionLostError(_LOST % {"says": says}, is_refused=code in (401, 404))

    async def _answer(self, query_id: str, press: Press, heard: Heard) -> None:
        """Told to who pressed alone; a link goes to them in a chat of their own, if they have one with the bot."""
        answer = await heard(press)
        is_told = False
        if answer.link:
            private = {"chat_id": press.user_id, "text": f"{answer.text}\n{answer.link}"}
            reply = await self._call("sendMessage", private)
            is_told = not isinstance(reply, SendResult) and read(reply).outcome is Outcome.ACCEPTED
        is_alert = not answer.is_done and not is_told
        toast = {"callback_query_id": query_id, "text": answer.text[:_MAX_TOAST], "show_alert": is_alert}
        await self._call("answerCallbackQuery", toast)


def _pause(result: SendResult) -> float:
    return min(result.retry_after.total_seconds(), _PATIENCE) if result.retry_after is not None else 1.0


def _numbered(updates: Any) -> list[tuple[int, Any]]:
    """ConnectionLostError for what is no list of updates: whoever answers so is not Telegram."""
    try:
        return [(int(update["update_id"]), update) for update in updates]
    except (KeyError, TypeError, ValueError):
        raise ConnectionLostError(_LOST % {"says": "HTTP 200"}) from None


def _press(update: Any) -> Press | None:
    """None for what is no press of a button."""
    try:
        query = update["callback_query"]
        message = query.get("message") or {}
        place = f"{message['chat']['id']}:{message['message_id']}" if message else ""
        return Press(str(query.get("data", "")), str(int(query["from"]["id"])), place)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
