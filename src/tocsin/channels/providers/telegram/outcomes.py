"""What Telegram answers: `ok`, or a code like HTTP's with a description, and sometimes what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.groups import ADVISED, REFUSED, TOOK_IT, without_code, without_id
from tocsin.channels.http import HttpReply
from tocsin.channels.texts import concealed
from tocsin.core.sentences import Sentence

_PAUSE = timedelta(seconds=30)
_GONE = Sentence("The bot is no longer in the group: add it again.")
_ADVICE = (
    ("chat not found", Sentence("Telegram does not know the chat: check its number, and add the bot to the group.")),
    ("was kicked", _GONE),
    ("was blocked", _GONE),
    ("not a member", _GONE),
    ("group is deactivated", _GONE),
    ("chat was deleted", _GONE),
    ("not enough rights", Sentence("The bot may not write to this group.")),
    ("have no rights", Sentence("The bot may not write to this group.")),
    ("write_forbidden", Sentence("The bot may not write to this group.")),
    ("administrator rights", Sentence("The bot may not write to this group.")),
    ("thread not found", Sentence("There is no such topic in the group.")),
    ("topic_closed", Sentence("The topic is closed.")),
    ("topic_deleted", Sentence("There is no such topic in the group.")),
    ("message to edit not found", Sentence("The message was deleted in Telegram.")),
    ("message can't be edited", Sentence("Telegram lets this message be changed no more.")),
    ("message_id_invalid", Sentence("The message was deleted in Telegram.")),
)
_NO_MORE = ("message to edit not found", "message can't be edited", "message_id_invalid")
_BAD_TOKEN = Sentence("Telegram does not know the bot's token: enter it again.")
_PARSING = ("can't parse", "unsupported start tag", "can't find end", "entity")
_CONTENT = ("message is too long", "message text is empty", "text must be", "message_too_long")


def read(reply: HttpReply, *secrets: str, has_groups: bool = False) -> SendResult:
    """`ok` and the message's number are success. `provider_id`: chat and number.

    `has_groups`: what is wrong with one group is its own, and the bot is well for the others.
    """
    of_the_group = Outcome.PERMANENT_TARGET if has_groups else Outcome.PERMANENT_CONFIG
    try:
        answer = reply.json()
        is_ok = answer["ok"]
        if is_ok is True:
            return _taken(answer["result"])
        code, says = concealed(str(answer["error_code"]), *secrets)[:64], str(answer["description"])
        parameters: dict[str, Any] = dict(answer.get("parameters") or {})
    except (ValueError, TypeError, KeyError, AttributeError):
        return without_code(reply, "Telegram") if b'"ok":true' not in reply.body else without_id("ok", "Telegram")
    said, lower = {"platform": "Telegram", "code": code, "says": says}, says.lower()
    refused = concealed(REFUSED % said, *secrets)
    if code == "429":
        asked = parameters.get("retry_after")
        pause = timedelta(seconds=min(asked, 3600)) if isinstance(asked, int) and asked > 0 else _PAUSE
        return SendResult(Outcome.RATE_LIMITED, code, refused, retry_after=pause)
    if code in ("401", "404"):
        return SendResult(Outcome.PERMANENT_CONFIG, code, concealed(ADVISED % {"advice": _BAD_TOKEN, **said}, *secrets))
    if advice := next((advice for sign, advice in _ADVICE if sign in lower), None):
        outcome = Outcome.PERMANENT_TARGET if any(sign in lower for sign in _NO_MORE) else of_the_group
        return SendResult(outcome, code, concealed(ADVISED % {"advice": advice, **said}, *secrets))
    if code == "403":
        return SendResult(of_the_group, code, refused)
    if code == "400" and any(sign in lower for sign in (*_CONTENT, *_PARSING)):
        return SendResult(Outcome.PERMANENT_TARGET, code, refused)
    if code == "504":
        return SendResult(Outcome.AMBIGUOUS, code, refused)
    return SendResult(Outcome.TRANSIENT, code, refused)


def new_chat(reply: HttpReply) -> str:
    """What a group is called since it became a supergroup; "" when it did not."""
    description, parameters = _told(reply)
    found = parameters.get("migrate_to_chat_id")
    return str(found) if isinstance(found, int) and "upgraded" in description else ""


def cannot_be_parsed(reply: HttpReply) -> bool:
    description, _parameters = _told(reply)
    return any(sign in description for sign in _PARSING)


def is_the_same(reply: HttpReply) -> bool:
    """A change that changes nothing has arrived before."""
    description, _parameters = _told(reply)
    return "message is not modified" in description


def _told(reply: HttpReply) -> tuple[str, dict[str, Any]]:
    try:
        answer = reply.json()
        return str(answer.get("description", "")).lower(), dict(answer.get("parameters") or {})
    except (ValueError, TypeError, AttributeError):
        return "", {}


def _taken(result: dict[str, Any]) -> SendResult:
    place = f"{int(result['chat']['id'])}:{int(result['message_id'])}"
    return SendResult(Outcome.ACCEPTED, "ok", TOOK_IT % {"platform": "Telegram"}, place)
