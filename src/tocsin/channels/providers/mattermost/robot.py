"""One webhook: Markdown as Mattermost reads it, and its verdict."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import (
    ADVISED,
    CUT,
    REFUSED,
    TOOK_IT,
    calling_nobody,
    longest_that_fits,
    post,
    shortened,
    without_code,
    without_half_an_escape,
)
from tocsin.channels.http import HttpClient, HttpReply
from tocsin.channels.texts import concealed, one_line
from tocsin.core.sentences import Sentence

MAX_BYTES = 12_000
"""Mattermost takes 16,383 characters of a message; older servers cut what is beyond 4,000 into further ones."""
_MAX_TITLE = 200
_SIGNS = re.compile(r"([\\`*_{}\[\]()#+!|<>~:-])")
_NAME = re.compile(r"@(?=\\*\w)")
_NOTHING = "\u2060"
_NO_HOOK = Sentence("Mattermost does not know the webhook: paste its URL again, and see that it is enabled.")
_NO_CHANNEL = Sentence("There is no such channel, or the webhook may not post there.")
_ADVICE = (("channel", _NO_CHANNEL), ("webhook", _NO_HOOK), ("incoming", _NO_HOOK))


class MattermostRobot:
    def __init__(self, http: HttpClient, *, url: str, channel: str = "") -> None:
        self._http, self._url, self._channel = http, url.strip(), channel

    async def send(self, message: Message) -> SendResult:
        payload: dict[str, Any] = {"text": text_of(message)}
        if self._channel:
            payload["channel"] = self._channel
        body = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")
        reply = await post(self._http, self._url, body)
        if isinstance(reply, SendResult):
            return reply
        return _read(reply, urlsplit(self._url).path.rstrip("/").rpartition("/")[2])

    async def aclose(self) -> None:
        """The client is the caller's."""


def text_of(message: Message) -> str:
    """Markdown of at most MAX_BYTES. An @ of theirs calls nobody."""
    message = shortened(message)
    title = _calling_nobody(_SIGNS.sub(r"\\\1", one_line(message.subject)[:_MAX_TITLE]))
    heading = f"#### {title}" if title else ""
    whole = message.markdown or _SIGNS.sub(r"\\\1", message.text)

    def built(body: str) -> str:
        return "\n".join(filter(None, [heading, _calling_nobody(body)])) or CUT

    if _size(built(whole)) <= MAX_BYTES:
        return built(whole)
    begin = longest_that_fits(whole, lambda begin: _size(built(begin + CUT)) <= MAX_BYTES)
    return built(without_half_an_escape(begin) + CUT)


def _calling_nobody(text: str) -> str:
    """@all, @channel, @here and every name: what stands behind an @ is no name any more."""
    return _NAME.sub("@" + _NOTHING, calling_nobody(text))


def _read(reply: HttpReply, token: str) -> SendResult:
    """A webhook says "ok", or JSON with an id of what is wrong."""
    if reply.status == 200 and reply.text.strip() == "ok":
        return SendResult(Outcome.ACCEPTED, "ok", TOOK_IT % {"platform": "Mattermost"})
    try:
        answer = reply.json()
        code, says = concealed(str(answer["id"]), token)[:60], str(answer["message"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, "Mattermost")
    said = {"platform": "Mattermost", "code": code, "says": says}
    if reply.status in (429, 504) or reply.status < 300:
        return without_code(reply, "Mattermost")
    if reply.status >= 500:
        return SendResult(Outcome.TRANSIENT, code, concealed(REFUSED % said, token))
    advice = next((advice for sign, advice in _ADVICE if sign in code or sign in says.lower()), None)
    detail = ADVISED % {"advice": advice, **said} if advice else REFUSED % said
    is_about_text = "text" in code or "parse" in code or reply.status == 413
    outcome = Outcome.PERMANENT_TARGET if is_about_text else Outcome.PERMANENT_CONFIG
    return SendResult(outcome, code, concealed(detail, token))


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
