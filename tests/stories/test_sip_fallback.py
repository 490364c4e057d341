"""Each way in which a call over SIP fails, and each thing that may follow. Telephones are real, the clock is moved."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.sipp import SipServer
from simulators.softphone import Softphone
from tests.stories.harness import Story
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.delivery.models import Delivery

pytestmark = pytest.mark.thorough

FAILS: dict[str, dict[str, Any]] = {
    "busy": {"is_busy": True},
    "no_answer": {"picks_up": None},
    "machine": {"talks_for": 4.5},
    "rejected": {"hangs_up_after": 0.2},
}


def fire(story: Story, who: Contact) -> None:
    story.policy({who: ["phone"]})
    story.fires("Disk full")
    story.passes(5)


def account(story: Story, server: str, **more: str) -> None:
    story.account("sip", server=server, register="no", user="tocsin", ring_for="5", **more)


@pytest.mark.parametrize("reason", FAILS)
def test_a_text_follows_a_call_that_reached_nobody(story: Story, reason: str) -> None:
    ann = story.contact("Ann")
    does: dict[str, Any] = FAILS[reason]
    with Softphone(**does) as phone:
        account(story, f"127.0.0.1:{phone.port}", dial=phone.address)
        fire(story, ann)

    call = story.expect_call(ann)
    assert (call.delivery.state, call.delivery.reason) == ("failed", reason)
    story.expect_text(ann, "Disk full")


@pytest.mark.parametrize("reason", FAILS)
def test_what_each_contact_wants_follows_a_call_that_reached_nobody(story: Story, reason: str) -> None:
    follows = {Fallback.NONE: [], Fallback.CALL: ["phone"], Fallback.SMS: ["sms"], Fallback.DEFAULT: ["sms"]}
    people = {fallback: story.contact(fallback.value, fallback=fallback) for fallback in follows}
    with Softphone(**FAILS[reason]) as phone:
        account(story, f"127.0.0.1:{phone.port}", dial=phone.address)
        story.policy({person: ["phone"] for person in people.values()})
        story.fires("Disk full")
        story.passes(120)

    for fallback, person in people.items():
        first, *after = Delivery.objects.filter(recipient_id=person.pk).order_by("pk")
        assert (first.state, first.reason) == ("failed", reason), fallback
        assert [item.channel for item in after] == follows[fallback]
        story.expect_call(person)
        if follows[fallback] == ["sms"]:
            story.expect_text(person, "Disk full")
        if follows[fallback] == ["phone"]:
            story.expect_call(person)
            assert (after[0].state, after[0].reason) == ("failed", reason)


def test_one_more_call_follows_and_then_nothing(story: Story) -> None:
    ann = story.contact("Ann", fallback=Fallback.CALL)
    with Softphone(is_busy=True) as phone:
        account(story, f"127.0.0.1:{phone.port}", dial=phone.address)
        fire(story, ann)
        story.expect_call(ann)
        story.passes(59)
        story.expect_silence()
        story.passes(1)
        story.expect_call(ann)
        story.passes(600)

    assert len(phone.calls) + phone._lines.qsize() >= 2


def test_nothing_follows_where_nothing_is_wanted(story: Story) -> None:
    ann = story.contact("Ann", fallback=Fallback.NONE)
    with Softphone(is_busy=True) as phone:
        account(story, f"127.0.0.1:{phone.port}", dial=phone.address)
        fire(story, ann)
        story.passes(600)

    story.expect_call(ann)


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (SipServer(status=404), "refused"),
        (SipServer(status=488), "refused"),
        (SipServer(status=0, first=()), "unreachable"),
        (SipServer(status=403, first=(100, 180)), "rejected"),
        (SipServer(status=500, first=(100, 180)), "unreachable"),
    ],
    ids=["no such number", "no such codec", "silent", "declined", "broke while it rang"],
)
def test_a_text_follows_what_the_server_refused(story: Story, server: SipServer, reason: str) -> None:
    ann = story.contact("Ann")
    with server:
        account(story, server.address)
        fire(story, ann)

    call = story.delivery(ann, "phone")
    assert (call.state, call.reason) == ("failed", reason)
    if reason in ("unreachable", "rejected"):
        story.expect_call(ann)
    story.expect_text(ann, "Disk full")


def test_a_server_that_is_down_is_tried_three_times_and_then_a_text_follows(story: Story) -> None:
    ann = story.contact("Ann")
    account(story, "127.0.0.1:9", transport="tcp")
    fire(story, ann)
    story.passes(40)

    call = story.delivery(ann, "phone")
    assert (call.state, call.reason, call.attempt_count) == ("failed", "tries_exhausted", 3)
    story.expect_text(ann, "Disk full")


def test_a_second_account_takes_over_from_one_that_is_set_up_wrongly(story: Story) -> None:
    ann = story.contact("Ann")
    with SipServer(status=488) as broken, Softphone(presses="1") as phone:
        account(story, broken.address)
        story.account(
            "sip", priority=200, server=f"127.0.0.1:{phone.port}", dial=phone.address, register="no", user="tocsin"
        )
        fire(story, ann)

    assert story.expect_call(ann).delivery.attempt_count == 2
    assert story.alert().claimed_by == "Ann"


def test_calls_to_one_person_within_a_minute_are_one_call(story: Story) -> None:
    ann = story.contact("Ann")
    with Softphone(presses="1") as phone:
        account(story, f"127.0.0.1:{phone.port}", dial=phone.address)
        story.policy({ann: ["phone"]})
        story.fires("Disk full")
        story.fires("Load high")
        story.passes(5)

    call = story.expect_call(ann, "2 notifications", "Disk full", "Load high", "Press 1 to claim them.")
    assert call.delivery.stands_for == 2
    assert story.alert().state == "handling"
