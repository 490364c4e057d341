"""Calls over Twilio, from the alert to the key: the callbacks come through the real door, signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from simulators.twilio import SignedRequest, TwilioSimulator
from tests.stories.harness import ADMIN, Story, begin
from tocsin.channels.kinds import Channel
from tocsin.contacts.rules import Fallback
from tocsin.delivery.drills import drill_report, start_drill
from tocsin.oncall.models import Handover

pytestmark = pytest.mark.django_db


@pytest.fixture
def twilio(now: datetime) -> Iterator[TwilioSimulator]:
    with TwilioSimulator(clock=lambda: now) as running:
        yield running


@pytest.fixture
def story(now: datetime, twilio: TwilioSimulator) -> Iterator[Story]:
    story = begin(now)
    story.account("twilio_voice", **twilio.config)
    with time_machine.travel(now, tick=False):
        yield story


def deliver(sent: SignedRequest, **changed: Any) -> Any:
    """As Twilio makes it, over the door."""
    path = sent.url.removeprefix("https://tocsin.example")
    headers = {name: value for name, value in sent.headers.items() if name != "Content-Type"}
    return Client().post(path, sent.body, content_type=sent.headers["Content-Type"], headers={**headers, **changed})


def press(twilio: TwilioSimulator, key: str) -> str:
    call = twilio.calls[-1]
    reply = deliver(twilio.presses(call, key))
    return twilio.hears(call, reply.status_code, reply["Content-Type"], reply.content)


def test_a_key_is_answered_in_the_call_and_acts_on_the_alert(story: Story, twilio: TwilioSimulator) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    story.fires("DiskFull", instance="db1")
    story.passes(5)
    story.expect_call(ann, "Disk Full")

    again = press(twilio, "9")
    asked = press(twilio, "2")
    assert story.alert().state == "pending"
    done = press(twilio, "2")

    assert "Alert from" in again
    assert "Press 2 again" in asked
    assert "resolved" in done
    assert story.alert().state == "resolved"
    delivery = story.delivery(ann, "phone")
    assert (delivery.state, delivery.answer, delivery.pressed_key) == ("delivered", "key_pressed", "2")


def test_a_chinese_contact_hears_chinese(story: Story, twilio: TwilioSimulator) -> None:
    wang = story.contact("王小明", language="zh-hans")
    story.policy({wang: ["phone"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(wang, "告警")

    said = press(twilio, "1")

    assert twilio.calls[0].document.language == "zh-CN"
    assert not said.isascii()
    assert story.alert().state == "handling"


def test_a_machine_that_answers_is_followed_by_a_text(story: Story, twilio: TwilioSimulator) -> None:
    ann = story.contact("Ann", fallback=Fallback.SMS)
    story.policy({ann: ["phone"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(ann)

    assert deliver(twilio.detects(twilio.calls[0], "machine_start")).status_code == 200
    story.passes(1)
    deliver(twilio.call_becomes(twilio.calls[0], "completed"))

    assert story.delivery(ann, "phone").reason == "machine"
    story.expect_text(ann, "DiskFull")


def test_a_forged_key_does_nothing(story: Story, twilio: TwilioSimulator) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(ann)

    forged = deliver(twilio.presses(twilio.calls[0], "1"), **{"X-Twilio-Signature": "bm8="})

    assert (forged.status_code, forged.content) == (403, b"")
    assert story.alert().state == "pending"


def test_a_key_confirms_a_drill(story: Story, twilio: TwilioSimulator) -> None:
    ann = story.contact("Ann")
    hour = timedelta(hours=1)
    drill = start_drill(by=ADMIN, now=story.now, object_ids=[ann.pk], channels=[Channel.PHONE], lasts=hour)
    story.passes(5)
    story.expect_call(ann, "Press 1 to confirm")

    said = press(twilio, "1")

    assert "This is confirmed" in said
    assert drill_report(drill.pk).confirmed == 1


def test_a_key_checks_in_for_a_hand_over(story: Story, twilio: TwilioSimulator) -> None:
    ann = story.contact("Ann")
    rota = story.schedule([ann], starts_on="2026-11-23", handover_time="12:01", tells_by=["phone"],
                          lead_id=ann.pk, check_in_minutes=10)  # fmt: skip
    story.passes(90)
    story.expect_call(ann, "Press 1 to check in.")

    again, said = press(twilio, "9"), press(twilio, "1")

    assert "Press 1 to check in." in again
    assert "You are on duty" in said
    assert Handover.objects.get(schedule=rota).checked_in_via == "key"
