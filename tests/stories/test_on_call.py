"""On-call schedules: who is told when, on a clock that the story moves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from simulators.wecom import WecomSimulator
from tests.chaos.threads import at_once
from tests.stories.harness import ADMIN, Story, begin
from tocsin.contacts.models import Contact
from tocsin.core.errors import ConflictError
from tocsin.delivery.handovers import send_handovers
from tocsin.delivery.models import Delivery
from tocsin.oncall.models import Handover, Schedule
from tocsin.oncall.queries import on_duty_of
from tocsin.oncall.services import check_in, substitute, update_schedule
from tocsin.policies.services import StepInput, create_escalation

HOUR = 3600.0


@pytest.fixture
def wecom() -> Iterator[WecomSimulator]:
    with WecomSimulator() as simulator:
        yield simulator


def test_a_policy_tells_whoever_is_on_duty_at_the_moment(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="13:00", zone="UTC", tells_by=[])
    story.policy({rota: ["sms"]}, group_by=["alertname"])
    story.passes(2 * HOUR)

    story.fires("Disk full")
    story.passes(10)
    story.now += timedelta(hours=24)
    story.fires("Memory low")
    story.passes(10)

    story.expect_text(ann, "Disk full")
    story.expect_text(bob, "Memory low")


def test_a_substitute_is_told_for_as_long_as_arranged(story: Story) -> None:
    ann, bob, cem = story.contact("Ann"), story.contact("Bob"), story.contact("Cem")
    rota = story.schedule([ann], starts_on="2026-11-01", handover_time="09:00", tells_by=[])
    story.policy({rota: ["sms"], bob: ["email"]}, group_by=["alertname"], sends_recovery=False)
    until = datetime(2026, 11, 23, 14, tzinfo=UTC)
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=cem.pk, replaces_id=ann.pk,
               starts_at=story.now, ends_at=until)  # fmt: skip

    story.fires("Disk full")
    story.passes(10)
    story.now = until
    story.fires("Memory low")
    story.passes(10)

    story.expect_text(cem, "Disk full")
    story.expect_text(ann, "Memory low")
    story.expect_mail(bob)
    story.expect_mail(bob)


def test_who_was_told_before_the_hand_over_hears_that_it_is_over(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-22", handover_time="13:00", tells_by=[])
    story.policy({rota: ["sms"]})
    story.fires("Disk full")
    story.passes(10)
    story.expect_text(ann, "Disk full")
    story.passes(2 * HOUR)
    assert on_duty_of([rota.pk], story.now) == {rota.pk: bob.pk}

    story.recovers("Disk full")
    story.passes(60)

    story.expect_text(ann, "recovered")
    assert story.delivery(bob, "sms").reason == "firing_never_sent"


def test_with_nobody_on_duty_the_timeline_says_so_and_others_are_told(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    night = {"days": [0, 1, 2, 3, 4, 5, 6], "from": "22:00", "until": "06:00"}
    rota = story.schedule([ann], restrictions=[night], zone="UTC", name="Nights", tells_by=[])
    story.policy({rota: ["sms"], bob: ["email"]})

    story.fires("Disk full")
    story.passes(10)

    story.expect_mail(bob, "Disk full")
    assert story.alert().reasons == [{"id": rota.pk, "name": "Nights", "channel": "", "reason": "nobody_on_duty"}]


def test_an_escalation_tells_whoever_is_on_duty_when_its_step_comes(story: Story) -> None:
    ann, bob, cem = story.contact("Ann"), story.contact("Bob"), story.contact("Cem")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="12:30", tells_by=[])
    step = StepInput(after_minutes=40, targets=[(rota.pk, ["sms"])])
    escalation = create_escalation(by=ADMIN, now=story.now, name="Next", steps=[step], rounds=0)
    story.policy({cem: ["email"], rota: ["email"]}, escalation_id=escalation.pk, sends_recovery=False)

    story.fires("Disk full")
    story.passes(45 * 60)

    story.expect_mail(cem, "Disk full")
    story.expect_text(ann, "Disk full")  # nobody was on duty when it began


def test_who_is_named_twice_is_told_once(story: Story) -> None:
    ann = story.contact("Ann")
    rota = story.schedule([ann], tells_by=[])
    story.policy({rota: ["sms"], story.group(ann): ["sms"], ann: ["sms"]})

    story.fires("Disk full")
    story.passes(10)

    story.expect_text(ann, "Disk full")


# hand-overs


def test_the_new_person_and_the_group_are_told_once_when_the_turn_begins(story: Story, wecom: WecomSimulator) -> None:
    ann, bob = story.contact("Ann", language="zh-hans"), story.contact("Bob")
    robot = story.robot(wecom.webhook, platform="wecom")
    story.schedule([ann, bob], starts_on="2026-11-23", handover_time="13:00", name="Database", tells_by=["sms"],
                   robot_id=robot.pk, zone="Europe/Berlin")  # fmt: skip

    story.passes(HOUR)
    story.now += timedelta(hours=24)
    story.passes()

    story.expect_text(ann, "轮到您值班：Database，2026-11-23 13:00 CET 至 2026-11-24 13:00 CET。")
    story.expect_text(bob, "You are on duty for Database from 2026-11-24 13:00 CET until 2026-11-25 13:00 CET.")
    story.expect_group_message(robot, "Ann is on duty until 2026-11-24 13:00 CET.")
    story.expect_group_message(robot, "Bob is on duty until")


def test_clocks_that_change_hand_over_once_and_at_the_time_of_day(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.now = datetime(2027, 3, 27, 0, 30, tzinfo=UTC)
    rota = story.schedule([ann, bob], starts_on="2027-03-27", handover_time="02:30", zone="Europe/Berlin",
                          tells_by=["sms"])  # fmt: skip

    for moment in ("2027-03-27 01:29", "2027-03-28 00:59", "2027-03-29 00:29"):
        story.now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        story.passes(120)

    moments = list(Handover.objects.filter(schedule=rota).order_by("at").values_list("at", "contact_name"))
    assert moments == [
        (datetime(2027, 3, 27, 1, 30, tzinfo=UTC), "Ann"),
        (datetime(2027, 3, 28, 1, 0, tzinfo=UTC), "Bob"),  # 02:30 does not exist
        (datetime(2027, 3, 29, 0, 30, tzinfo=UTC), "Ann"),
    ]
    for who in (ann, bob, ann):
        story.expect_text(who)


def test_a_worker_that_was_dead_tells_of_the_turn_that_is_on_and_marks_the_others_as_missed(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="11:00", tells_by=["sms"])
    story.passes()
    story.expect_text(ann)

    story.now = datetime(2026, 11, 26, 13, tzinfo=UTC)  # nobody worked for three days
    story.passes(60)

    story.expect_text(bob, "from 2026-11-26 11:00 UTC until 2026-11-27 11:00 UTC")
    missed = Handover.objects.filter(schedule=rota, is_missed=True).order_by("at")
    assert [(row.at.day, row.contact_name) for row in missed] == [(24, "Bob"), (25, "Ann")]
    skipped = Delivery.objects.filter(purpose="handover", state="skipped").order_by("planned_at")
    assert [(row.recipient_name, row.reason) for row in skipped] == [("Bob", "too_late"), ("Ann", "too_late")]


def test_a_substitute_who_begins_now_is_told_now_and_the_other_when_the_turn_is_back(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann], tells_by=["sms"])
    story.passes()
    story.expect_text(ann)

    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=bob.pk, starts_at=story.now,
               ends_at=story.now + timedelta(hours=5))  # fmt: skip
    story.passes(60)

    story.expect_text(bob, "until 2026-11-23 17:00 UTC")
    story.passes(6 * HOUR)
    story.expect_text(ann, "since 2026-11-23 17:00 UTC")


def test_vendors_that_take_only_variables_get_the_facts_and_no_link(story: Story) -> None:
    ann, lead = story.contact("Ann"), story.contact("Lead")
    story.schedule([ann], name="Database", tells_by=["sms"], lead_id=lead.pk, check_in_minutes=10)

    story.passes()

    data = json.loads(story.expect_text(ann).delivery.content.data)
    assert data["title"] == "Database"
    assert data["state"] == "You are on duty: Database"
    assert "link" not in data["summary"]


def with_check_in(story: Story, tells_by: list[str]) -> tuple[Schedule, Contact, Contact, Contact]:
    """Ann is on duty and has checked in; Bob's turn begins in two hours."""
    ann, bob, lead = story.contact("Ann"), story.contact("Bob"), story.contact("Lead")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="14:00", name="Database",
                          tells_by=tells_by, lead_id=lead.pk, check_in_minutes=10)  # fmt: skip
    story.now = datetime(2026, 11, 23, 14, tzinfo=UTC)
    story.passes()
    handover = Handover.objects.get(schedule=rota)
    check_in(by=ADMIN, now=story.now, handover_id=handover.pk, via="console")
    for channel in tells_by:
        story.expect(ann, channel)
    story.now = datetime(2026, 11, 24, 13, 59, tzinfo=UTC)
    return rota, ann, bob, lead


