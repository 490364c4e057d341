"""One Apprise URL: each message is a process of its own, which is ended when it takes too long."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tocsin.channels.base import Message, Outcome, SendResult
from tocsin.channels.groups import Note, calling_nobody, shortened
from tocsin.channels.texts import concealed, one_line
from tocsin.core.sentences import Sentence

_MODULE = "tocsin.channels.providers.apprise.child"
_WITHIN = 30.0
"""Seconds for one message. Apprise has no time-out for the whole."""
_MAX_TEXT = 8000
_MAX_TITLE = 200
_NAME = re.compile(r"@(?=[\w&!])")
_TAG = re.compile(r"<(?=\s*[@!#/]|\s*at\b)", re.IGNORECASE)
_TRIED = Sentence("Apprise says that it was sent; whether it arrived, nobody knows.")
_LATE = Sentence("Apprise was not done in 30 seconds and was ended.")
_FAILED = Sentence("Apprise could not send it: %(says)s")
_UNKNOWN = Sentence("Apprise does not know this kind of URL, or it is not whole.")
_REFUSED = Sentence("It wanted what is not allowed: %(what)s. A private address can be added to TOCSIN_OUTGOING_ALLOW.")
_BROKEN = Sentence("The process that Apprise runs in ended without a result.")


class AppriseRobot:
    def __init__(self, address: str, *, allow: Sequence[str], within: float = _WITHIN) -> None:
        self._address, self._allow, self._within = address.strip(), tuple(allow), within

    async def send(self, message: Message) -> SendResult:
        """At best accepted, and never proved."""
        message = shortened(message)
        order = {
            "address": self._address,
            "allow": self._allow,
            "title": calling_no_name(one_line(message.subject))[:_MAX_TITLE],
            "body": calling_no_name(message.text)[:_MAX_TEXT] or "...",
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", _MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self._within):
                said, _nothing = await child.communicate(json.dumps(order).encode())
        except TimeoutError:
            return SendResult(Outcome.AMBIGUOUS, "timeout", str(_LATE))
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        return self._verdict(said)

    async def aclose(self) -> None:
        """A message's process ends with it."""

    def _verdict(self, said: bytes) -> SendResult:
        try:
            answer: dict[str, Any] = json.loads(said.splitlines()[-1])
            outcome, says = str(answer["outcome"]), str(answer.get("says", ""))
        except (ValueError, IndexError, KeyError, TypeError):
            return SendResult(Outcome.AMBIGUOUS, "child", str(_BROKEN))
        if outcome == "sent":
            return SendResult(Outcome.ACCEPTED, Note.UNCONFIRMED, str(_TRIED))
        if outcome == "unknown":
            return SendResult(Outcome.PERMANENT_CONFIG, "url", str(_UNKNOWN))
        if outcome == "refused":
            detail = _REFUSED % {"what": concealed(says, *self._secrets())}
            return SendResult(Outcome.PERMANENT_CONFIG, "address", detail)
        kind = Outcome.TRANSIENT if outcome == "untried" else Outcome.AMBIGUOUS  # one of several may have taken it
        return SendResult(kind, "failed", _FAILED % {"says": concealed(says, *self._secrets()) or "?"})

    def _secrets(self) -> list[str]:
        """Every piece of the URL but its schema, the longest first."""
        rest = self._address.partition("://")[2]
        return sorted({self._address, rest, *re.split(r"[/:@?&=#,;+]", rest)}, key=len, reverse=True)


def calling_no_name(text: str) -> str:
    """In whatever dialect it is read: no name stands behind an @, and no tag begins a mention."""
    return _TAG.sub("\uff1c", _NAME.sub("@\u2060", calling_nobody(text)))


def _environment() -> dict[str, str]:
    """No proxies, no home with a configuration, no credentials of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR") if name in os.environ}
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HOME": "/nonexistent", "no_proxy": "*"}
