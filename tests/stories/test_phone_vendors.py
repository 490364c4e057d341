"""What follows a call over each vendor, for each way in which it fails and each fallback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from simulators.aliyun import AliyunSimulator
from simulators.twilio import TwilioSimulator
from tests.stories.harness import Story
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.delivery.models import Delivery

FALLBACKS = (Fallback.NONE, Fallback.CALL, Fallback.SMS, Fallback.DEFAULT)
FOLLOWS = {Fallback.NONE: [], Fallback.CALL: ["phone"], Fallback.SMS: ["sms"], Fallback.DEFAULT: ["sms"]}
"""The global default is a text message, unless changed."""
NAMED = {"key": "alertname", "operator": "eq"}


@pytest.fixture
def twilio(story: Story) -> Iterator[TwilioSimulator]:
    with TwilioSimulator(clock=lambda: story.now) as running:
        yield running


@pytest.fixture
def aliyun(story: Story) -> Iterator[AliyunSimulator]:
    with AliyunSimulator(clock=lambda: story.now) as running:
        yield running


def tells(story: Story, ways: dict[str, str], fail: Callable[[Contact, str], None]) -> None:
    """`ways`: how a call fails -> the reason that is told. `fail` makes the vendor say so, "" that nothing comes."""
    people = {
        (way, fallback): story.contact(f"{way or 'silent'} {fallback.value}", fallback=fallback)
        for way in ways
        for fallback in FALLBACKS
    }
    story.policy({person: ["phone"] for person in people.values()})
    story.fires("DiskFull")
    story.passes(5 + len(people))
    for person in people.values():
        story.expect_call(person, "Disk Full")

    with time_machine.travel(story.now, tick=False):
        for (way, _fallback), person in people.items():
            if way:
                fail(person, way)
    story.passes(260)

    for (way, fallback), person in people.items():
        first, *after = Delivery.objects.filter(recipient_id=person.pk).order_by("pk")
        assert (first.state, first.reason) == ("failed", ways[way]), (way, fallback)
        assert [item.channel for item in after] == FOLLOWS[fallback]
        if FOLLOWS[fallback] == ["sms"]:
            story.expect_text(person, "DiskFull")
        if fallback is Fallback.CALL:
            story.expect_call(person)
            assert after[0].planned_at + timedelta(seconds=60) <= (after[0].started_at or story.now)


def tells_what_was_not_placed(
    story: Story, ways: dict[str, str], refuse: Callable[[Contact, str], None], *, tries: int = 3
) -> None:
    """`ways`: the vendor's code for every call to a number -> the reason that is told. Nobody's phone ever rings."""
    people = {
        (way, fallback): story.contact(f"{way} {fallback.value}", fallback=fallback)
        for way in ways
        for fallback in FALLBACKS
    }
    for (way, _fallback), person in people.items():
        refuse(person, way)
    story.policy({person: ["phone"] for person in people.values()})

    story.fires("DiskFull")
    story.passes(400)

    for (way, fallback), person in people.items():
        first, *after = Delivery.objects.filter(recipient_id=person.pk).order_by("pk")
        assert (first.state, first.reason) == ("failed", ways[way]), (way, fallback)
        assert 1 <= first.attempt_count <= tries
        assert [item.channel for item in after] == FOLLOWS[fallback], (way, fallback)
        if FOLLOWS[fallback] == ["sms"]:
            story.expect_text(person, "DiskFull")
        if FOLLOWS[fallback] == ["phone"]:
            assert (after[0].state, after[0].reason) == ("failed", ways[way]), way


def test_calls_that_twilio_does_not_place(story: Story, twilio: TwilioSimulator) -> None:
    account = story.account("twilio_voice", **twilio.config)
    ProviderAccount.objects.filter(pk=account.pk).update(limit_count=1000, limit_seconds=1)

    ways = {"21211": "refused", "21217": "refused", "21210": "refused", "20500": "tries_exhausted"}
    tells_what_was_not_placed(story, ways, lambda person, code: twilio.refuse(person.phone or "", int(code)))

    assert twilio.calls == []


def test_calls_that_alibaba_cloud_does_not_place(story: Story, aliyun: AliyunSimulator) -> None:
    story.account("aliyun_voice", **aliyun.voice_config)

    ways = {
        "isv.MOBILE_NUMBER_ILLEGAL": "refused",
        "isv.AMOUNT_NOT_ENOUGH": "refused",
        "isv.COMPLAINT_REJECT": "refused",
        "isp.SYSTEM_ERROR": "held_too_long",  # one call a minute to a number, tries counted
    }
    tells_what_was_not_placed(story, ways, lambda person, code: aliyun.refuse(person.phone or "", code))

    assert aliyun.calls == []


def test_calls_that_a_limit_held_for_too_long(story: Story) -> None:
    people = {fallback: story.contact(fallback.value, fallback=fallback) for fallback in FALLBACKS}
    first = story.contact("first", fallback=Fallback.NONE)
    story.policy({first: ["phone"]}, rules=[[{**NAMED, "value": "First"}]])
    account = ProviderAccount.objects.get(provider="outbox_phone")
    ProviderAccount.objects.filter(pk=account.pk).update(limit_count=1, limit_seconds=6000)
    story.fires("First")
    story.passes(5)
    story.expect_call(first).answer()

    story.policy({person: ["phone"] for person in people.values()}, rules=[[{**NAMED, "value": "DiskFull"}]])
    story.fires("DiskFull")
    story.passes(400)

    for fallback, person in people.items():
        held, *after = Delivery.objects.filter(recipient_id=person.pk).order_by("pk")
        assert (held.state, held.reason) == ("failed", "held_too_long"), fallback
        assert [item.channel for item in after] == FOLLOWS[fallback]
        if FOLLOWS[fallback] == ["sms"]:
            story.expect_text(person, "DiskFull")


def test_over_twilio(story: Story, twilio: TwilioSimulator) -> None:
    account = story.account("twilio_voice", **twilio.config)
    ProviderAccount.objects.filter(pk=account.pk).update(limit_count=100, limit_seconds=1)  # Twilio raised it

    def fail(person: Contact, way: str) -> None:
        call = next(call for call in twilio.calls if call.to == person.phone)
        status, _, code = way.partition(" ")
        if status == "machine":
            sent = twilio.detects(call, "machine_start")
        else:
            sent = twilio.call_becomes(call, status, **({"SipResponseCode": code} if code else {}))
        headers = {"X-Twilio-Signature": sent.headers["X-Twilio-Signature"]}
        path = sent.url.removeprefix("https://tocsin.example")
        reply = Client().post(path, sent.body, content_type=sent.headers["Content-Type"], headers=headers)
        assert reply.status_code == 200

    ways = {
        "busy": "busy", "no-answer": "no_answer", "failed 404": "unreachable", "failed 603": "rejected",
        "machine": "machine", "": "no_receipt",
    }  # fmt: skip
    tells(story, ways, fail)


def test_over_alibaba_cloud(story: Story, aliyun: AliyunSimulator) -> None:
    account: ProviderAccount = story.account("aliyun_voice", **aliyun.voice_config)

    def fail(person: Contact, way: str) -> None:
        call = next(call for call in aliyun.calls if f"+86{call.number}" == person.phone)
        path = f"/callbacks/aliyun_voice/{account.callback_token}"
        reply = Client().post(path, aliyun.voice_report(call, way), content_type="application/json")
        assert reply.json()["code"] == 0

    ways = {
        "200002": "busy", "200003": "no_answer", "200005": "unreachable", "200010": "unreachable",
        "200118": "undelivered", "": "no_receipt",
    }  # fmt: skip
    tells(story, ways, fail)
