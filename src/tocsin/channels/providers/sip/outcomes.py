"""What SIP's answers mean for a message: the outcome of placing a call, and the receipt of how it went. Pure."""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Outcome, ReceiptStatus, SendResult
from tocsin.channels.providers.sip import protocol
from tocsin.channels.providers.sip.protocol import Ended
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_ANSWERED = Sentence("The SIP server answered %(status)s %(reason)s.")
_SAID = Sentence("SIP status %(status)s %(reason)s.")
_REGISTRATION = Sentence("The SIP server refused the registration: %(status)s %(reason)s.")
_NO_REGISTRATION = Sentence("The SIP server did not answer the registration: %(reason)s.")
_NO_TLS = Sentence("TLS with the SIP server failed: check its certificate, its name and the certificate authority.")
_NOT_PLACED = Sentence("The call could not be placed: %(reason)s.")
_NO_REPLY = Sentence("The SIP server did not reply to the call.")
_LOST = Sentence("The program that makes the calls ended during this one.")
_RANG_OUT = Sentence("Nobody answered before the ring time-out.")
_EARLY = Sentence("Answered, and hung up before anything was said.")
_NO_KEY = Sentence("Answered, but nobody pressed a key, which this account takes for a machine.")

_BUSY = frozenset({486, 600})
_NO_ANSWER = frozenset({408, 480, 487})
_DECLINED = frozenset({403, 603})
_NO_SUCH_NUMBER = frozenset({404, 410, 484, 485, 604})
_OUR_FAULT = frozenset({400, 401, 402, 405, 406, 407, 415, 416, 420, 421, 488, 493, 606})
_TOO_MANY = 429
_AGAIN_AFTER = timedelta(seconds=5)


def of_placing(ended: Ended, *secrets: str) -> tuple[SendResult, ReceiptStatus | None]:
    """A call that ended before it rang: what the attempt came to, and the receipt where it says more.

    Busy, unanswered and declined calls were placed; they differ in how they went.
    """
    code, said = str(ended.status or ""), concealed(ended.detail, *secrets)
    values = {"status": ended.status, "reason": said}

    def result(outcome: Outcome, detail: str, code: str = code) -> SendResult:
        after = timedelta(seconds=ended.retry_after) if ended.retry_after else None
        is_later = outcome in (Outcome.TRANSIENT, Outcome.RATE_LIMITED)
        return SendResult(outcome, code, detail, ended.sip_id, after if is_later else None)

    match ended.how:
        case protocol.NOT_REGISTERED if ended.status and ended.status < 500 and ended.status != 408:
            return result(Outcome.PERMANENT_CONFIG, _REGISTRATION % values), None
        case protocol.NOT_REGISTERED:
            return result(Outcome.TRANSIENT, _NO_REGISTRATION % values, code or "register"), None
        case protocol.NOT_TRUSTED:
            return result(Outcome.PERMANENT_CONFIG, _NO_TLS, "tls"), None
        case protocol.NOT_PLACED:
            return result(Outcome.TRANSIENT, _NOT_PLACED % values, code or "connect"), None
        case protocol.NO_REPLY:
            return result(Outcome.AMBIGUOUS, _NO_REPLY, "no-reply"), ReceiptStatus.UNREACHABLE
        case protocol.LOST:
            return result(Outcome.AMBIGUOUS, _LOST, "worker"), ReceiptStatus.FAILED
        case protocol.RANG_OUT | protocol.HUNG_UP:
            return result(Outcome.ACCEPTED, ""), of_call(ended)
        case _:
            pass
    detail = _ANSWERED % values
    if ended.status in _BUSY | _NO_ANSWER | _DECLINED:
        return result(Outcome.ACCEPTED, detail), of_call(ended)
    if ended.status in _NO_SUCH_NUMBER:
        return result(Outcome.PERMANENT_TARGET, detail), None
    if ended.status in _OUR_FAULT:
        return result(Outcome.PERMANENT_CONFIG, detail), None
    if ended.status == _TOO_MANY:
        return result(Outcome.RATE_LIMITED, detail), None
    return result(Outcome.TRANSIENT, detail), None  # 5xx, and what nobody has heard of


def of_call(ended: Ended) -> ReceiptStatus:
    """How a call went that nobody, or nobody for certain, picked up."""
    if ended.status in _BUSY:
        return ReceiptStatus.BUSY
    if ended.status in _DECLINED:
        return ReceiptStatus.REJECTED
    if ended.status in _NO_ANSWER or ended.how == protocol.RANG_OUT:
        return ReceiptStatus.NO_ANSWER
    if ended.how == protocol.REFUSED and ended.status:
        return ReceiptStatus.UNREACHABLE
    return ReceiptStatus.FAILED


def said_of_call(ended: Ended, *secrets: str) -> str:
    """A sentence for the receipt; "" where its status says all."""
    if ended.how == protocol.LOST:
        return _LOST
    if ended.how == protocol.NO_REPLY:
        return _NO_REPLY
    if ended.how == protocol.RANG_OUT:
        return _RANG_OUT
    if ended.status:
        return _SAID % {"status": ended.status, "reason": concealed(ended.detail, *secrets)}
    return concealed(ended.detail, *secrets)


HUNG_UP_EARLY: str = _EARLY
NO_KEY: str = _NO_KEY


def all_lines_busy() -> SendResult:
    return SendResult(Outcome.RATE_LIMITED, "lines", LINES_BUSY, retry_after=_AGAIN_AFTER)


LINES_BUSY = Sentence("All lines of this account are in use.")
