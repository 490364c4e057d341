"""What somebody means who writes back to a text message."""

from __future__ import annotations

import pytest

from tocsin.delivery.rules.replies import ReadReply, ReplyAct, read_reply


@pytest.mark.parametrize("text", ["1", " 1. ", "Claim", "CLAIM!", "认领", "１", "收到。"])
def test_claims(text: str) -> None:
    assert read_reply(text) == ReadReply(ReplyAct.CLAIM)


def test_a_resolution_may_say_what_solved_it() -> None:
    assert read_reply("2 deleted old logs") == ReadReply(ReplyAct.RESOLVE, "deleted old logs")
    assert read_reply("已解决") == ReadReply(ReplyAct.RESOLVE)


@pytest.mark.parametrize("text", ["", "1 moment please", "I will claim it", "11", "who is this?", "STOP"])
def test_what_nobody_can_tell_does_nothing(text: str) -> None:
    assert read_reply(text) is None


def test_the_other_words() -> None:
    read = {text: reply.act for text in ("3", "升级", "0", "取消认领", "mute") if (reply := read_reply(text))}

    assert read == {
        "3": ReplyAct.ESCALATE,
        "升级": ReplyAct.ESCALATE,
        "0": ReplyAct.UNCLAIM,
        "取消认领": ReplyAct.UNCLAIM,
        "mute": ReplyAct.MUTE,
    }
