"""What somebody means who writes back to a text message."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum


class ReplyAct(StrEnum):
    CLAIM = "claim"
    UNCLAIM = "unclaim"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class ReadReply:
    """`text`: what follows the word; the solution of what was resolved."""

    act: ReplyAct
    text: str = ""


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
    "mute": ReplyAct.MUTE,
    "免打扰": ReplyAct.MUTE,
}
_MARKS = " \t.,;:!?'\"()[]。，；：！？、（）“”"


def read_reply(text: str) -> ReadReply | None:
    """The first word says it, in either language, whatever the width and case of its letters; None: nobody can tell.

    Only *resolve* may be followed by more words; "1 moment please" claims nothing.
    """
    plain = unicodedata.normalize("NFKC", text).strip(_MARKS)
    word, _, rest = plain.partition(" ")
    act = _WORDS.get(word.strip(_MARKS).casefold())
    rest = rest.strip(_MARKS)
    if act is None or (rest and act is not ReplyAct.RESOLVE):
        return None
    return ReadReply(act, rest)
