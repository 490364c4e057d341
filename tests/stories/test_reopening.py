"""Alerts that were resolved by hand although something still fires: when they open again, and who hears of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import apply_policy_to_alert, claim_alert, reopen_alert, resolve_alert
from tocsin.core.errors import ConflictError
from tocsin.delivery.worker import run_due
from tocsin.policies.services import (
    StepInput,
    create_escalation,
    delete_policy,
    disable_policy,
    enable_policy,
    save_policy,
)
from tocsin.policies.services.silences import create_silence

MINUTE = 60
HOUR = 60 * MINUTE
AFTERNOON = {"start": "13:00", "end": "18:00", "zone": "UTC", "outside": "hold"}
DISK = [[{"key": "alertname", "operator": "eq", "value": "Disk full"}]]


def resolve(story: Story) -> None:
    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)


def test_what_still_fires_joins_the_newer_alert_of_its_group_when_it_would_have_opened_again(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full", instance="db1")
    story.passes(5)
    story.expect_text(ann, "firing: 1 event")
    resolve(story)
    story.passes(HOUR)
    story.fires("Disk full", instance="db2")
    story.passes(5)
    story.expect_text(ann, "firing: 1 event")

    story.passes(3 * HOUR)

    story.expect_text(ann, "2 are active now")
    assert list(Alert.objects.order_by("pk").values_list("state", "due_at")) == [("resolved", None), ("pending", None)]
    story.recovers("Disk full", instance="db2")
    story.passes(HOUR)
    story.expect_silence()
    story.recovers("Disk full", instance="db1")
    story.passes(MINUTE)
    story.expect_text(ann, "recovered")


def test_what_still_fires_opens_again_when_the_newer_alert_of_its_group_is_over(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full", instance="db1")
    story.passes(5)
    story.expect_text(ann)
    resolve(story)
    story.fires("Disk full", instance="db2")
    story.passes(5)
    story.expect_text(ann)
    story.recovers("Disk full", instance="db2")
    story.passes(HOUR)
    story.expect_text(ann, "recovered")

    story.passes(3 * HOUR)

    story.expect_text(ann, "still firing: 1 event")


def test_what_fired_anew_and_was_resolved_again_waits_from_then_on(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    resolve(story)
    story.passes(HOUR)
    story.recovers("Disk full")
    story.passes(2 * HOUR)
    story.fires("Disk full")
    story.passes(30 * MINUTE)
    story.expect_text(ann)
    resolve(story)

    story.passes(4 * HOUR - 1)
    story.expect_silence()
    story.passes(1)

    story.expect_text(ann, "still firing")
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == ["resolved", "pending"]


def test_two_that_wait_for_the_same_moment_open_as_one(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    for instance in ("db1", "db2"):
        story.fires("Disk full", instance=instance)
        story.passes(5)
        story.expect_text(ann)
        resolve(story)
    Alert.objects.update(due_at=story.now + timedelta(hours=4))

    story.passes(4 * HOUR)
    story.expect_text(ann, "still firing: 1 event")
    story.passes(MINUTE)

    story.expect_text(ann, "2 are active now")
    assert Alert.objects.filter(resolved_at=None).count() == 1


def test_a_policy_that_was_disabled_at_the_moment_opens_it_again_once_it_is_enabled(story: Story) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=10))
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    resolve(story)
    disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(HOUR)
    story.expect_silence()

    enable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(MINUTE)

    story.expect_text(ann, "still firing")
    story.passes(10 * MINUTE)
    story.expect_text(ann, "still firing")
    delete_policy(by=ADMIN, now=story.now, policy_id=policy.pk)


def test_of_a_deleted_policy_nothing_opens_again_and_nobody_looks_any_more(story: Story) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    resolve(story)
    delete_policy(by=ADMIN, now=story.now, policy_id=policy.pk)

    story.passes(5 * HOUR)

    assert Alert.objects.get().due_at is None


def test_what_waited_for_its_hours_and_opens_again_with_them_is_told_once(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, sending_window=AFTERNOON)
    story.now = story.now.replace(day=24, hour=9, minute=30)
    story.fires("Disk full")
    story.passes(10)
    resolve(story)

    story.now = story.now.replace(hour=13, minute=45)  # no worker was there meanwhile
    run_due(story.now)

    story.expect_text(ann, "firing")
    story.passes(HOUR)


def test_who_heard_nothing_because_it_was_resolved_is_told_when_it_is_opened_again(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"], bob: ["sms"]}, sending_window=AFTERNOON)
    story.now = story.now.replace(day=24, hour=11)
    story.fires("Disk full")
    story.passes(10)
    resolve(story)
    story.passes(2.5 * HOUR)
    story.expect_silence()

    reopen_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes()

    story.expect_text(ann, "firing: 1 event")
    story.expect_text(bob, "firing: 1 event")
    story.passes(HOUR)


def test_who_was_told_before_it_was_resolved_is_not_told_when_it_is_opened_again(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    resolve(story)

    reopen_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(HOUR)

    story.expect_silence()


def test_what_is_resolved_and_opened_again_while_its_group_waits_is_told_once(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_wait=60)
    story.fires("Disk full")
    story.passes(10)
    resolve(story)
    story.passes(10)

    reopen_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(HOUR)

    story.expect_text(ann, "firing: 1 event")


def test_what_is_silenced_is_not_opened_again_by_hand_and_says_so(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    resolve(story)
    ends = story.now + timedelta(hours=1)
    create_silence(by=ADMIN, now=story.now, name="Works", rules=DISK, effect="period", ends_at=ends)
    story.passes()

    with pytest.raises(ConflictError, match="silenced"):
        reopen_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(HOUR + 5)

    story.expect_text(ann, "firing: 1 event")
    story.passes(5 * HOUR)


def test_an_alert_that_begins_anew_with_a_mended_policy_begins_its_escalation_anew(story: Story) -> None:
    ann, bob, cho = story.contact("Ann", verified=False), story.contact("Bob"), story.contact("Cho")
    chain = create_escalation(
        by=ADMIN, now=story.now, name="Nights", rounds=0,
        steps=[StepInput(after_minutes=10, targets=[(ann.pk, ["phone"])]),
               StepInput(after_minutes=80, targets=[(cho.pk, ["sms"])])],
    )  # fmt: skip
    policy = story.policy({ann: ["phone"]}, escalation_id=chain.pk, name="Team")
    story.fires("Disk full")
    story.passes(75 * MINUTE)
    save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name="Team", targets=[(bob.pk, ["sms"])],
                escalation_id=chain.pk)  # fmt: skip

    apply_policy_to_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(79 * MINUTE)
    story.expect_text(bob, "firing: 1 event")
    story.expect_silence()
    story.passes(MINUTE)

    story.expect_text(cho, "nobody has claimed it for 80 minutes")


def test_the_current_policy_is_applied_to_what_still_waits_for_its_group_without_hurrying_it(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    policy = story.policy({ann: ["sms"]}, name="Team", group_wait=60)
    story.fires("Disk full", instance="db1")
    story.passes(10)
    save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name="Team", targets=[(bob.pk, ["sms"])])

    apply_policy_to_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(10)
    story.expect_silence()
    story.fires("Disk full", instance="db2")
    story.passes(HOUR)

    story.expect_text(bob, "firing: 2 events")


def test_a_claim_of_an_alert_that_was_opened_again_stops_what_was_resolved_before(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, sending_window=AFTERNOON)
    story.now = story.now.replace(day=24, hour=11)
    story.fires("Disk full")
    story.passes(10)
    resolve(story)
    story.passes(2.5 * HOUR)

    reopen_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(HOUR)

    story.expect_silence()
