"""What Twilio answers: 201 with an id, or a code of its own. https://www.twilio.com/docs/api/errors"""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import without_code
from tocsin.channels.http import HttpReply
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_TOOK_IT = Sentence("Twilio took it (%(status)s).")
_REFUSED = Sentence("Twilio did not take it: %(code)s %(says)s")
_NOT_TWILIO = Sentence("The API address answers with HTTP %(code)s, and not as Twilio does.")

_PAUSE = timedelta(seconds=10)
_TOO_FAST = frozenset({14107, 20429, 30001, 30022, 63017})
_TARGET = frozenset(
    {21211, 21214, 21217, 21265, 21401, 21407, 21421, 21610, 21614, 13223, 13224, 30003, 30004, 30005, 30006}
)
_WHERE_TO = frozenset({21408, 21612, 21215, 13227})
"""This account does not reach that country or network: another may, and this one is well for everybody else."""
_CONFIG = frozenset(
    {
        *(10001, 20003, 20005, 20008, 20403, 20404, 21205, 21210, 21212, 21213, 21216, 21219, 21220),
        *(21601, 21602, 21603, 21604, 21605, 21606, 21608, 21609, 21611, 21617, 21618, 21701, 21703),
        *(30002, 30007, 30034, 32205, 90010),
    }
)


def read(reply: HttpReply, *hidden: str) -> SendResult:
    """Only 201 with an id is success. Twilio may change what its codes mean: one that is not known is tried again."""
    try:
        answer = reply.json()
        if reply.status == 201:
            sid, status = str(answer["sid"]), str(answer["status"])
            if sid and status not in ("failed", "undelivered", "canceled"):
                return SendResult(Outcome.ACCEPTED, "", _TOOK_IT % {"status": status[:20]}, sid[:64])
        code = int(answer.get("code") or answer["error_code"])
        says = str(answer.get("message") or answer.get("error_message") or "")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return without_code(reply, "Twilio", says_refused=_NOT_TWILIO)
    detail = concealed(_REFUSED % {"code": code, "says": says}, *hidden)
    if code in _TOO_FAST or reply.status == 429:
        return SendResult(Outcome.RATE_LIMITED, str(code), detail, retry_after=reply.retry_after or _PAUSE)
    if code in _TARGET:
        return SendResult(Outcome.PERMANENT_TARGET, str(code), detail)
    if code in _WHERE_TO:
        return SendResult(Outcome.PERMANENT_CONFIG, str(code), detail, is_about_message=True)
    if code in _CONFIG or reply.status in (401, 403, 404):
        return SendResult(Outcome.PERMANENT_CONFIG, str(code), detail)
    return SendResult(Outcome.TRANSIENT, str(code), detail)
