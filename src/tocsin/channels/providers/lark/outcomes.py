"""What Lark answers: a code inside HTTP 200 (400 for what it cannot read)."""

from __future__ import annotations

from datetime import timedelta

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import ADVISED, REFUSED, TOOK_IT, without_code
from tocsin.channels.http import HttpReply, digits_of
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

AS_TEXT = Sentence("Lark took it as a text; it refused the card (%(code)s).")
TOKEN_ENDED = ("99991661", "99991663", "99991664", "99991668", "99991677")
_NO_API = Sentence("Lark's address answers with HTTP %(code)s: check it.")
_PAUSE = timedelta(seconds=15)
_TOO_FAST = ("11232", "11247", "230020", "99991400")
_ADVICE = {
    "9499": Sentence("Lark cannot read the message, or it is too large."),
    "11246": Sentence("Lark refuses the card."),
    "11310": Sentence("Lark refuses the card: it has too many elements."),
    "230099": Sentence("Lark refuses the card."),
    "19001": Sentence("Lark does not know the robot's address: paste the webhook URL again."),
    "19021": Sentence(
        "The signature was refused: enter the robot's signing secret again, or set this machine's clock."
    ),
    "19022": Sentence("The robot's address list does not hold this machine."),
    "19024": Sentence("The message lacks a keyword that the robot asks for: enter it as the robot's keyword."),
    "10003": Sentence("Lark refuses the app's ID or secret: copy them again."),
    "10012": Sentence("Lark refuses the app's ID or secret: copy them again."),
    "10014": Sentence("Lark refuses the app's ID or secret: copy them again."),
    "99991672": Sentence("The app lacks a permission: grant it on the app's page and publish a version."),
    "99991661": Sentence("Lark refuses the app's access token."),
    "99991663": Sentence("Lark refuses the app's access token."),
    "99991664": Sentence("Lark refuses the app's access token."),
    "99991668": Sentence("Lark refuses the app's access token."),
    "99991677": Sentence("Lark refuses the app's access token."),
    "230001": Sentence("Lark does not know the group: check the robot's chat ID."),
    "230011": Sentence("The message was withdrawn."),
    "230110": Sentence("The message was deleted."),
    "230031": Sentence("Lark changes no message that is older than 14 days."),
    "230023": Sentence("What was bought of urgent calls and texts in Lark is used up."),
    "230024": Sentence("What was bought of urgent calls and texts in Lark is used up."),
    "230006": Sentence("The app has no bot: add one on the app's page and publish a version."),
    "230002": Sentence("The robot is no longer in the group."),
    "230013": Sentence("The robot may not write to this group."),
    "230027": Sentence("The robot may not write to this group."),
    "232009": Sentence("The group was dissolved."),
}
_CONTENT = {
    "230022": Sentence("Lark refuses the content: it holds what the organisation does not allow."),
    "230025": Sentence("Lark refuses the message: it is too long."),
    "230028": Sentence("Lark refuses the content: the organisation's data protection stops it."),
}
_NOT_THE_CARD = {
    *TOKEN_ENDED, "10003", "10012", "10014", "99991672", "230001", "230006",
    "19001", "19021", "19022", "19024", "230002", "230013", "230027", "232009", "230022", "230028",
}  # fmt: skip


def read(reply: HttpReply, *secrets: str, is_api: bool = False) -> SendResult:
    """Only code 0, said as Lark says it, is success; a code that is not known is tried again a few times."""
    try:
        answer = reply.json()
        code = concealed(str(answer["code"] if "code" in answer else answer["StatusCode"]), *secrets)[:64]
        says = str(answer["msg"] if "msg" in answer else answer["StatusMessage"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, "Lark", says_refused=_NO_API) if is_api else without_code(reply, "Lark")
    if code == "0":
        return SendResult(Outcome.ACCEPTED, "0", TOOK_IT % {"platform": "Lark"})
    said = {"platform": "Lark", "code": code, "says": says}
    refused = _kept(REFUSED % said, secrets)
    if code in _TOO_FAST:
        pause = _asked_pause(reply) or _PAUSE
        return SendResult(Outcome.RATE_LIMITED, code, refused, retry_after=pause)
    if code in _ADVICE:
        return SendResult(Outcome.PERMANENT_CONFIG, code, _kept(ADVISED % {"advice": _ADVICE[code], **said}, secrets))
    if code in _CONTENT:
        return SendResult(Outcome.PERMANENT_TARGET, code, _kept(ADVISED % {"advice": _CONTENT[code], **said}, secrets))
    return SendResult(Outcome.TRANSIENT, code, refused)


def code_of(reply: HttpReply) -> str:
    """ "" for what is no answer of Lark's."""
    try:
        return str(reply.json()["code"])
    except (ValueError, TypeError, KeyError):
        return ""


def is_about_the_card(result: SendResult) -> bool:
    """Whether a plain text may go through where the card did not. Nobody sees anything of a card that is refused."""
    is_refusal = result.outcome not in (Outcome.ACCEPTED, Outcome.RATE_LIMITED, Outcome.AMBIGUOUS)
    is_larks_own_code = result.code.isdigit() and len(result.code) > 3
    return is_refusal and is_larks_own_code and result.code not in _NOT_THE_CARD


def _kept(text: str, secrets: tuple[str, ...]) -> str:
    return concealed(text, *secrets)


def _asked_pause(reply: HttpReply) -> timedelta | None:
    asked = digits_of(reply.headers.get("x-ogw-ratelimit-reset", ""))
    return timedelta(seconds=min(max(asked, 1), 600)) if asked is not None else None
