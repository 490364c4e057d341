"""What a server's answer means. https://www.rfc-editor.org/rfc/rfc3463 has the enhanced codes."""

from __future__ import annotations

import re
import ssl
from datetime import timedelta
from enum import Enum

import aiosmtplib

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.texts import concealed

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_GREYLISTED = (450, 451)
_GREYLIST_PAUSE = timedelta(minutes=5)
_BAD_RECIPIENT = (501, 521, 550, 551, 553, 556)
_ABOUT_SENDER = ("5.1.7", "5.1.8")


class Stage(Enum):
    """How far a mail came."""

    CONNECT = "connecting"
    LOGIN = "signing in"
    MAIL = "the sender"
    RCPT = "the recipient"
    DATA = "the content"
    """Asked to begin; none of it sent."""
    SENT = "the answer to the content"
    """The whole mail left: without an answer it may or may not be delivered."""


def from_reply(stage: Stage, code: int, text: str, *secrets: str) -> SendResult:
    """A negative reply at that stage."""
    enhanced = match.group(0) if (match := _ENHANCED.search(text)) else ""
    return SendResult(
        _outcome(stage, code, enhanced),
        code=f"{code} {enhanced}".strip(),
        detail=concealed(f"The mail server refused {stage.value}: {code} {text}", *secrets),
        retry_after=_GREYLIST_PAUSE if code in _GREYLISTED else None,
    )


def _outcome(stage: Stage, code: int, enhanced: str) -> Outcome:
    if 400 <= code < 500:
        return Outcome.TRANSIENT
    if not 500 <= code < 600:
        return Outcome.AMBIGUOUS if stage is Stage.SENT else Outcome.TRANSIENT
    if stage in (Stage.CONNECT, Stage.LOGIN, Stage.MAIL) or enhanced in _ABOUT_SENDER:
        return Outcome.PERMANENT_CONFIG
    if enhanced:
        is_target = enhanced.startswith(("5.1.", "5.2.")) or enhanced == "5.4.4"
        return Outcome.PERMANENT_TARGET if is_target else Outcome.PERMANENT_CONFIG
    if stage is Stage.RCPT and code in _BAD_RECIPIENT:
        return Outcome.PERMANENT_TARGET
    return Outcome.PERMANENT_CONFIG


def from_error(stage: Stage, error: Exception, *secrets: str) -> SendResult:
    """An exception at that stage; its text is used only where it is a server's reply."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return from_reply(stage, error.code, error.message, *secrets)
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return SendResult(
            Outcome.PERMANENT_CONFIG,
            "tls",
            "TLS with the mail server failed: check its certificate, the host name and the encryption setting.",
        )
    if isinstance(error, aiosmtplib.SMTPException) and not isinstance(error, ConnectionError | TimeoutError):
        return SendResult(Outcome.PERMANENT_CONFIG, "protocol", concealed(str(error), *secrets))
    how = "did not answer in time" if isinstance(error, TimeoutError) else "closed the connection"
    if stage is Stage.SENT:
        return SendResult(Outcome.AMBIGUOUS, "no-reply", f"The mail server took the mail and {how}.")
    if stage is Stage.CONNECT:
        return SendResult(Outcome.TRANSIENT, "connect", "The mail server cannot be connected to.")
    return SendResult(Outcome.TRANSIENT, "disconnected", f"The mail server {how} at {stage.value}.")
