"""What DingTalk answers, always with HTTP 200. One code can mean three things, so the message is read as well."""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import ADVISED, REFUSED, TOOK_IT, without_code
from tocsin.channels.http import HttpReply
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_MUTED_FOR = timedelta(minutes=10)
_PAUSE = timedelta(minutes=1)
_TOO_FAST = {"130101": _MUTED_FOR, "410100": _PAUSE, "90018": _MUTED_FOR, "90030": _MUTED_FOR}
_BUSY = ("-1",)
ABOUT_THE_FORM = ("400105", "40035", "460101")
"""Unknown kind, something missing, too long: a plain text may go through."""
UNSAFE_CONTENT = ("430101", "430102", "430103", "430104")
_ADVICE = {
    "310000": Sentence(
        "The robot's security settings refuse the message: check keyword, signing secret and address list."
    ),
    "300001": Sentence("DingTalk does not know the robot's token: paste the webhook URL again."),
    "300005": Sentence("DingTalk does not know the robot's token: paste the webhook URL again."),
    "400101": Sentence("DingTalk does not know the robot's token: paste the webhook URL again."),
    "400102": Sentence("The robot is stopped in DingTalk."),
    "400106": Sentence("The robot is no longer in the group."),
    "400013": Sentence("The group was disbanded."),
    "400105": Sentence("DingTalk does not take this type of message."),
    "40035": Sentence("DingTalk says that a parameter is missing."),
    "43002": Sentence("DingTalk expects a POST; check the webhook URL."),
    "43004": Sentence("DingTalk refuses the content type; check the webhook URL."),
    "88": Sentence("DingTalk refuses the robot's credentials."),
}
_REASONS = (
    ("keyword", Sentence("The message lacks a keyword that the robot asks for: enter it as the robot's keyword.")),
    ("sign not match", Sentence("The signature was refused: enter the robot's signing secret again.")),
    (
        "timestamp",
        Sentence("The time stamp was refused: enter the robot's signing secret, or set this machine's clock."),
    ),
    ("whitelist", Sentence("The robot's address list does not hold this machine.")),
)


def read(reply: HttpReply, *secrets: str) -> SendResult:
    """Only errcode 0 is success; a code that is not known is tried again a few times."""
    try:
        answer = reply.json()
        code, says = concealed(str(answer["errcode"]), *secrets)[:64], str(answer.get("errmsg", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, "DingTalk")
    if code == "0":
        return SendResult(Outcome.ACCEPTED, "0", TOOK_IT % {"platform": "DingTalk"})
    detail = REFUSED % {"platform": "DingTalk", "code": code, "says": says}
    if code in _TOO_FAST or "send too fast" in says:
        return SendResult(
            Outcome.RATE_LIMITED, code, concealed(detail, *secrets), retry_after=_TOO_FAST.get(code, _MUTED_FOR)
        )
    if code in _ADVICE:
        advice = next((text for sign, text in _REASONS if code == "310000" and sign in says.lower()), _ADVICE[code])
        return SendResult(
            Outcome.PERMANENT_CONFIG,
            code,
            concealed(ADVISED % {"platform": "DingTalk", "advice": advice, "code": code, "says": says}, *secrets),
        )
    if code in UNSAFE_CONTENT:
        return SendResult(Outcome.PERMANENT_TARGET, code, concealed(detail, *secrets))
    if "20000 bytes" in says:
        return SendResult(Outcome.PERMANENT_TARGET, code, concealed(detail, *secrets))
    return SendResult(Outcome.TRANSIENT, code, concealed(detail, *secrets))
