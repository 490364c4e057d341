"""What a server's answer means. https://www.rfc-editor.org/rfc/rfc3463 has the enhanced codes."""

from __future__ import annotations

import re
import ssl
from datetime import timedelta
from enum import Enum

import aiosmtplib

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_REFUSED = Sentence("The mail server refused %(stage)s: %(code)d %(says)s", words=("stage",))
_NO_TLS = Sentence("TLS with the mail server failed: check its certificate, the host name and the encryption setting.")
_SILENT = Sentence("did not answer in time")
_CLOSED = Sentence("closed the connection")
_TOOK_AND = Sentence("The mail server took the mail and %(how)s.", words=("how",))
_UNREACHED = Sentence("The mail server cannot be connected to.")
_LOST = Sentence("The mail server %(how)s at %(stage)s.", words=("how", "stage"))

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_GREYLISTED = (450, 451)
_GREYLIST_PAUSE = timedelta(minutes=5)
_FAULTS = ("4.1.", "4.3.", "4.4.")
"""Of the server's own: look-ups, disks, the network. They may be over in seconds."""
_TOO_LARGE = "5.3.4"
_CLOSES = 421
_OF_RECIPIENT = ("4.2.", "4.7.")
_BAD_RECIPIENT = (501, 521, 550, 551, 553, 556)
_ABOUT_SENDER = ("5.1.7", "5.1.8")


class Stage(Enum):
    """How far a mail came."""

    CONNECT = Sentence("connecting")
    LOGIN = Sentence("signing in")
    MAIL = Sentence("the sender")
    RCPT = Sentence("the recipient")
    DATA = Sentence("the content")
    """Asked to begin; none of it sent."""
    SENT = Sentence("the answer to the content")
    """The whole mail left: without an answer it may or may not be delivered."""


def from_reply(stage: Stage, code: int, text: str, *secrets: str) -> SendResult:
    """A negative reply at that stage."""
    enhanced = match.group(0) if (match := _ENHANCED.search(text)) else ""
    return SendResult(
        _outcome(stage, code, enhanced),
        code=f"{code} {enhanced}".strip(),
        detail=concealed(_REFUSED % {"stage": stage.value, "code": code, "says": text}, *secrets),
        retry_after=_GREYLIST_PAUSE if _looks_greylisted(stage, code, enhanced) else None,
        is_about_message=_is_about_message(stage, code, enhanced),
    )


def _is_about_message(stage: Stage, code: int, enhanced: str) -> bool:
    """One mailbox that is full or wants us later, or one content that is not liked or too large, says nothing of the
    account.
    """
    if code == _CLOSES:
        return False
    if (stage is Stage.SENT and 500 <= code < 600) or enhanced == _TOO_LARGE or (code == 552 and not enhanced):
        return True
    is_of_recipient = stage in (Stage.RCPT, Stage.SENT) and enhanced.startswith(_OF_RECIPIENT)
    return is_of_recipient or _looks_greylisted(stage, code, enhanced)


def _looks_greylisted(stage: Stage, code: int, enhanced: str) -> bool:
    has_recipient = stage in (Stage.RCPT, Stage.DATA, Stage.SENT)
    return code in _GREYLISTED and has_recipient and not enhanced.startswith(_FAULTS)


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
            _NO_TLS,
        )
    if isinstance(error, aiosmtplib.SMTPException) and not isinstance(error, ConnectionError | TimeoutError):
        return SendResult(Outcome.PERMANENT_CONFIG, "protocol", concealed(str(error), *secrets))
    how = _SILENT if isinstance(error, TimeoutError) else _CLOSED
    if stage is Stage.SENT:
        return SendResult(Outcome.AMBIGUOUS, "no-reply", _TOOK_AND % {"how": how})
    if stage is Stage.CONNECT:
        return SendResult(Outcome.TRANSIENT, "connect", _UNREACHED)
    return SendResult(Outcome.TRANSIENT, "disconnected", _LOST % {"how": how, "stage": stage.value})
