"""What DingTalk answers to an app: an HTTP status and a code that is a word; the older API a number inside HTTP 200."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import ADVISED, REFUSED, TOOK_IT, without_code
from tocsin.channels.http import HttpReply
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

AS_TEXT = Sentence("DingTalk took it as a text; it refused the card (%(code)s).")
_NO_API = Sentence("DingTalk's address answers with HTTP %(code)s: check it.")
_PAUSE = timedelta(minutes=1)
_TOKEN_OVER = ("invalidauthentication", "40014", "42001", "40001", "invalidaccesstoken")
_TOO_FAST = ("throttl", "qpslimit", "flowcontrol", "toomuch", "too.much", "serverquota", "90018", "130101", "88")
_CLIENT = Sentence("DingTalk refuses the app's client ID or secret: copy them again.")
_ADVICE = (
    ("invalidclient", _CLIENT),
    ("invalid.client", _CLIENT),
    ("40089", _CLIENT),
    ("authfailed", _CLIENT),
    ("invalidauthentication", Sentence("DingTalk refuses the app's access token.")),
    ("permissiondenied", Sentence("The app lacks a permission: grant it on the app's page.")),
    ("60011", Sentence("The app lacks a permission: grant it on the app's page.")),
    ("ipnotinwhitelist", Sentence("The app's address list does not hold this machine.")),
    ("60020", Sentence("The app's address list does not hold this machine.")),
    ("ding.serverquota", Sentence("What was bought of DINGs is used up.")),
    ("robotcode", Sentence("DingTalk does not know the robot code: check it.")),
    ("chatbot.notfound", Sentence("DingTalk does not know the robot code: check it.")),
    ("robot.notfound", Sentence("DingTalk does not know the robot code: check it.")),
)
_GROUP = Sentence("DingTalk does not know the group, or the app's robot is not in it.")
_OF_THE_GROUP = re.compile(r"conversation|spaceid|notingroup|(?<![a-z])cid")
_QUOTA = "ding.serverquota"


def answer_of(reply: HttpReply) -> dict[str, Any]:
    """Empty for what is no JSON object."""
    try:
        found = reply.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def is_token_over(reply: HttpReply) -> bool:
    answer = answer_of(reply)
    return str(answer.get("code", answer.get("errcode", ""))).lower() in _TOKEN_OVER


def read_token(reply: HttpReply, name: str, lasts: str) -> tuple[str, object] | None:
    answer = answer_of(reply)
    token = answer.get(name)
    return (token, answer.get(lasts)) if isinstance(token, str) and token else None


def read_api(reply: HttpReply, *secrets: str) -> SendResult:
    """ACCEPTED only says that DingTalk did not refuse the request: whoever calls reads what it answers."""
    answer = answer_of(reply)
    code = str(answer.get("code", answer.get("errcode", "")))
    says = str(answer.get("message", answer.get("errmsg", "")))
    if 200 <= reply.status < 300 and answer and code in ("", "0") and answer.get("success") is not False:
        return SendResult(Outcome.ACCEPTED, "0", TOOK_IT % {"platform": "DingTalk"})
    if not code and answer.get("success") is False:
        code, says = "success=false", json.dumps(answer, ensure_ascii=False)
    if not code:
        return without_code(reply, "DingTalk", says_refused=_NO_API)
    return refusal(code, says, reply, *secrets)


def refusal(code: str, says: str, reply: HttpReply, *secrets: str) -> SendResult:
    """An unknown one is tried again a few times."""
    said = {"platform": "DingTalk", "code": concealed(code, *secrets)[:64], "says": says}
    word = code.lower()
    detail = concealed(REFUSED % said, *secrets)
    if reply.status == 429 or (any(_is_in(sign, word) for sign in _TOO_FAST) and _QUOTA not in word):
        pause = reply.retry_after or _PAUSE
        return SendResult(Outcome.RATE_LIMITED, said["code"], detail, retry_after=pause)
    advice = next((text for sign, text in _ADVICE if _is_in(sign, word)), None)
    if advice is not None:
        told = concealed(ADVISED % {"advice": advice, **said}, *secrets)
        return SendResult(Outcome.PERMANENT_CONFIG, said["code"], told)
    if _OF_THE_GROUP.search(f"{word} {says.lower()}"):
        told = concealed(ADVISED % {"advice": _GROUP, **said}, *secrets)
        return SendResult(Outcome.PERMANENT_TARGET, said["code"], told)
    if word.startswith(("param.", "invalidparameter", "miss.", "card")):
        return SendResult(Outcome.PERMANENT_TARGET, said["code"], detail)
    return SendResult(Outcome.TRANSIENT, said["code"], detail)


def _is_in(sign: str, word: str) -> bool:
    """Numbers are whole codes, words may be part of one."""
    return sign == word if sign.isdigit() else sign in word


def read_card(reply: HttpReply, card_id: str, *secrets: str) -> SendResult:
    """Of a card that was created and put into a group: each place says for itself whether it took it."""
    answer = answer_of(reply)
    if _is_there_already(answer):
        return SendResult(Outcome.ACCEPTED, "0", TOOK_IT % {"platform": "DingTalk"}, card_id)
    result = read_api(reply, *secrets)
    if result.outcome is not Outcome.ACCEPTED:
        return result
    places = _deep(answer, "result").get("deliverResults", answer.get("deliverResults"))
    if not isinstance(places, list) or not places or not all(isinstance(place, dict) for place in places):
        return without_code(HttpReply(504, {}, b""), "DingTalk")
    bad = next((place for place in places if place.get("success") is not True), None)
    if bad is not None:
        return refusal("deliver", str(bad.get("errorMsg", "")), reply, *secrets)
    return SendResult(Outcome.ACCEPTED, "0", result.detail, card_id)


def _is_there_already(answer: Mapping[str, Any]) -> bool:
    """The answer to the first request was lost: its card has our id."""
    said = f"{answer.get('code', '')} {answer.get('message', '')}".lower()
    return "outtrackid" in said and any(sign in said for sign in ("exist", "duplicat", "repeat"))


def _deep(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = answer.get(name)
    return inner if isinstance(inner, dict) else {}
