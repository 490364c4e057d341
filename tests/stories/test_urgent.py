"""Calls and texts that Lark and DingTalk make: what follows when nobody reacts, and over which account."""

from __future__ import annotations

import pytest

from simulators.dingtalk_app import Colleague, DingtalkAppSimulator
from simulators.lark_app import LarkAppSimulator, Person
from tests.stories.harness import Story
from tocsin.contacts.rules import Fallback

ANN = "+8613800000001"


def test_a_text_follows_a_call_of_larks_that_nobody_reads(story: Story) -> None:
    ann = story.contact("Ann", phone=ANN)
    story.policy({ann: ["phone"]})
    with LarkAppSimulator(people={"Ann": Person("ou_ann", mobile=ANN)}) as lark:
        story.account("lark_urgent_phone", **lark.config)
        story.fires("Disk full")
        story.passes(5)
        call = story.expect_call(ann, "Disk full")
        story.passes(200)

    assert lark.messages[0].urged == [("phone", "ou_ann")]
    assert (call.delivery.state, call.delivery.reason) == ("failed", "no_receipt")
    story.expect_text(ann, "Disk full")


def test_nothing_follows_a_call_of_larks_whose_message_was_read(story: Story) -> None:
    ann = story.contact("Ann", phone=ANN)
    story.policy({ann: ["phone"]})
    with LarkAppSimulator(people={"Ann": Person("ou_ann", mobile=ANN)}) as lark:
        story.account("lark_urgent_phone", **lark.config)
        story.fires("Disk full")
        story.passes(5)
        call = story.expect_call(ann, "Disk full")
        lark.messages[0].read_by.append("ou_ann")
        story.passes(200)

    assert (call.delivery.state, call.delivery.answer) == ("delivered", "answered")


@pytest.mark.parametrize("provider", ["lark_urgent_phone", "dingtalk_ding_phone"])
def test_who_is_not_in_the_platform_is_called_over_the_next_account_which_stays_well(
    story: Story, provider: str
) -> None:
    bob = story.contact("Bob")
    story.policy({bob: ["phone"]})
    with LarkAppSimulator() as lark, DingtalkAppSimulator() as dingtalk:
        config = lark.config if provider.startswith("lark") else dingtalk.config
        first = story.account(provider, priority=1, **config)
        with LarkAppSimulator(people={"Bob": Person("ou_bob", mobile=bob.phone or "")}) as other:
            story.account("lark_urgent_phone", priority=2, **other.config)
            story.fires("Disk full")
            story.passes(5)
            story.expect_call(bob, "Disk full")
            other.messages[0].read_by.append("ou_bob")
            story.passes(200)

    first.refresh_from_db()
    assert [message.urged for message in other.messages] == [[("phone", "ou_bob")]]
    assert (first.failures, first.paused_until) == (0, None)


def test_a_text_follows_a_ding_that_nobody_reads_and_none_one_that_was_read(story: Story) -> None:
    ann = story.contact("Ann", phone=ANN)
    story.policy({ann: ["phone"]})
    with DingtalkAppSimulator(people={"Ann": Colleague("ann-1", mobile="13800000001")}) as dingtalk:
        story.account("dingtalk_ding_phone", **dingtalk.config)
        story.fires("Disk full")
        story.passes(5)
        read = story.expect_call(ann, "Disk full")
        dingtalk.dings[0].read_by.add("ann-1")
        story.passes(200)
        story.expect_silence()
        story.fires("Memory low")
        story.passes(5)
        unread = story.expect_call(ann, "Memory low")
        story.passes(200)

    assert (read.delivery.state, read.delivery.answer) == ("delivered", "answered")
    assert (unread.delivery.state, unread.delivery.reason) == ("failed", "no_receipt")
    story.expect_text(ann, "Memory low")


@pytest.mark.thorough
@pytest.mark.parametrize("provider", ["lark_urgent_phone", "dingtalk_ding_phone"])
@pytest.mark.parametrize(("fallback", "calls"), [(Fallback.CALL, 2), (Fallback.NONE, 1)])
def test_what_each_contact_wants_follows_a_call_that_nobody_read(
    story: Story, provider: str, fallback: Fallback, calls: int
) -> None:
    ann = story.contact("Ann", phone=ANN, fallback=fallback)
    story.policy({ann: ["phone"]})
    with (
        LarkAppSimulator(people={"Ann": Person("ou_ann", mobile=ANN)}) as lark,
        DingtalkAppSimulator(people={"Ann": Colleague("ann-1", mobile="13800000001")}) as dingtalk,
    ):
        story.account(provider, **(lark.config if provider.startswith("lark") else dingtalk.config))
        story.fires("Disk full")
        story.passes(10 * 60)

    for _ in range(calls):
        assert story.expect_call(ann, "Disk full").delivery.reason == "no_receipt"
    story.expect_silence()


def test_a_ding_calls_and_a_text_follows_when_its_quota_is_used_up(story: Story) -> None:
    ann = story.contact("Ann", phone=ANN)
    story.policy({ann: ["phone"]})
    with DingtalkAppSimulator(people={"Ann": Colleague("ann-1", mobile="13800000001")}) as dingtalk:
        story.account("dingtalk_ding_phone", **dingtalk.config)
        story.fires("Disk full")
        story.passes(5)
        story.expect_call(ann, "Disk full")
        dingtalk.dings[0].read_by.add("ann-1")
        story.passes(200)
        dingtalk.quota = 0
        story.fires("Memory low")
        story.passes(60)

    assert [ding.kind for ding in dingtalk.dings] == ["phone"]
    story.expect_text(ann, "Memory low")
