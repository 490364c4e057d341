"""What somebody means who writes back to a text message."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class ReplyAct(StrEnum):
    CLAIM = "claim"
    UNCLAIM = "unclaim"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    COMMENT = "comment"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class ReadReply:
    """`text`: what follows the word; the solution of what was resolved, or a comment. `minutes`: of a mute.

    `number`: which step of the escalation, counted as the alert takes them; 0: what the message knew as the next one.
    """

    act: ReplyAct
    text: str = ""
    minutes: int = 60
    number: int = 0


_WORDS: dict[str, ReplyAct] = {
    "1": ReplyAct.CLAIM,
    "claim": ReplyAct.CLAIM,
    "ack": ReplyAct.CLAIM,
    "认领": ReplyAct.CLAIM,
    "認領": ReplyAct.CLAIM,
    "收到": ReplyAct.CLAIM,
    "2": ReplyAct.RESOLVE,
    "resolve": ReplyAct.RESOLVE,
    "resolved": ReplyAct.RESOLVE,
    "解决": ReplyAct.RESOLVE,
    "已解决": ReplyAct.RESOLVE,
    "恢复": ReplyAct.RESOLVE,
    "3": ReplyAct.ESCALATE,
    "escalate": ReplyAct.ESCALATE,
    "升级": ReplyAct.ESCALATE,
    "0": ReplyAct.UNCLAIM,
    "unclaim": ReplyAct.UNCLAIM,
    "取消认领": ReplyAct.UNCLAIM,
    "comment": ReplyAct.COMMENT,
    "note": ReplyAct.COMMENT,
    "备注": ReplyAct.COMMENT,
    "评论": ReplyAct.COMMENT,
    "mute": ReplyAct.MUTE,
    "免打扰": ReplyAct.MUTE,
}
_NUMBER = re.compile(r"[1-9][0-9]{0,3}")
_LENGTH = re.compile(r"(\d{1,5}) ?([a-z]*|分钟?|小时|天)")
_UNITS = {"": 1, "m": 1, "min": 1, "分": 1, "分钟": 1, "h": 60, "小时": 60, "d": 24 * 60, "天": 24 * 60}
_MARKS = " \t.,;:!?'\"()[]。，；：！？、（）“”"


def read_reply(text: str) -> ReadReply | None:
    """The first word says it, in either language, whatever the width and case of its letters; None: nobody can tell.

    *Resolve* may be followed by the solution, *comment* is by what to write, *mute* may be by how long ("2h"),
    *escalate* by the number of the step ("3 2"); "1 moment please" claims nothing.
    """
    plain = unicodedata.normalize("NFKC", text).strip(_MARKS)
    word, _, rest = plain.partition(" ")
    act = _WORDS.get(word.strip(_MARKS).casefold())
    rest = rest.strip(_MARKS)
    match act:
        case ReplyAct.RESOLVE:
            return ReadReply(act, rest)
        case ReplyAct.COMMENT if rest:
            return ReadReply(act, rest)
        case ReplyAct.MUTE if rest:
            minutes = _minutes(rest)
            return ReadReply(act, minutes=minutes) if minutes is not None else None
        case ReplyAct.ESCALATE if _NUMBER.fullmatch(rest):
            return ReadReply(act, number=int(rest))
        case None | ReplyAct.COMMENT:
            return None
    return ReadReply(act) if not rest else None


def _minutes(text: str) -> int | None:
    """Minutes, where nothing else is said."""
    found = _LENGTH.fullmatch(text.casefold())
    unit = _UNITS.get(found[2]) if found is not None else None
    return int(found[1]) * unit if found is not None and unit is not None else None
