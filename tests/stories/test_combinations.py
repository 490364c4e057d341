"""Several things at once: what each means for the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import change_severity, claim_alert, mute_alert
from tocsin.contacts.services import delete_contacts, delete_groups, delete_robots, delete_webhooks
from tocsin.delivery.explaining import explain
from tocsin.delivery.timeline import timeline
from tocsin.delivery.worker import run_due
from tocsin.oncall.models import Handover
from tocsin.oncall.queries import on_duty_of
from tocsin.oncall.services import check_in, delete_schedules, substitute
from tocsin.policies.services import StepInput, create_escalation, enable_policy
from tocsin.policies.services.silences import create_silence

MINUTE = 60
HOUR = 60 * MINUTE


def named(alertname: str) -> list[Any]:
    return [[{"key": "alertname", "operator": "eq", "value": alertname}]]


def ladder(story: Story, *steps: StepInput, rounds: int = 0) -> int:
    return create_escalation(
        by=ADMIN, now=story.now, name=f"Ladder {story.now:%H%M%S%f} {len(steps)}", steps=steps, rounds=rounds
    ).pk


def test_a_step_that_fell_due_before_a_silence_is_told_when_it_ends_to_whoever_is_on_duty_by_then(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="14:00", tells_by=[])
    story.now = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
    story.passes()
    step = StepInput(after_minutes=10, targets=[(rota.pk, ["sms"])])
    story.policy({ann: ["email"]}, group_wait=0, escalation_id=ladder(story, step))
    story.fires("Disk full")
    story.passes(9.5 * MINUTE)
    story.expect_mail(ann, "firing")
    story.now += timedelta(minutes=1)  # the step is due, and its worker late: the silence is there first
    create_silence(by=ADMIN, now=story.now, name="Works", rules=named("Disk full"), effect="period",
                   ends_at=story.now + timedelta(hours=1))  # fmt: skip
    story.passes(HOUR - 1)
    story.expect_silence()

    story.passes(1)

    story.expect_mail(ann, "more events: 1 is active now")
    story.expect_text(bob, "nobody has claimed it for 10 minutes")
    story.passes(2 * HOUR)


def test_a_hand_over_at_the_very_moment_of_a_step_hands_the_step_over(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="14:00", tells_by=[])
    story.now = datetime(2026, 11, 24, 13, 50, tzinfo=UTC)
    step = StepInput(after_minutes=10, targets=[(rota.pk, ["sms"])])
    story.policy({rota: ["sms"]}, group_wait=0, escalation_id=ladder(story, step))
    [said] = explain({"alertname": "Disk full"}, story.now).policies

    story.fires("Disk full")
    story.passes(10 * MINUTE)

    assert [item.name for item in (*said.deliveries, *said.steps[0].deliveries)] == ["Ann", "Bob"]
    story.expect_text(ann, "firing")
    story.expect_text(bob, "nobody has claimed it for 10 minutes")


def test_a_step_at_a_hand_over_that_nobody_checked_in_to_goes_to_whoever_stays(story: Story) -> None:
    ann, bob, lead = story.contact("Ann"), story.contact("Bob"), story.contact("Lead")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="14:00", tells_by=["email"],
                          lead_id=lead.pk, check_in_minutes=10)  # fmt: skip
    story.now = datetime(2026, 11, 23, 14, tzinfo=UTC)
    story.passes()
    story.expect_mail(ann, "on duty")
    check_in(by=ADMIN, now=story.now, handover_id=Handover.objects.get().pk, via="console")
    story.now = datetime(2026, 11, 24, 13, 50, tzinfo=UTC)
    step = StepInput(after_minutes=10, targets=[(rota.pk, ["sms"])])
    story.policy({rota: ["sms"]}, group_wait=0, escalation_id=ladder(story, step))

    story.fires("Disk full")
    story.passes(10 * MINUTE)

    story.expect_text(ann, "firing")
    story.expect_text(ann, "nobody has claimed it for 10 minutes")
    story.expect_mail(bob, "on duty")
    story.passes(10 * MINUTE)
    for who in (lead, ann):
        story.expect_mail(who, "Bob has not checked in")


def test_whoever_is_alone_on_a_schedule_is_on_duty_whether_or_not_a_substitute_checks_in(story: Story) -> None:
    ann, bob, lead = story.contact("Ann"), story.contact("Bob"), story.contact("Lead")
    rota = story.schedule([ann], starts_on="2026-11-23", handover_time="09:00", tells_by=["email"], lead_id=lead.pk,
                          check_in_minutes=10)  # fmt: skip
    story.passes()
    story.expected.update(story._out().values_list("pk", flat=True))
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=bob.pk, starts_at=story.now,
               ends_at=story.now + timedelta(hours=2))  # fmt: skip

    story.passes(10 * MINUTE)
    story.expect_mail(bob, "on duty")
    for who in (lead, ann):
        story.expect_mail(who, "Bob has not checked in")
    meanwhile = on_duty_of([rota.pk], story.now)
    story.passes(3 * HOUR)

    assert (meanwhile, on_duty_of([rota.pk], story.now)) == ({rota.pk: ann.pk}, {rota.pk: ann.pk})
    story.expected.update(story._out().filter(delivery__recipient_id=ann.pk).values_list("pk", flat=True))


def test_everything_that_an_open_alert_names_can_be_deleted_under_it(story: Story) -> None:
    ann, bob, cho = story.contact("Ann"), story.contact("Bob"), story.contact("Cho")
    team, rota = story.group(bob, cho), story.schedule([cho], tells_by=[])
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", is_enabled=False)
    webhook = story.webhook("https://example.org/hook", is_enabled=False)
    steps = [StepInput(after_minutes=minutes, targets=[(pk, ["sms"]) for pk in (bob.pk, team.pk, rota.pk)])
             for minutes in (10, 60)]  # fmt: skip
    story.policy(
        {ann: ["sms"], team: ["sms"], rota: ["email"], robot: [], webhook: []}, escalation_id=ladder(story, *steps)
    )
    story.fires("Disk full")
    story.passes(20 * MINUTE)
    for who in (ann, bob, cho):
        story.expect_text(who, "firing")
    story.expect_mail(cho, "firing")
    for who in (bob, cho):
        story.expect_text(who, "nobody has claimed it")

    delete_schedules(by=ADMIN, now=story.now, ids=[rota.pk])
    delete_groups(by=ADMIN, now=story.now, ids=[team.pk])
    delete_robots(by=ADMIN, now=story.now, ids=[robot.pk])
    delete_webhooks(by=ADMIN, now=story.now, ids=[webhook.pk])
    delete_contacts(by=ADMIN, now=story.now, ids=[ann.pk, bob.pk, cho.pk])
    story.passes(HOUR)
    story.fires("Disk full", instance="db2")
    story.passes(MINUTE)
    [said] = explain({"alertname": "Disk full"}, story.now).policies
    titles = [entry.title for entry in timeline(story.alert().pk)]
    story.recovers("Disk full")
    story.recovers("Disk full", instance="db2")
    story.passes(HOUR)

    assert [lack.reason for lack in said.shortfalls] == ["no_targets"]
    assert sum("obody" in title for title in titles) >= 2
    assert Alert.objects.get().state == "resolved"


def test_a_message_that_a_cap_holds_goes_out_once_its_alert_is_p1(story: Story, settings: Any) -> None:
    settings.TEXTS_PER_HOUR = 1
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_wait=0)
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann, "Disk full")
    story.fires("Fan broken")
    story.passes(MINUTE)
    story.expect_silence()

    change_severity(by=ADMIN, now=story.now, alert_id=story.alert().pk, severity=1)
    story.passes()

    story.expect_text(ann, "[P1] Fan broken")
    story.passes(3 * HOUR)


def test_a_message_that_a_cap_holds_goes_out_once_what_joins_its_alert_is_p1(story: Story, settings: Any) -> None:
    settings.TEXTS_PER_HOUR = 1
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_wait=0)
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann, "Disk full")
    story.fires("Fan broken")
    story.passes(MINUTE)

    story.fires("Fan broken", severity="critical")
    story.passes(MINUTE)

    story.expect_text(ann, "[P1] Fan broken", "2 events")
    story.passes(3 * HOUR)


def test_a_shadow_that_is_enabled_begins_its_escalation_anew(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    step = StepInput(after_minutes=30, targets=[(bob.pk, ["sms"])])
    policy = story.policy({ann: ["sms"]}, is_shadow=True, escalation_id=ladder(story, step))
    story.fires("Disk full")
    story.passes(20 * MINUTE)

    enable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(30 * MINUTE)
    story.expect_text(ann, "firing")
    story.expect_silence()
    story.passes(MINUTE)

    story.expect_text(bob, "nobody has claimed it for 30 minutes")


def test_a_worker_that_was_dead_for_two_hours_tells_each_alert_what_is_true_by_then_and_once(story: Story) -> None:
    """Alerts in every phase: waiting for their group, muted, claimed for a time, silenced, over, waiting for hours."""
    ann, bob = story.contact("Ann"), story.contact("Bob")
    step = StepInput(after_minutes=30, targets=[(bob.pk, ["sms"])], repetitions=3, every_minutes=10)
    escalation_id = ladder(story, step, rounds=2)
    late = {"start": "13:00", "end": "13:30", "zone": "UTC", "outside": "hold"}
    story.policy({ann: ["sms"]}, rules=named("waits for hours"), sending_window=late)
    names = ("grouping", "muted", "claimed", "silenced", "over")
    rules = [[{"key": "alertname", "operator": "in", "value": ",".join(names)}]]
    story.policy({ann: ["email"]}, rules=rules, group_wait=60, escalation_id=escalation_id)
    for name in names[1:]:
        story.fires(name)
    story.fires("waits for hours")
    story.passes(MINUTE)
    for name in names[1:]:
        story.expect_mail(ann, name)
    story.fires("grouping")
    alerts = {alert.group_labels["alertname"]: alert.pk for alert in Alert.objects.all()}
    mute_alert(by=ADMIN, now=story.now, alert_id=alerts["muted"], lasts=timedelta(minutes=100))
    claim_alert(by=ADMIN, now=story.now, alert_id=alerts["claimed"], lapses_after=timedelta(minutes=60))
    create_silence(by=ADMIN, now=story.now, name="Works", rules=named("silenced"), effect="period",
                   ends_at=story.now + timedelta(minutes=90))  # fmt: skip
    story.recovers("over")

    story.now += timedelta(hours=2)
    run_due(story.now)

    mails = [story.expect_mail(ann).text for _ in range(2)]
    assert [text for text in mails if "grouping" in text and "firing: 1 event" in text]
    assert [text for text in mails if "over" in text and "recovered" in text]
    texts = [story.expect_text(bob, "nobody has claimed it for 30 minutes").text for _ in range(2)]
    assert [any(name in text for text in texts) for name in ("claimed", "silenced", "muted")] == [True, True, False]
    waiting = Alert.objects.get(pk=alerts["waits for hours"])
    assert waiting.due_at == datetime(2026, 11, 24, 13, tzinfo=UTC)
    story.expect_silence()
    story.passes(10 * MINUTE - 1)
    story.expect_silence()


def test_what_repeats_says_nothing_while_the_hours_are_over_and_goes_on_with_them(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    hours = {"start": "09:00", "end": "18:00", "zone": "UTC"}
    again = timedelta(minutes=10)
    story.policy({ann: ["sms"]}, repeat_every=again, sending_window={**hours, "outside": "hold"}, name="Holds")
    story.policy({bob: ["sms"]}, repeat_every=again, sending_window={**hours, "outside": "drop"}, name="Drops")
    story.now = datetime(2026, 11, 24, 17, 55, tzinfo=UTC)
    story.fires("Disk full")
    story.passes(MINUTE)
    for who in (ann, bob):
        story.expect_text(who, "firing")

    story.passes(15 * HOUR)
    planned = [alert.notifications.count() for alert in Alert.objects.order_by("pk")]
    story.expect_silence()
    story.passes(4 * MINUTE)

    assert planned == [1, 1]
    for who in (ann, bob):
        story.expect_text(who, "still firing")
    story.passes(10 * MINUTE)
    for who in (ann, bob):
        story.expect_text(who, "still firing")


def test_what_fires_at_night_is_told_once_when_the_hours_begin_however_often_it_would_have_repeated(
    story: Story,
) -> None:
    ann = story.contact("Ann")
    hours = {"start": "09:00", "end": "18:00", "zone": "UTC", "outside": "urgent"}
    story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=10), sending_window=hours)
    story.now = datetime(2026, 11, 24, 20, tzinfo=UTC)
    story.fires("Disk full")
    story.passes(13 * HOUR - 1)
    story.expect_silence()
    assert story.alert().notifications.count() == 1

    story.passes(1)
    story.expect_text(ann, "firing: 1 event")
    story.passes(10 * MINUTE)

    story.expect_text(ann, "still firing")
