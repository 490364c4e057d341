"""One robot: signs, posts, reads the verdict."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlsplit

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import Note, post
from tocsin.channels.http import HttpClient
from tocsin.channels.providers.dingtalk.content import payload
from tocsin.channels.providers.dingtalk.outcomes import ABOUT_THE_FORM, UNSAFE_CONTENT, read
from tocsin.core.sentences import Sentence

_AS_TEXT = Sentence("DingTalk took it as a text; it refused the form of the message (%(code)s).")
_WITHOUT_LINKS = Sentence("DingTalk took it without its links (%(code)s).")


def signature(timestamp: int, secret: str) -> str:
    """Of a moment in milliseconds; encoded for a URL, once."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return quote(base64.b64encode(digest), safe="")


class DingtalkRobot:
    def __init__(
        self, http: HttpClient, *, url: str, secret: str = "", keyword: str = "", form: str = "markdown"
    ) -> None:
        self._http, self._url, self._secret, self._keyword = http, url.strip(), secret, keyword
        self._form = form

    async def send(self, message: Message) -> SendResult:
        """Once more as a text when DingTalk refuses the form, and without its links when it calls these unsafe."""
        form = self._form if message.markdown else "text"
        result = await self._post(payload(message, self._keyword, form=form))
        if form != "text" and result.code in ABOUT_THE_FORM:
            again = await self._post(payload(message, self._keyword, form="text"))
            return (
                replace(again, code=Note.AS_TEXT, detail=_AS_TEXT % {"code": result.code}) if _is_in(again) else again
            )
        if result.code not in UNSAFE_CONTENT:
            return result
        again = await self._post(payload(message, self._keyword, form=form, with_links=False))
        if _is_in(again):
            return replace(again, code=Note.WITHOUT_LINKS, detail=_WITHOUT_LINKS % {"code": result.code})
        return again

    async def aclose(self) -> None:
        """The client is the caller's."""

    async def _post(self, body: bytes) -> SendResult:
        reply = await post(self._http, self._signed_url(), body)
        if isinstance(reply, SendResult):
            return reply
        return read(reply, self._secret, *(value for _, value in parse_qsl(urlsplit(self._url).query)))

    def _signed_url(self) -> str:
        if not self._secret:
            return self._url
        now = int(time.time() * 1000)
        joint = "&" if "?" in self._url else "?"
        return f"{self._url}{joint}timestamp={now}&sign={signature(now, self._secret)}"


def _is_in(result: SendResult) -> bool:
    return result.outcome is Outcome.ACCEPTED
