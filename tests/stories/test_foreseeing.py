"""What comes next of an open alert if nothing happens, where it is asked: then it comes true."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import time_machine

from tests.stories.harness import ADMIN, Story
from tests.stories.test_apply import run
from tocsin.alerts.services import claim_alert, escalate_alert, mute_alert, resolve_alert, unclaim_alert
from tocsin.contacts.rules import Fallback
from tocsin.delivery.explaining import explain
from tocsin.delivery.foreseeing import coming
from tocsin.policies.services import StepInput, create_escalation, disable_policy
from tocsin.policies.services.silences import create_silence

MINUTE = 60
DISK = [[{"key": "alertname", "operator": "eq", "value": "Disk full"}]]


def said(story: Story) -> list[tuple[float, str]]:
    """(minutes from now, what)."""
    found = coming([story.alert().pk], story.now)[story.alert().pk]
    return [((item.at - story.now).total_seconds() / MINUTE, item.text) for item in found]


def escalating(story: Story) -> None:
    """Ann has been told by text; Bob is the first step and Cho the second, which waits for the resolution."""
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    steps = [
        StepInput(targets=[(bob.pk, ["sms"])], after_minutes=10),
        StepInput(targets=[(cho.pk, ["sms"])], after_minutes=60, until="resolved"),
    ]
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=steps, rounds=0)
    story.policy({ann: ["sms"]}, group_wait=0, escalation_id=nights.pk)
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann)


def test_the_next_step_is_foreseen_and_comes_then(story: Story) -> None:
    escalating(story)
    story.passes(4 * MINUTE)

    assert said(story) == [(6, "step 1 of Nights, unless somebody claims it")]
    [policy] = explain({"alertname": "Disk full"}, story.now).policies
    assert [item.step for item in policy.coming] == [1]

    story.passes(6 * MINUTE)
    story.expect_many(1)
    assert said(story) == [(50, "step 2 of Nights, unless it is resolved")]


def test_a_claim_says_when_it_lapses_and_what_follows(story: Story) -> None:
    escalating(story)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lapses_after=timedelta(minutes=30))
    story.passes()

    assert said(story) == [
        (30, "the claim of Ada Admin lapses"),
        (40, "step 1 of Nights, unless somebody claims it"),
    ]


def test_a_mute_puts_off_what_comes_and_a_wish_comes_when_it_ends(story: Story) -> None:
    escalating(story)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(minutes=15))
    story.passes()

    assert said(story) == [
        (15, "the mute ends, and what it held back is told"),
        (25, "step 1 of Nights, unless somebody claims it"),
    ]

    story.passes(15 * MINUTE)
    escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    assert said(story)[0] == (0, "step 1 of Nights, because somebody asked for it")
    story.passes()
    story.expect_many(1)


def test_the_first_message_and_the_repeats_are_foreseen(story: Story) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["sms"]}, group_wait=30, repeat_every=timedelta(minutes=60))
    story.fires("Disk full")

    assert said(story) == [
        (0.5, "the first message, when its group has waited"),
        (60.5, "everybody is told again, unless somebody claims it"),
    ]

    story.passes(30)
    story.expect_text(ann)
    assert said(story) == [(60, "everybody is told again, unless somebody claims it")]
    disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    assert said(story) == []


def test_what_falls_due_outside_the_hours_says_when_it_goes_out(story: Story) -> None:
    ann = story.contact("Ann")
    hours = {"start": "13:00", "end": "20:00", "days": [1, 2, 3, 4, 5, 6, 7], "zone": "UTC"}
    story.policy({ann: ["sms"]}, group_wait=0, sending_window=hours)
    story.fires("Disk full")

    [item] = coming([story.alert().pk], story.now)[story.alert().pk]

    assert (item.kind, item.at, item.waits_until) == ("first_message", story.now, story.now + timedelta(hours=1))
    story.passes(30 * MINUTE)
    assert said(story) == [(30, "the hours of the policy begin, and what waited for them is told")]
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    assert said(story) == []
    unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(30 * MINUTE)
    story.expect_text(ann)
    assert said(story) == []


def test_a_mute_that_ends_outside_the_hours_says_for_when_what_it_held_back_waits(story: Story) -> None:
    ann = story.contact("Ann")
    hours = {"start": "13:00", "end": "20:00", "zone": "UTC"}
    story.policy({ann: ["sms"]}, group_wait=0, sending_window=hours)
    story.fires("Disk full")
    story.passes(MINUTE)
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=9))

    [item] = coming([story.alert().pk], story.now)[story.alert().pk]

    opens_at = story.now.replace(hour=13, minute=0) + timedelta(days=1)
    assert (item.kind, item.at, item.waits_until) == ("mute_ends", story.now + timedelta(hours=9), opens_at)
    story.passes((opens_at - story.now).total_seconds() - 1)
    story.expect_silence()
    story.passes(1)
    story.expect_text(ann)


def test_the_first_message_of_what_is_claimed_comes_when_the_claim_lapses_or_never(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_wait=30)
    story.fires("Disk full")
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    for_good = said(story)
    unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lapses_after=timedelta(minutes=10))

    assert for_good == []
    assert said(story) == [
        (10, "the claim of Ada Admin lapses"),
        (10, "the first message, because nobody has heard of it when the claim lapses"),
    ]
    story.passes(10 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)
    story.expect_text(ann)


def test_what_is_dropped_outside_the_hours_repeats_when_they_begin(story: Story) -> None:
    ann = story.contact("Ann")
    hours = {"start": "09:00", "end": "12:30", "zone": "UTC", "outside": "drop"}
    story.policy({ann: ["sms"]}, group_wait=0, sending_window=hours, repeat_every=timedelta(hours=1))
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann)

    [item] = coming([story.alert().pk], story.now)[story.alert().pk]

    assert (item.kind, item.waits_until, item.is_dropped) == ("repeat", story.now + timedelta(hours=21), False)
    story.passes(21 * 60 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)
    story.expect_text(ann, "still")


def test_what_follows_a_call_is_foreseen_until_it_is_answered(story: Story) -> None:
    ann, bob = story.contact("Ann", fallback=Fallback.SMS), story.contact("Bob", fallback=Fallback.CALL)
    story.policy({ann: ["phone"], bob: ["phone"]}, group_wait=0)
    story.fires("Disk full")
    story.passes()
    to_ann, to_bob = story.expect_call(ann), story.expect_call(bob)
    deadline = (to_ann.delivery.deadline_at - story.now).total_seconds() / MINUTE  # type: ignore[operator]

    assert said(story) == [
        (deadline, "a text message to Ann, unless the call is answered"),
        (deadline + 1, "Bob is called again, unless the call is answered"),
    ]

    to_ann.answer()
    to_bob.is_busy()
    assert said(story) == [(1, "Bob is called again")]
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    assert said(story) == []


def test_nothing_is_foreseen_of_what_is_silenced_or_over(story: Story) -> None:
    escalating(story)
    create_silence(by=ADMIN, now=story.now, name="Works", rules=DISK)
    story.passes(60)
    assert said(story) == []

    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    assert coming([story.alert().pk], story.now) == {story.alert().pk: ()}


def test_the_commands_say_what_comes(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    escalating(story)
    at = (story.now + timedelta(minutes=10)).isoformat(timespec="seconds")

    with time_machine.travel(story.now, tick=False):
        assert run("alert", "show", story.alert().pk) == 0
        shown = capsys.readouterr().out
        assert run("alert", "show", story.alert().pk, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert run("explain", "--label", "alertname=Disk full") == 0
        explained = capsys.readouterr().out

    assert f"If nothing happens:\n  at {at}: step 1 of Nights, unless somebody claims it" in shown
    assert [item["step"] for item in found["coming"]] == [1]
    assert f"of that alert at {at}: step 1 of Nights" in explained
