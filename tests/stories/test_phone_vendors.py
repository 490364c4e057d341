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

FALLBACKS = (Fallback.NONE, Fallback.CALL, Fallback.SMS)


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
        assert [item.channel for item in after] == {Fallback.CALL: ["phone"], Fallback.SMS: ["sms"]}.get(fallback, [])
        if fallback is Fallback.SMS:
            story.expect_text(person, "DiskFull")
        if fallback is Fallback.CALL:
            story.expect_call(person)
            assert after[0].planned_at + timedelta(seconds=60) <= (after[0].started_at or story.now)


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
