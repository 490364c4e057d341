"""Vendors are asked what became of a message: before its receipt's deadline, and before anything is sent again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulators.aliyun import AliyunSimulator
from simulators.twilio import TwilioSimulator
from tests.stories.harness import Story
from tocsin.channels.base import Receipt as ProviderReceipt
from tocsin.channels.base import ReceiptStatus
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.core.ids import to_base36
from tocsin.delivery.asking import ask_due
from tocsin.delivery.models import Attempt, Delivery, Receipt
from tocsin.delivery.services import record_receipts


@pytest.fixture
def twilio(story: Story) -> Iterator[TwilioSimulator]:
    with TwilioSimulator(clock=lambda: story.now) as running:
        yield running


@pytest.fixture
def aliyun(story: Story) -> Iterator[AliyunSimulator]:
    with AliyunSimulator(clock=lambda: story.now) as running:
        yield running


def outcomes() -> list[tuple[str, str]]:
    return list(Attempt.objects.order_by("pk").values_list("outcome", "code"))


def test_a_missing_receipt_is_asked_for_before_its_deadline(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_sms", **twilio.config)
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann)
    [message] = twilio.messages

    story.passes(9 * 60)
    assert twilio.asked == []
    message.status = "delivered"
    story.passes(61)

    assert len(twilio.asked) == 1
    delivery = story.delivery(ann, "sms")
    assert (delivery.state, delivery.asked_count) == ("delivered", 1)
    [entry] = [entry for entry in story.timeline() if entry.kind == "delivery"]
    assert "no receipt had come, so the provider was asked 1 time" in entry.reasons
    story.passes(600)
    assert len(twilio.asked) == 1


def test_who_knows_nothing_yet_is_asked_again_and_not_for_ever(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_sms", **twilio.config)
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann)

    story.passes(3600)

    delivery = story.delivery(ann, "sms")
    assert (delivery.state, delivery.asked_count, delivery.ask_at) == ("accepted", 3, None)
    assert len(twilio.asked) == 3


def test_a_call_that_nobody_answered_is_followed_sooner(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_voice", **twilio.config)
    ann = story.contact("Ann", fallback=Fallback.SMS)
    story.policy({ann: ["phone"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(ann)
    twilio.calls[0].status = "no-answer"

    story.passes(101)

    story.expect_text(ann, "DiskFull")
    assert story.delivery(ann, "phone").reason == "no_answer"


def test_a_text_whose_reply_was_lost_is_found_and_not_sent_again(story: Story, twilio: TwilioSimulator) -> None:
    account = story.account("twilio_sms", **twilio.config)
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    twilio.loses_replies = True
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann)
    twilio.loses_replies = False
    twilio.messages[0].status = "delivered"

    story.passes(30)

    story.expect_text(ann)
    assert len(twilio.messages) == 1
    delivery = story.delivery(ann, "sms")
    assert (delivery.state, delivery.provider_id) == ("delivered", twilio.messages[0].sid)
    assert outcomes() == [("ambiguous", "no-reply"), ("accepted", "found")]
    assert Receipt.objects.get().account == account
    [entry] = [entry for entry in story.timeline() if entry.kind == "delivery"]
    assert "try 2: the provider had taken the try before, and nothing was sent again" in [s.text for s in entry.steps]


@pytest.mark.parametrize("arrived", [1, 2])
def test_of_two_texts_with_the_same_words_in_doubt_at_once_each_finds_its_own_or_none(
    story: Story, twilio: TwilioSimulator, arrived: int
) -> None:
    story.account("twilio_sms", **twilio.config)
    ann = story.contact("Ann")
    for name in ("One", "Two"):
        story.policy({ann: ["sms"]}, name=name, templates={"sms_content": "Look at the console"})
    twilio.loses_replies = True
    story.fires("DiskFull")
    story.passes(5)
    story.expect_many(2)
    twilio.loses_replies = False
    del twilio.messages[arrived:]
    Delivery.objects.update(next_at=story.now + timedelta(seconds=10))

    story.passes(30)
    story.expect_many(2)

    assert len({message.body for message in twilio.messages}) == 1
    assert len(twilio.messages) == 2
    sids = {message.sid for message in twilio.messages}
    assert set(Delivery.objects.values_list("provider_id", flat=True)) == sids
    assert outcomes()[2:].count(("accepted", "found")) == arrived


def test_a_text_that_the_vendor_never_got_is_sent_once_more(story: Story, aliyun: AliyunSimulator) -> None:
    story.account("aliyun_sms", **aliyun.sms_config)
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    aliyun.loses_replies = True
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann)
    lost, aliyun.loses_replies = aliyun.texts.pop(), False

    story.passes(30)

    story.expect_text(ann)
    [text] = aliyun.texts
    assert (text.out_id, text.biz_id != lost.biz_id) == (lost.out_id, True)
    assert [outcome for outcome, _code in outcomes()] == ["ambiguous", "accepted"]
    assert [question["PhoneNumber"] for question in aliyun.asked] == [text.number]


def test_a_call_whose_reply_was_lost_is_found_while_it_rings(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_voice", **twilio.config)
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.policy({ann: ["phone"]})
    twilio.loses_replies = True
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(ann)

    story.passes(11)
    delivery = story.delivery(ann, "phone")
    assert (delivery.state, delivery.provider_id) == ("accepted", twilio.calls[0].sid)
    twilio.calls[0].status = "completed"
    story.passes(120)

    assert story.delivery(ann, "phone").state == "delivered"
    assert len(twilio.calls) == 1


def test_a_call_that_the_vendor_never_got_is_placed(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_voice", **twilio.config)
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.policy({ann: ["phone"]})
    twilio.loses_replies = True
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(ann)
    twilio.calls.clear()
    twilio.loses_replies = False

    story.passes(12)

    story.expect_call(ann)
    assert len(twilio.calls) == 1
    assert story.delivery(ann, "phone").state == "accepted"


def test_who_cannot_be_asked_leaves_things_as_they_were(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_voice", **twilio.config)
    ann = story.contact("Ann", fallback=Fallback.SMS)
    story.policy({ann: ["phone"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(ann)
    twilio.auth_token = "changed meanwhile"

    story.passes(151)

    assert story.delivery(ann, "phone").reason == "no_receipt"
    story.expect_text(ann)


def test_the_call_before_is_not_taken_for_one_that_the_vendor_never_got(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_voice", **twilio.config)
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.policy({ann: ["phone"]}, group_interval=5)
    story.fires("DiskFull", instance="a")
    story.passes(5)
    story.expect_call(ann).press("1")
    [before] = twilio.calls
    before.status = "completed"
    twilio.loses_replies = True
    story.fires("HighLoad", instance="b")
    story.passes(6)
    story.expect_call(ann)
    assert twilio.calls.pop() is not before
    twilio.loses_replies = False

    story.passes(12)

    story.expect_call(ann)
    delivery = story.delivery(ann, "phone")
    assert len(twilio.calls) == 2
    assert (delivery.state, delivery.provider_id) == ("accepted", twilio.calls[-1].sid)


def test_after_a_fail_over_the_first_vendor_is_asked_for_its_own_text(
    story: Story, twilio: TwilioSimulator, aliyun: AliyunSimulator
) -> None:
    first = story.account("twilio_sms", priority=10, **twilio.config)
    story.account("aliyun_sms", priority=20, **aliyun.sms_config)
    ProviderAccount.objects.filter(pk=first.pk).update(failures=2)
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    twilio.loses_replies = True
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann)
    twilio.loses_replies = False

    story.passes(30)

    story.expect_text(ann)
    assert (len(twilio.messages), len(aliyun.texts)) == (1, 0)
    assert outcomes() == [("ambiguous", "no-reply"), ("accepted", "found")]


def test_an_account_that_cannot_be_opened_keeps_no_other_one_from_being_asked(
    story: Story, twilio: TwilioSimulator
) -> None:
    account = story.account("twilio_sms", **twilio.config)
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"], bob: ["sms"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann)
    story.expect_text(bob)
    for message in twilio.messages:
        message.status = "delivered"
    broken = story.account("twilio_sms", **twilio.config)
    broken.config = json.dumps({**config_of(account), "max_parts": "many"})
    broken.save()
    Delivery.objects.filter(recipient_id=ann.pk).update(account_id=broken.pk)
    Delivery.objects.filter(ask_at__isnull=False).update(ask_at=story.now)

    ask_due(story.now)

    assert story.delivery(ann, "sms").state == "accepted"
    assert story.delivery(bob, "sms").state == "delivered"


def test_a_call_in_doubt_is_not_looked_for_under_the_number_that_its_contact_has_by_now(
    story: Story, twilio: TwilioSimulator
) -> None:
    account = story.account("twilio_voice", **twilio.config)
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.policy({ann: ["phone"]})
    twilio.loses_replies = True
    story.fires("DiskFull")
    story.passes(6)
    story.expect_call(ann)
    twilio.loses_replies = False
    Contact.objects.filter(pk=ann.pk).update(phone="+8613900000099", phone_verified_at=None)

    story.passes(20)
    call = story.delivery(ann, "phone")
    answered = ProviderReceipt(ReceiptStatus.ANSWERED, reference=to_base36(call.pk), provider_id=twilio.calls[0].sid)
    record_receipts(account=account, receipts=[answered], now=story.now)

    call.refresh_from_db()
    assert (call.state, twilio.asked) == ("delivered", [])
