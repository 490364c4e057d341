"""One robot: signs, posts, reads the verdict, and says in plain text what Lark does not take as a card."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import Note, as_json, post
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.lark.content import card_of, text_of
from tocsin.channels.providers.lark.outcomes import AS_TEXT, is_about_the_card, read


def signature(timestamp: int, secret: str) -> str:
    """Of a moment in seconds. The text is the key and nothing is signed with it: so Lark has it."""
    return base64.b64encode(hmac.new(f"{timestamp}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


class LarkRobot:
    def __init__(self, http: HttpClient, *, url: str, secret: str = "", keyword: str = "", form: str = "card") -> None:
        self._http, self._url, self._secret, self._keyword = http, url.strip(), secret, keyword
        self._form = form

    async def send(self, message: Message) -> SendResult:
        """A card where there is Markdown; once more as a text when Lark refuses the card."""
        if not message.markdown or self._form == "text":
            return await self._post(text_of(message, self._keyword))
        result = await self._post(card_of(message, self._keyword))
        if not is_about_the_card(result):
            return result
        again = await self._post(text_of(message, self._keyword))
        if again.outcome is Outcome.ACCEPTED:
            return replace(again, code=Note.AS_TEXT, detail=AS_TEXT % {"code": result.code})
        return again

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _post(self, payload: Mapping[str, Any]) -> SendResult:
        if self._secret:
            now = int(time.time())
            payload = {"timestamp": str(now), "sign": signature(now, self._secret), **payload}
        reply = await post(self._http, self._url, as_json(payload))
        if isinstance(reply, SendResult):
            return reply
        token = urlsplit(self._url).path.rstrip("/").rpartition("/")[2]
        return read(reply, self._secret, token)
