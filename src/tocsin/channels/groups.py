"""What vendors have in common: one post, pages without a verdict; for IM tools, texts that call nobody. No Django."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from tocsin.channels.base import ConfigField, Message, Outcome, SendResult
from tocsin.channels.http import AddressRefusedError, HttpClient, HttpError, HttpReply, NotSentError
from tocsin.core.sentences import Sentence

TOOK_IT = Sentence("%(platform)s took it.", words=("platform",))
REFUSED = Sentence("%(platform)s did not take the message: %(code)s %(says)s", words=("platform",))
ADVISED = Sentence("%(advice)s (%(platform)s: %(code)s %(says)s)", words=("advice", "platform"))
_SLOW_DOWN = Sentence("%(platform)s asks to slow down.", words=("platform",))
_NO_ROBOT = Sentence("The webhook URL answers with HTTP %(code)s: it is not a robot's.")
_ANSWERS = Sentence("%(platform)s answers with HTTP %(code)s.", words=("platform",))
_UNREADABLE = Sentence("%(platform)s took the message and its answer cannot be read.", words=("platform",))

JSON_HEADERS: Mapping[str, str] = {"Content-Type": "application/json; charset=utf-8"}
CUT = "..."
_MOST_READ = 40_000
"""Characters: more than any of these tools shows, and few enough to be looked at many times over."""
_LONGEST_LINE_AT_END = 4_000
_PAUSE = timedelta(minutes=1)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_EVERYBODY = re.compile(r"@(?=\s*(?:(?:all|everyone)(?![A-Za-z0-9_])|所有人|全体))", re.IGNORECASE)


def as_json(value: object) -> bytes:
    """Of what is posted: as short as it gets, and half a character is a question mark."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def form_field(*forms: str) -> ConfigField:
    """How a robot's messages look: the first of these unless another is chosen."""
    return ConfigField(
        "form", "Messages as", is_required=False, default=forms[0], choices=forms,
        help="What the platform refuses goes out as plain text.",
    )  # fmt: skip


class Note(StrEnum):
    """Codes of messages that were taken, and of which the timeline says more."""

    AS_TEXT = "as-text"
    """The platform refused the form that was meant for it."""
    WITHOUT_LINKS = "without-links"
    MOVED = "moved"
    """What it was sent to has another name now."""
    UNCONFIRMED = "unconfirmed"
    """Whoever took it does not say whether the message is there."""


async def post(
    http: HttpClient, url: str, body: bytes, *, headers: Mapping[str, str] = JSON_HEADERS
) -> HttpReply | SendResult:
    """The reply, or what its absence means."""
    try:
        return await http.request("POST", url, headers=headers, body=body)
    except HttpError as error:
        return without_reply(error)


def without_reply(error: HttpError) -> SendResult:
    if isinstance(error, AddressRefusedError):
        return SendResult(Outcome.PERMANENT_CONFIG, "address", str(error))
    if isinstance(error, NotSentError):
        return SendResult(Outcome.TRANSIENT, "connect", str(error))
    return SendResult(Outcome.AMBIGUOUS, "no-reply", str(error))


def without_code(reply: HttpReply, platform: str, *, says_refused: Sentence = _NO_ROBOT) -> SendResult:
    """No verdict of the platform's: a gateway's page, or an answer that was cut. `says_refused` has a place `code`."""
    code = str(reply.status)
    if reply.status == 429:
        pause = reply.retry_after or _PAUSE
        return SendResult(Outcome.RATE_LIMITED, code, _SLOW_DOWN % {"platform": platform}, retry_after=pause)
    if 300 <= reply.status < 500:
        return SendResult(Outcome.PERMANENT_CONFIG, code, says_refused % {"code": code})
    if reply.status >= 500 and reply.status != 504:
        return SendResult(Outcome.TRANSIENT, code, _ANSWERS % {"platform": platform, "code": code})
    return SendResult(Outcome.AMBIGUOUS, code, _UNREADABLE % {"platform": platform})


def without_id(code: str, platform: str) -> SendResult:
    """It says that it took the message, and not as what: nothing is sent again before it was asked."""
    return SendResult(Outcome.AMBIGUOUS, code, _UNREADABLE % {"platform": platform})


def nothing_sent(result: SendResult) -> SendResult:
    """Of a request that goes before the message's own and did not give what it was for: the message has not left."""
    if result.outcome in (Outcome.AMBIGUOUS, Outcome.ACCEPTED):
        return replace(result, outcome=Outcome.TRANSIENT)
    return result


def for_another_vendor(result: SendResult) -> SendResult:
    """What is about this person or this text another vendor may take, and the account is well for everybody else."""
    if result.outcome is Outcome.PERMANENT_TARGET:
        return replace(result, outcome=Outcome.PERMANENT_CONFIG, is_about_message=True)
    return result


def webhook_parts(url: str) -> SplitResult | None:
    """The parts of an https address (http on this machine only); None for anything else."""
    try:
        parts = urlsplit(url.strip())
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not is_safe or not parts.hostname or parts.port == 0:
            return None
        parts.hostname.encode("idna")
        return parts
    except ValueError:  # no address, no port, or no name
        return None


def shortened(message: Message, most: int = _MOST_READ) -> Message:
    """What is sent of it at most, before anything is made of it: what an event says may be of any length.

    `most` characters of each text. The last line stays, where the alert's link is.
    """
    markdown, text = message.markdown, message.text
    if max(len(markdown), len(text), len(message.subject)) <= most:
        return message
    if len(markdown) > most:
        markdown = without_half_an_escape(markdown[:most]) + CUT + _last_line(markdown)
    if len(text) > most:
        text = text[:most] + CUT + _last_line(text)
    return replace(message, subject=message.subject[:most], markdown=markdown, text=text)


def _last_line(text: str) -> str:
    end = text[-_LONGEST_LINE_AT_END:].rstrip()
    at = end.rfind("\n")
    return end[at:] if at >= 0 else ""


def calling_nobody(text: str) -> str:
    """What users typed cannot call everybody, whatever the group's settings are."""
    return _EVERYBODY.sub("\uff20", text)


def longest_that_fits(text: str, is_fitting: Callable[[str], bool]) -> str:
    """The longest beginning that fits; a longer one never fits where a shorter one does not."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_fitting(text[:middle]) else (low, middle - 1)
    return text[:low]


def without_half_an_escape(markdown: str) -> str:
    """A backslash at the end of what was cut would escape the mark that follows."""
    return markdown[:-1] if (len(markdown) - len(markdown.rstrip("\\"))) % 2 else markdown
