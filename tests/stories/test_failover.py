"""Accounts that fail rest, others carry on meanwhile, and one message tries whether the first works again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from simulators.aliyun import AliyunSimulator
from simulators.twilio import TwilioSimulator
from tests.stories.harness import ADMIN, Story
from tocsin.channels.base import Receipt, ReceiptStatus
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.core.ids import to_base36
from tocsin.delivery.models import Attempt, Delivery
from tocsin.delivery.services import record_receipts
from tocsin.delivery.verifications import send_verifications


@pytest.fixture
def twilio(story: Story) -> Iterator[TwilioSimulator]:
    with TwilioSimulator(clock=lambda: story.now) as running:
        yield running


@pytest.fixture
def aliyun(story: Story) -> Iterator[AliyunSimulator]:
    with AliyunSimulator(clock=lambda: story.now) as running:
        yield running


@pytest.fixture
def accounts(story: Story, twilio: TwilioSimulator, aliyun: AliyunSimulator) -> tuple[ProviderAccount, ProviderAccount]:
    """Twilio comes first, Alibaba Cloud stands by."""
    first = story.account("twilio_sms", priority=10, **twilio.config)
    return first, story.account("aliyun_sms", priority=20, **aliyun.sms_config)


def fires(story: Story, ann: Contact, number: int) -> None:
    story.fires("DiskFull", instance=f"db{number}")
    story.passes(40)
    story.expect_text(ann)


def test_while_one_vendor_is_down_another_carries_on_and_the_first_is_tried_again(
    story: Story,
    twilio: TwilioSimulator,
    aliyun: AliyunSimulator,
    accounts: tuple[ProviderAccount, ProviderAccount],
) -> None:
    first, _second = accounts
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, rules=[], group_interval=5)
    twilio.answer_next(*[20500] * 100)

    fires(story, ann, 1)
    fires(story, ann, 2)
    first.refresh_from_db()
    assert (len(aliyun.texts), first.failures, first.pauses) == (2, 3, 1)
    asked = 100 - len(twilio._next)
    fires(story, ann, 3)

    assert len(aliyun.texts) == 3
    assert 100 - len(twilio._next) == asked, "nobody waits for an account that rests"
    attempt = Attempt.objects.latest("pk")
    assert "20500" in attempt.passed_over
    steps = [step.text for entry in story.timeline() for step in entry.steps]
    assert any("instead of the account that comes first" in text and "20500" in text for text in steps)

    twilio._next.clear()
    story.passes(120)
    fires(story, ann, 4)

    first.refresh_from_db()
    assert (len(twilio.messages), first.failures, first.paused_until) == (1, 0, None)


def test_a_wrong_key_lets_an_account_rest_at_once(
    story: Story,
    twilio: TwilioSimulator,
    aliyun: AliyunSimulator,
    accounts: tuple[ProviderAccount, ProviderAccount],
) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    twilio.auth_token = "rolled over"

    fires(story, ann, 1)

    accounts[0].refresh_from_db()
    assert accounts[0].paused_until is not None
    assert accounts[0].paused_until > story.now
    assert len(aliyun.texts) == 1


def test_a_number_that_cannot_be_reached_says_nothing_of_the_account(
    story: Story, twilio: TwilioSimulator, accounts: tuple[ProviderAccount, ProviderAccount]
) -> None:
    people = [story.contact() for _ in range(4)]
    story.policy({person: ["sms"] for person in people})
    for person in people:
        twilio.refuse(person.phone or "", 21614)
    story.fires("DiskFull")
    story.passes(40)

    accounts[0].refresh_from_db()
    assert (accounts[0].failures, accounts[0].paused_until) == (0, None)
    assert {story.delivery(person, "sms").state for person in people} == {"failed"}


def test_one_message_of_many_tries_an_account_whose_pause_is_over(
    story: Story,
    twilio: TwilioSimulator,
    aliyun: AliyunSimulator,
    accounts: tuple[ProviderAccount, ProviderAccount],
) -> None:
    people = [story.contact() for _ in range(5)]
    story.policy({person: ["sms"] for person in people})
    ProviderAccount.objects.filter(pk=accounts[0].pk).update(
        failures=3, pauses=1, opened_at=story.now - timedelta(minutes=2), paused_until=story.now
    )

    story.fires("DiskFull")
    story.passes(5)

    for person in people:
        story.expect_text(person)
    assert (len(twilio.messages), len(aliyun.texts)) == (1, 4)


def test_the_only_account_is_used_however_it_did(story: Story, twilio: TwilioSimulator) -> None:
    account = story.account("twilio_sms", **twilio.config)
    ProviderAccount.objects.filter(pk=account.pk).update(
        failures=9, pauses=4, opened_at=story.now, paused_until=story.now + timedelta(hours=1)
    )
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})

    fires(story, ann, 1)

    account.refresh_from_db()
    assert (len(twilio.messages), account.paused_until) == (1, None)


def test_a_link_goes_over_an_account_that_carries_links_even_if_it_rests(
    story: Story,
    twilio: TwilioSimulator,
    aliyun: AliyunSimulator,
    accounts: tuple[ProviderAccount, ProviderAccount],
) -> None:
    ProviderAccount.objects.filter(pk=accounts[0].pk).update(
        failures=3, pauses=1, opened_at=story.now, paused_until=story.now + timedelta(hours=1)
    )
    ann = story.contact("Ann", verified=False)

    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes()

    story.expect_text(ann)
    assert aliyun.texts == []
    assert "/v/" in twilio.messages[0].body


def test_a_link_that_no_account_carries_any_more_fails_and_holds_up_nobody(
    story: Story,
    twilio: TwilioSimulator,
    aliyun: AliyunSimulator,
    accounts: tuple[ProviderAccount, ProviderAccount],
) -> None:
    ann, bob = story.contact("Ann", verified=False), story.contact("Bob")
    story.policy({bob: ["sms"]})
    twilio.auth_token = "rolled over"

    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    fires(story, bob, 1)

    delivery = story.delivery(ann, "sms")
    assert (delivery.state, delivery.reason, delivery.attempt_count) == ("failed", "refused", 1)
    assert len(aliyun.texts) == 1


def test_a_call_is_not_held_for_a_vendor_that_wants_a_long_pause(story: Story, twilio: TwilioSimulator) -> None:
    story.account("twilio_voice", **twilio.config)
    twilio.retry_after = "600"
    twilio.answer_next(20429)
    ann = story.contact("Ann", fallback=Fallback.SMS)
    story.policy({ann: ["phone"]})

    story.fires("DiskFull")
    story.passes(6)

    call = story.delivery(ann, "phone")
    assert (call.state, call.reason) == ("failed", "held_too_long")
    story.expect_text(ann, "DiskFull")
    assert twilio.calls == []


def test_another_vendor_calls_where_the_first_wants_a_long_pause(
    story: Story, twilio: TwilioSimulator, aliyun: AliyunSimulator
) -> None:
    story.account("twilio_voice", priority=10, **twilio.config)
    story.account("aliyun_voice", priority=20, **aliyun.voice_config)
    twilio.retry_after = "600"
    twilio.answer_next(20429)
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["phone"]}, rules=[[{"key": "alertname", "operator": "eq", "value": "One"}]])
    story.policy({bob: ["phone"]}, rules=[[{"key": "alertname", "operator": "eq", "value": "Two"}]])

    story.fires("One")
    story.passes(6)
    story.expect_call(ann).answer()
    story.fires("Two")
    story.passes(6)
    story.expect_call(bob).answer()

    assert (len(twilio.calls), len(aliyun.calls)) == (0, 2)
    steps = [step.text for entry in story.timeline() for step in entry.steps]
    assert any("its limit is reached" in text for text in steps)


def test_a_number_whose_limit_is_reached_at_one_vendor_is_called_over_the_next(
    story: Story, twilio: TwilioSimulator, aliyun: AliyunSimulator
) -> None:
    story.account("aliyun_voice", priority=10, **aliyun.voice_config)
    story.account("twilio_voice", priority=20, **twilio.config)
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]}, group_interval=5)

    for number in range(4):
        story.fires("DiskFull", instance=f"db{number}")
        story.passes(90)
        story.expect_call(ann).answer()

    assert (len(aliyun.calls), len(twilio.calls)) == (2, 2)
    assert {item.reason for item in Delivery.objects.all()} == {""}


def test_a_text_that_arrived_although_the_vendor_seemed_to_refuse_it_is_not_sent_again(
    story: Story, twilio: TwilioSimulator
) -> None:
    account = story.account("twilio_sms", **twilio.config)
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    twilio.answer_next(20500)
    story.fires("DiskFull")
    story.passes(6)
    delivery = story.delivery(ann, "sms")
    assert (delivery.state, delivery.attempt_count) == ("planned", 1)

    arrived = Receipt(ReceiptStatus.DELIVERED, reference=to_base36(delivery.pk), provider_id="SM1")
    record_receipts(account=account, receipts=[arrived], now=story.now)
    story.passes(60)

    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempt_count, twilio.messages) == ("delivered", 1, [])
