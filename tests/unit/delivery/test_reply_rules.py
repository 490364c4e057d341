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


@pytest.mark.parametrize(
    ("text", "minutes"), [("mute", 60), ("Mute 30", 30), ("mute 2h", 120), ("免打扰 2小时", 120), ("mute 1 d", 24 * 60)]
)
def test_a_mute_may_say_how_long(text: str, minutes: int) -> None:
    assert read_reply(text) == ReadReply(ReplyAct.MUTE, minutes=minutes)


@pytest.mark.parametrize("text", ["mute please", "mute 2 weeks", "comment", "备注"])
def test_what_is_half_said_does_nothing(text: str) -> None:
    assert read_reply(text) is None


def test_a_comment_says_what_to_write() -> None:
    assert read_reply("Comment: on my way") == ReadReply(ReplyAct.COMMENT, "on my way")
    assert read_reply("备注 正在处理") == ReadReply(ReplyAct.COMMENT, "正在处理")


def test_the_other_words() -> None:
    read = {text: reply.act for text in ("3", "升级", "0", "取消认领", "mute") if (reply := read_reply(text))}

    assert read == {
        "3": ReplyAct.ESCALATE,
        "升级": ReplyAct.ESCALATE,
        "0": ReplyAct.UNCLAIM,
        "取消认领": ReplyAct.UNCLAIM,
        "mute": ReplyAct.MUTE,
    }


def test_an_escalation_may_name_its_step() -> None:
    assert read_reply("3") == ReadReply(ReplyAct.ESCALATE)
    assert read_reply("3 2") == ReadReply(ReplyAct.ESCALATE, number=2)
    assert read_reply("升级 １２") == ReadReply(ReplyAct.ESCALATE, number=12)
    assert (read_reply("3 0"), read_reply("3 please"), read_reply("3 12345")) == (None, None, None)