def test_a_pressed_key_checks_in(story: Story) -> None:
    rota, _ann, bob, _lead = with_check_in(story, ["phone"])

    story.passes(120)
    call = story.expect_call(bob, "you are on duty for Database", "Press 1 to check in.")
    before = on_duty_of([rota.pk], story.now)
    call.press("1")

    assert (before, on_duty_of([rota.pk], story.now)) == ({rota.pk: _ann.pk}, {rota.pk: bob.pk})
    handover = Handover.objects.get(schedule=rota, contact=bob)
    assert (handover.checked_in_by, handover.checked_in_via) == ("Bob", "key")
    story.passes(HOUR)  # and the lead hears nothing


def test_silence_tells_the_lead_and_keeps_the_person_before_on_duty(story: Story) -> None:
    rota, ann, bob, lead = with_check_in(story, ["sms"])
    story.policy({rota: ["email"]})

    story.passes(12 * 60)
    story.fires("Disk full")
    story.passes(10)

    story.expect_text(bob, "Please check in within 10 minutes. Until then Ann stays on duty.")
    story.expect_text(lead, "Bob has not checked in for Database. Ann stays on duty until somebody does.")
    story.expect_text(ann, "Bob has not checked in for Database. You stay on duty.")
    story.expect_mail(ann, "Disk full")
    check_in(by=ADMIN, now=story.now, handover_id=Handover.objects.latest("at").pk, via="link")
    assert on_duty_of([rota.pk], story.now) == {rota.pk: bob.pk}


