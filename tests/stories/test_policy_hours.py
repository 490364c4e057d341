"""Channels kept for severe alerts, and hours of a policy: outside them messages wait, are dropped, or must be urgent.

Stories begin on a Monday at noon UTC, which is 20:00 in Shanghai.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import time, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.services import (
    assign_alert,
    change_severity,
    claim_alert,
    escalate_alert,
    mute_alert,
    unclaim_alert,
)
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import remove_members
from tocsin.core.errors import ConflictError
from tocsin.delivery.caps import set_caps
from tocsin.delivery.claiming import claim
from tocsin.delivery.explaining import explain
from tocsin.delivery.models import Attempt, Delivery
from tocsin.delivery.rules import Cause
from tocsin.policies.rules import DailyPeriod, Outside, Window, window_as_json
from tocsin.policies.services import StepInput, create_escalation, delete_policy, disable_policy, shadow_policy

HOURS: dict[str, Any] = {"start": "09:00", "end": "18:00", "days": [1, 2, 3, 4, 5], "zone": "Asia/Shanghai"}
UNTIL_NINE = timedelta(hours=13).total_seconds()


def test_the_phone_rings_for_severe_alerts_only(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone", "email"]}, severity_limits={"phone": 2})

    story.fires("Disk full", severity="warning")
    story.passes(5)

    story.expect_mail(ann, "Disk full")
    assert [(item["name"], item["channel"], item["reason"]) for item in story.alert().reasons] == [
        ("", "phone", "not_at_severity")
    ]


def test_an_alert_that_becomes_severe_uses_the_phone_from_then_on(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone", "email"]}, severity_limits={"phone": 2})
    story.fires("Disk full", severity="warning", host="a")
    story.passes(5)
    story.expect_mail(ann)

    story.fires("Disk full", severity="critical", host="b")
    story.passes(30)

    story.expect_call(ann, "Disk full").answer()
    story.expect_mail(ann)
    assert story.alert().reasons == []


def test_robots_can_be_kept_for_severe_alerts_too(story: Story) -> None:
    ann = story.contact("Ann")
    group = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t")
    story.policy({ann: ["email"], group: []}, severity_limits={"robots": 3})

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann)
    assert not Delivery.objects.filter(channel="dingtalk").exists()


def test_who_was_told_at_its_worst_hears_that_it_is_over_when_milder_events_outlast_it(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms", "email"]}, severity_limits={"sms": 2})
    story.fires("Disk full", severity="critical", host="a")
    story.fires("Disk full", severity="warning", host="b")
    story.passes(5)
    story.expect_text(ann, "[P1]")
    story.expect_mail(ann)

    story.recovers("Disk full", severity="critical", host="a")
    story.passes(60)
    story.recovers("Disk full", severity="warning", host="b")
    story.passes(60)

    story.expect_text(ann, "recovered")
    story.expect_mail(ann, "recovered")


def test_who_a_step_told_over_a_channel_that_is_kept_for_severe_alerts_hears_that_it_is_over(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    chain = create_escalation(by=ADMIN, now=story.now, name="Lead", steps=[StepInput(targets=[(bob.pk, ["sms"])])])
    story.policy({ann: ["email"]}, severity_limits={"sms": 2}, escalation_id=chain.pk)
    story.fires("Disk full")
    story.passes(600 + 5)
    story.expect_mail(ann)
    story.expect_text(bob)

    story.recovers("Disk full")
    story.passes(60)

    story.expect_mail(ann, "recovered")
    story.expect_text(bob, "recovered")


def test_a_message_waits_until_the_hours_begin(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window=HOURS)
    story.fires("Disk full")
    story.passes(5)
    story.expect_silence()
    assert (delivery := story.delivery(ann, "email")).reason == "outside_window"
    assert delivery.state == "planned"
    assert "waits until" in next(entry.title for entry in story.timeline() if entry.kind == "delivery")

    story.passes(UNTIL_NINE - 6)
    story.expect_silence()
    story.passes(1)

    story.expect_mail(ann, "Disk full")


def test_of_what_waited_for_one_alert_only_the_newest_goes_out(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window=HOURS)
    for host in "abc":
        story.fires("Disk full", host=host)
        story.passes(60)
    story.fires("Link down")

    story.passes(UNTIL_NINE)

    story.expect_mail(ann, "firing: 3 events")
    story.expect_mail(ann, "Link down")
    ended = Delivery.objects.exclude(state="accepted").values_list("state", "reason")
    assert list(ended) == [("skipped", "planned_anew")] * 4


def test_when_the_hours_begin_told_is_who_is_on_duty_and_in_the_groups_then(story: Story) -> None:
    ann, bob, new = story.contact("Ann"), story.contact("Bob"), story.contact("New")
    late = story.contact("Late", verified=False)
    rota = story.schedule([ann, bob], name="Primary", starts_on="2026-11-23", handover_time="00:00", tells_by=[])
    team = story.group(new, name="Team")
    story.policy({rota: ["sms"], team: ["email"], late: ["phone"]}, sending_window=HOURS)
    story.fires("Disk full")  # on Monday, Ann's day
    story.passes(5)
    waiting = Delivery.objects.values_list("recipient_name", "channel", "state").order_by("channel")
    assert list(waiting) == [("New", "email", "planned"), ("Ann", "sms", "planned")]

    remove_members(by=ADMIN, now=story.now, group_id=team.pk, contact_ids=[new.pk])
    Contact.objects.filter(pk=late.pk).update(phone_verified_at=story.now)
    story.passes(UNTIL_NINE)

    story.expect_text(bob, "Disk full")
    story.expect_call(late, "Disk full")
    told = [entry.title for entry in story.timeline() if entry.kind != "delivery"]
    assert "The hours of the policy begin: what waited is planned again" in told
    assert "Notification (fired): 2 messages planned" in told
    assert "Everybody can be told now" not in told  # Team is empty
    story.passes(60)
    story.expect_text(late, "Disk full")  # the call rang out


def test_what_waits_and_whose_alert_is_late_to_be_planned_goes_out_all_the_same(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window=HOURS)
    story.fires("Disk full")
    story.passes(5)
    opens = Delivery.objects.get().next_at
    assert opens is not None

    assert claim(opens, worker_id=1) == []  # whoever plans is a moment late
    assert Delivery.objects.get().next_at == opens + timedelta(seconds=1)
    assert len(claim(opens + timedelta(minutes=1), worker_id=1)) == 1  # or dead


def test_what_recovered_or_was_claimed_in_the_night_is_not_told_in_the_morning(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window=HOURS)
    story.fires("Disk full")
    story.passes(5)
    story.recovers("Disk full")
    story.passes(60)
    story.fires("Link down")
    story.passes(5)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    story.passes(UNTIL_NINE)

    assert sorted(Delivery.objects.values_list("reason", flat=True)) == ["claimed", "firing_never_sent", "recovered"]


@pytest.mark.parametrize("switch", [disable_policy, delete_policy, shadow_policy])
def test_what_waits_is_not_sent_when_the_policy_is_no_longer_in_force(
    story: Story, switch: Callable[..., object]
) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["email"]}, sending_window=HOURS)
    story.fires("Disk full")
    story.passes(5)

    switch(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(UNTIL_NINE)

    delivery = Delivery.objects.get(channel="email", notification__alert__is_shadow=False)
    assert (delivery.state, delivery.reason) == ("skipped", "policy_disabled")


def test_outside_the_hours_messages_can_be_dropped(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window={**HOURS, "outside": "drop"})

    story.fires("Disk full", severity="critical")
    story.passes(UNTIL_NINE + 60)

    delivery = story.delivery(ann, "email")
    assert (delivery.state, delivery.reason, delivery.next_at) == ("skipped", "outside_window", None)


@pytest.mark.parametrize("outside", ["hold", "drop"])
def test_who_is_assigned_outside_the_hours_is_told_at_once_whatever_the_severity(story: Story, outside: str) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    window = {**HOURS, "outside": outside}
    limits = {"sms": 2, "email": 2}
    story.policy({ann: ["email"], bob: ["email"]}, sending_window=window, severity_limits=limits)
    story.fires("Disk full", severity="info")
    story.passes(60)
    story.expect_silence()

    assign_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, contact_id=bob.pk)
    story.passes(60)

    story.expect_mail(bob, "Disk full")


def test_what_is_urgent_can_go_out_at_once(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window={**HOURS, "outside": "urgent"})
    story.fires("Link down", severity="warning")
    story.fires("Disk full", severity="critical")
    story.passes(5)
    story.expect_mail(ann, "Disk full")
    story.expect_silence()

    story.passes(UNTIL_NINE)

    story.expect_mail(ann, "Link down")


def test_what_waits_goes_out_once_it_has_become_urgent_and_not_again_when_the_hours_begin(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window={**HOURS, "outside": "urgent"})
    story.fires("Disk full", severity="warning", host="a")
    story.fires("Link down", severity="warning")
    story.passes(60)
    story.expect_silence()

    story.fires("Disk full", severity="critical", host="b")
    story.passes(60)
    story.expect_mail(ann, "firing: 2 events")
    change_severity(by=ADMIN, now=story.now, alert_id=story.alert().pk, severity=2)
    story.passes()
    story.expect_mail(ann, "Link down")
    urgent = "It is urgent by now: what waited for the hours of the policy is planned again"
    assert urgent in [entry.title for entry in story.timeline()]

    story.passes(UNTIL_NINE)
    story.expect_silence()


def test_what_follows_an_unanswered_call_keeps_to_the_hours_too(story: Story) -> None:
    """The call is made in the last minute of the day and rings out in the first of the night."""
    ann = story.contact("Ann", fallback=Fallback.SMS)
    story.policy({ann: ["phone"]}, sending_window={**HOURS, "start": "08:00", "end": "20:01"}, group_wait=45)
    story.fires("Disk full")
    story.passes(45)
    call = story.expect_call(ann)
    story.passes(20)

    call.ring_out()
    story.passes(60)

    text = story.delivery(ann, "sms")
    assert (text.state, text.reason) == ("planned", "outside_window")
    story.passes(12 * 3600)
    story.expect_text(ann)


def test_a_night_watch_hears_only_at_night(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, sending_window={**HOURS, "start": "22:00", "end": "06:00"})

    story.fires("Disk full")
    story.passes(2 * 3600 - 1)
    story.expect_silence()
    story.passes(1)

    story.expect_mail(ann)


def test_explain_says_when_a_message_would_go_out(story: Story) -> None:
    story.policy({story.contact(): ["email"]}, name="Waits", sending_window=HOURS)
    story.policy({story.contact(): ["email"]}, name="Drops", sending_window={**HOURS, "outside": "drop"})

    waits, drops = explain({"alertname": "Disk full"}, story.now).policies

    assert waits.moment.at == story.now + timedelta(seconds=UNTIL_NINE)
    assert drops.moment.is_dropped


clocks = st.builds(time, st.integers(10, 23), st.sampled_from([0, 30]))
happenings = st.lists(
    st.tuples(
        st.sampled_from(
            ["critical", "warning", "recovers", "claim", "unclaim", "mute", "assign", "severity", "escalate"]
        ),
        st.sampled_from([1, 15, 40]),
    ),
    min_size=2,
    max_size=5,
)


@pytest.mark.thorough
@pytest.mark.timeout(900)
@given(
    begins=clocks, ends=clocks, days=st.sets(st.integers(1, 7), min_size=1), outside=st.sampled_from(Outside),
    step_begins=clocks, step_ends=clocks, what=happenings,
)  # fmt: skip
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_ever_leaves_outside_its_hours_but_what_is_urgent_or_asked_for(
    story: Story, begins: time, ends: time, days: set[int], outside: Outside, step_begins: time, step_ends: time,
    what: list[tuple[str, int]],
) -> None:  # fmt: skip
    """Through calls that nobody answers and the texts after them, caps, repetitions, mutes and claims."""
    assume(step_begins != step_ends)
    set_caps(by=ADMIN, now=story.now, calls_per_hour=1, texts_per_hour=1)
    ann, bob = story.contact(fallback=Fallback.SMS), story.contact(fallback=Fallback.CALL)
    chain = create_escalation(
        by=ADMIN, now=story.now, name=f"Chain {ann.pk}", steps=[StepInput(
            targets=[(bob.pk, ["phone", "sms"])], repetitions=2, every_minutes=20, begins=step_begins, ends=step_ends,
            time_zone="Europe/Berlin",
        )],
    )  # fmt: skip
    hours = Window(begins, ends, frozenset(days), "Asia/Shanghai", outside)
    name = f"Disk of {ann.pk}"
    policy = story.policy(
        {ann: ["phone", "sms", "email"]}, rules=[[{"key": "alertname", "operator": "eq", "value": name}]],
        sending_window={**window_as_json(hours), "start": f"{begins:%H:%M}", "end": f"{ends:%H:%M}"},
        escalation_id=chain.pk,
    )  # fmt: skip
    acts: dict[str, Callable[..., object]] = {
        "claim": claim_alert,
        "unclaim": unclaim_alert,
        "mute": partial(mute_alert, lasts=timedelta(minutes=40)),
        "assign": partial(assign_alert, contact_id=bob.pk),
        "severity": partial(change_severity, severity=2),
        "escalate": escalate_alert,
    }
    for happening, minutes in [("warning", 0), *what]:
        if happening == "recovers":
            story.recovers(name, severity="critical")
            story.recovers(name, severity="warning")
        elif happening in acts:
            with suppress(ConflictError):  # it may be over, or claimed
                acts[happening](by=ADMIN, now=story.now, alert_id=story.alert().pk)
        else:
            story.fires(name, severity=happening)
        story.passes(minutes * 60)
    disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)

    step_hours = DailyPeriod(step_begins, step_ends, ZoneInfo("Europe/Berlin")).as_window()
    for attempt in Attempt.objects.filter(delivery__notification__alert__policy=policy).select_related(
        "delivery__notification__alert"
    ):
        notification = attempt.delivery.notification
        assert notification is not None
        if notification.cause == Cause.ESCALATED:
            is_asked = notification.sending_window is None
            assert is_asked or step_hours.is_open(attempt.started_at)
        elif notification.cause != Cause.ASSIGNED:
            is_urgent = outside is Outside.URGENT and any(act in ("critical", "severity") for act, _ in what)
            assert is_urgent or hours.is_open(attempt.started_at)
    story.expected.update(story._out().values_list("pk", flat=True))
