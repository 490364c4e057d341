"""What WeCom answers, always with HTTP 200."""

from __future__ import annotations

import re
from datetime import timedelta

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import ADVISED, REFUSED, TOOK_IT, without_code
from tocsin.channels.http import HttpReply
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

AS_TEXT = Sentence("WeCom took it as a text; it refused the form of the message (%(code)s).")
_NO_API = Sentence("WeCom's address answers with HTTP %(code)s: check it.")
_PAUSE = timedelta(minutes=1)
_HINT = re.compile(r",?\s*hint:.*$", re.DOTALL)
_ADVICE = {
    "93000": Sentence("WeCom does not know the robot's key, or the robot was removed: paste the webhook URL again."),
    "93004": Sentence("The robot was removed from the group."),
    "93008": Sentence("The robot may not write to this group."),
    "40001": Sentence("WeCom refuses the app's secret: copy it again."),
    "40013": Sentence("WeCom does not know the corp ID: copy it again."),
    "40014": Sentence("WeCom refuses the app's access token."),
    "42001": Sentence("WeCom refuses the app's access token."),
    "48002": Sentence("The app lacks a permission: an administrator grants it."),
    "60011": Sentence("The app lacks a permission: an administrator grants it."),
    "60020": Sentence("The app's trusted addresses do not hold this machine."),
    "86003": Sentence("WeCom does not know the group, or the app did not make it."),
    "40008": Sentence("WeCom does not take this type of message."),
    "40058": Sentence("WeCom refuses a field of the message."),
    "44004": Sentence("WeCom says that the message is empty."),
    "45002": Sentence("WeCom says that the message is too long."),
}
_NOT_THE_FORM = (
    "0", "-1", "45009", "93000", "93004", "93008", "40001", "40013", "40014", "42001", "48002", "60011", "60020",
    "86001", "86003", "86004", "86008", "86220",
)  # fmt: skip


def read(reply: HttpReply, *secrets: str, is_api: bool = False) -> SendResult:
    """Only errcode 0 is success; a code that is not known is tried again a few times."""
    try:
        answer = reply.json()
        code, says = concealed(str(answer["errcode"]), *secrets)[:64], _HINT.sub("", str(answer.get("errmsg", "")))
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, "WeCom", says_refused=_NO_API) if is_api else without_code(reply, "WeCom")
    if code == "0":
        return SendResult(Outcome.ACCEPTED, "0", TOOK_IT % {"platform": "WeCom"})
    said = {"platform": "WeCom", "code": code, "says": says}
    detail = concealed(REFUSED % said, *secrets)
    if code == "45009":
        return SendResult(Outcome.RATE_LIMITED, code, detail, retry_after=_PAUSE)
    if code in _ADVICE:
        return SendResult(
            Outcome.PERMANENT_CONFIG, code, concealed(ADVISED % {"advice": _ADVICE[code], **said}, *secrets)
        )
    return SendResult(Outcome.TRANSIENT, code, detail)


def is_about_the_form(result: SendResult) -> bool:
    """Whether a plain text may go through where Markdown did not."""
    is_refusal = result.outcome in (Outcome.PERMANENT_CONFIG, Outcome.TRANSIENT)
    return is_refusal and result.code.isdigit() and len(result.code) > 3 and result.code not in _NOT_THE_FORM
