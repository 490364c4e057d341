"""A bot: posts to its chat, and changes what it posted. Its token is part of every address, so no address is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import TOOK_IT, Note, post
from tocsin.channels.http import HttpClient, HttpReply
from tocsin.channels.listening import Button
from tocsin.channels.providers.telegram.content import as_html, as_text
from tocsin.channels.providers.telegram.outcomes import cannot_be_parsed, is_the_same, new_chat, read
from tocsin.core.sentences import Sentence

_AS_TEXT = Sentence("Telegram took it as a plain text; it could not read the tags.")
_MOVED = Sentence("Telegram took it; the group is a supergroup now: enter %(chat)s as this robot's chat ID.")
_NO_PLACE = Sentence("It is not known where this message stands, so it cannot be changed.")
_QUIET = {"link_preview_options": {"is_disabled": True}}


class TelegramBot:
    _has_groups = False
    """Several, one of which says nothing of the others."""

    def __init__(self, http: HttpClient, *, api: str, token: str, chat: str, topic: str = "") -> None:
        self._http, self._api, self._token = http, api.rstrip("/"), token
        self._chat, self._topic = chat, topic

    async def send(self, message: Message) -> SendResult:
        """`provider_id` is the chat and the message's number in it."""
        where: dict[str, Any] = {"chat_id": self._chat}
        if self._topic:
            where["message_thread_id"] = int(self._topic)
        return await self._posted("sendMessage", where, message)

    async def update(self, message: Message, provider_id: str) -> SendResult:
        chat, colon, number = provider_id.partition(":")
        if not (chat and colon and number.isdecimal()):
            return SendResult(Outcome.PERMANENT_TARGET, "place", _NO_PLACE)
        return await self._posted("editMessageText", {"chat_id": chat, "message_id": int(number)}, message)

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _posted(self, method: str, where: Mapping[str, Any], message: Message) -> SendResult:
        """Once more where the group has moved to, and once more as a text when Telegram cannot read the tags."""
        note = None
        if message.buttons:
            where = {**where, "reply_markup": _keyboard(message.buttons)}
        content, reply = as_html(message), await self._ask(method, where, as_html(message))
        if isinstance(reply, HttpReply) and (chat := new_chat(reply)):
            where, note = {**where, "chat_id": chat}, (Note.MOVED, _MOVED % {"chat": chat})
            reply = await self._ask(method, where, content)
        if isinstance(reply, HttpReply) and cannot_be_parsed(reply):
            note = note or (Note.AS_TEXT, str(_AS_TEXT))
            reply = await self._ask(method, where, as_text(message))
        if isinstance(reply, SendResult):
            return reply
        if is_the_same(reply):
            return SendResult(Outcome.ACCEPTED, "ok", TOOK_IT % {"platform": "Telegram"})
        result = read(reply, self._token, self._token.partition(":")[2], has_groups=self._has_groups)
        if note is not None and result.outcome is Outcome.ACCEPTED:
            return replace(result, code=note[0], detail=note[1])
        return result

    async def _ask(self, method: str, where: Mapping[str, Any], content: Mapping[str, Any]) -> HttpReply | SendResult:
        return await self._call(method, {**where, **content, **_QUIET})

    async def _call(self, method: str, payload: Mapping[str, Any]) -> HttpReply | SendResult:
        body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
        return await post(self._http, self._url(method), body)

    def _url(self, method: str) -> str:
        return f"{self._api}/bot{self._token}/{method}"


def _keyboard(buttons: Sequence[Button]) -> dict[str, Any]:
    """In one row. A message that is changed without any loses those that it had."""
    return {"inline_keyboard": [[{"text": button.label, "callback_data": button.token} for button in buttons]]}
