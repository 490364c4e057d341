"""What SMPP's codes mean for a message. Pure. SMPP 3.4, section 5.1.3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from tocsin.channels.base import Outcome, ReceiptStatus, SendResult
from tocsin.core.sentences import Sentence

_REFUSED = Sentence("The SMSC refused the text: %(name)s.")
_BIND_REFUSED = Sentence("The SMSC refused the connection: %(name)s.")
_BOUND_ALREADY = Sentence(
    "The SMSC allows no further connection of this account: %(name)s. Every worker holds one, and a test opens another."
)
_UNREACHED = Sentence("The SMSC cannot be connected to.")
_NO_TLS = Sentence("TLS with the SMSC failed: check its certificate, the host name and the encryption setting.")
_NO_REPLY = Sentence("The text left and the SMSC did not answer.")
_CLOSED = Sentence("The SMSC closed the connection before the text left.")
_BUSY = Sentence("The SMSC answers too slowly: the text has not left yet.")
_INCOMPLETE = Sentence("The SMSC took %(taken)d of %(parts)d parts of the text: %(problem)s", words=("problem",))

_AGAIN_AFTER = timedelta(seconds=30)
_BOUND_AGAIN_AFTER = timedelta(seconds=5)
THROTTLED = frozenset({0x14, 0x58})
_BOUND = frozenset({0x05})
_SUBMIT_FAILED = 0x45
_TARGET = frozenset({0x0B})
_SETUP = frozenset(
    {0x01, 0x02, 0x03, 0x06, 0x07, 0x0A, 0x0D, 0x0E, 0x0F, 0x11, 0x13, 0x15, 0x33, 0x34, 0x40, 0x42, 0x43, 0x44,
     *range(0x48, 0x52), 0x53, 0x54, 0x61, 0x62, 0x63, 0x65, 0x66, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4}
)  # fmt: skip

_NAMES: Mapping[int, str] = {
    0x01: "RINVMSGLEN", 0x02: "RINVCMDLEN", 0x03: "RINVCMDID", 0x04: "RINVBNDSTS", 0x05: "RALYBND", 0x06: "RINVPRTFLG",
    0x07: "RINVREGDLVFLG", 0x08: "RSYSERR", 0x0A: "RINVSRCADR", 0x0B: "RINVDSTADR", 0x0C: "RINVMSGID",
    0x0D: "RBINDFAIL", 0x0E: "RINVPASWD", 0x0F: "RINVSYSID", 0x11: "RCANCELFAIL", 0x13: "RREPLACEFAIL",
    0x14: "RMSGQFUL", 0x15: "RINVSERTYP", 0x33: "RINVNUMDESTS", 0x34: "RINVDLNAME", 0x40: "RINVDESTFLAG",
    0x42: "RINVSUBREP", 0x43: "RINVESMCLASS", 0x44: "RCNTSUBDL", 0x45: "RSUBMITFAIL", 0x48: "RINVSRCTON",
    0x49: "RINVSRCNPI",
    0x50: "RINVDSTTON", 0x51: "RINVDSTNPI", 0x53: "RINVSYSTYP", 0x54: "RINVREPFLAG", 0x55: "RINVNUMMSGS",
    0x58: "RTHROTTLED", 0x61: "RINVSCHED", 0x62: "RINVEXPIRY", 0x63: "RINVDFTMSGID", 0x64: "RX_T_APPN",
    0x65: "RX_P_APPN", 0x66: "RX_R_APPN", 0x67: "RQUERYFAIL", 0xC0: "RINVOPTPARSTREAM", 0xC1: "ROPTPARNOTALLWD",
    0xC2: "RINVPARLEN", 0xC3: "RMISSINGOPTPARAM", 0xC4: "RINVOPTPARAMVAL", 0xFE: "RDELIVERYFAILURE",
    0xFF: "RUNKNOWNERR",
}  # fmt: skip

STATES: Mapping[int, ReceiptStatus] = {
    1: ReceiptStatus.QUEUED,  # enroute
    2: ReceiptStatus.DELIVERED,
    3: ReceiptStatus.FAILED,  # expired
    4: ReceiptStatus.FAILED,  # deleted
    5: ReceiptStatus.FAILED,  # undeliverable
    6: ReceiptStatus.QUEUED,  # accepted
    7: ReceiptStatus.FAILED,  # unknown
    8: ReceiptStatus.FAILED,  # rejected
}
"""message_state: in a receipt's parameter and in the answer to query_sm."""
WORDS: Mapping[str, int] = {
    "ENROUTE": 1, "DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7, "REJECTD": 8,
}  # fmt: skip


def of_submit(status: int) -> SendResult:
    """A text that the SMSC refused, by its status; one that nobody knows is tried again."""
    code, detail = f"0x{status:02x}", _REFUSED % {"name": name_of(status)}
    if status in THROTTLED:
        return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=_AGAIN_AFTER)
    if status in _TARGET:
        return SendResult(Outcome.PERMANENT_TARGET, code, detail)
    if status == _SUBMIT_FAILED:
        return SendResult(Outcome.PERMANENT_CONFIG, code, detail, is_about_message=True)
    return SendResult(Outcome.PERMANENT_CONFIG if status in _SETUP else Outcome.TRANSIENT, code, detail)


def of_bind(status: int) -> SendResult:
    code = f"0x{status:02x}"
    if status in _BOUND:
        detail = _BOUND_ALREADY % {"name": name_of(status)}
        return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=_BOUND_AGAIN_AFTER)
    outcome = Outcome.PERMANENT_CONFIG if status in _SETUP else Outcome.TRANSIENT
    return SendResult(outcome, code, _BIND_REFUSED % {"name": name_of(status)})


def unreached() -> SendResult:
    return SendResult(Outcome.TRANSIENT, "connect", _UNREACHED)


def no_tls() -> SendResult:
    return SendResult(Outcome.PERMANENT_CONFIG, "tls", _NO_TLS)


def closed() -> SendResult:
    return SendResult(Outcome.TRANSIENT, "disconnected", _CLOSED)


def busy() -> SendResult:
    return SendResult(Outcome.TRANSIENT, "busy", _BUSY)


def incomplete(result: SendResult, taken: Sequence[str], parts: int) -> SendResult:
    """Of a text whose first parts were taken and the next was not: a part that has no id never arrives."""
    detail = _INCOMPLETE % {"taken": len(taken), "parts": parts, "problem": result.detail}
    return SendResult(Outcome.AMBIGUOUS, result.code, detail, taken[0], part_ids=(*taken, f"{taken[0][:120]}+rest"))


def no_reply() -> SendResult:
    return SendResult(Outcome.AMBIGUOUS, "no-reply", _NO_REPLY)


def name_of(status: int) -> str:
    known = f"ESME_{_NAMES[status]}" if status in _NAMES else "status"
    return f"{known} (0x{status:08x})"