def test_who_was_kept_on_duty_stays_when_the_next_one_is_silent_too(story: Story) -> None:
    rota, ann, bob, lead = with_check_in(story, ["sms"])
    cem = story.contact("Cem")
    story.passes(12 * 60)
    for who in (bob, lead, ann):
        story.expect_text(who)
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=cem.pk, starts_at=story.now,
               ends_at=story.now + timedelta(hours=5))  # fmt: skip

    story.passes(60)

    story.expect_text(cem, "Until then Ann stays on duty.")
    assert on_duty_of([rota.pk], story.now) == {rota.pk: ann.pk}


def test_without_a_check_in_any_more_whoever_has_the_turn_is_on_duty(story: Story) -> None:
    rota, ann, bob, _lead = with_check_in(story, ["sms"])
    story.passes(120)
    story.expect_text(bob)
    assert on_duty_of([rota.pk], story.now) == {rota.pk: ann.pk}

    update_schedule(by=ADMIN, now=story.now, schedule_id=rota.pk, version=None, check_in_minutes=None)
    story.passes(20 * 60)  # and the lead hears nothing

    assert on_duty_of([rota.pk], story.now) == {rota.pk: bob.pk}


def test_after_a_gap_there_is_nobody_to_keep_so_the_new_person_is_on_duty_at_once(story: Story) -> None:
    bob, lead = story.contact("Bob"), story.contact("Lead")
    day = {"days": [0, 1, 2, 3, 4, 5, 6], "from": "13:00", "until": "20:00"}
    rota = story.schedule([bob], restrictions=[day], lead_id=lead.pk, check_in_minutes=10, tells_by=["sms"])

    story.passes(2 * HOUR)

    story.expect_text(bob, "Please check in within 10 minutes.")
    story.expect_text(lead, "has not checked in")
    assert on_duty_of([rota.pk], story.now) == {rota.pk: bob.pk}


def test_a_check_in_that_comes_too_late_changes_nothing(story: Story) -> None:
    rota, ann, bob, lead = with_check_in(story, ["sms"])
    story.passes(12 * 60)
    story.now += timedelta(hours=24)
    story.passes()
    for who in (bob, lead, ann, ann):  # Ann is told that she stays, and that her next turn begins
        story.expect_text(who)
    over = Handover.objects.get(schedule=rota, contact=bob)

    with pytest.raises(ConflictError, match="over"):
        check_in(by=ADMIN, now=story.now, handover_id=over.pk, via="link")

    assert on_duty_of([rota.pk], story.now) == {rota.pk: ann.pk}


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_hand_over_tell_once(now: datetime) -> None:
    story = begin(now)
    people = [story.contact() for _ in range(10)]
    for person in people:
        story.schedule([person], tells_by=["sms"])

    done = at_once(*[lambda: send_handovers(now)] * 3)

    assert sum(done) == 10
    assert Handover.objects.count() == Delivery.objects.filter(purpose="handover").count() == 10
