"""What nobody reacts to is told again."""

from __future__ import annotations

from datetime import timedelta

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.services import claim_alert, resolve_alert, unclaim_alert
from tocsin.delivery.worker import run_due
from tocsin.policies.services import disable_policy, enable_policy
from tocsin.policies.services.silences import create_silence

MINUTE = 60


def test_an_alert_is_told_again_until_it_recovers(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=10))

    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann, "firing: 1 event")
    story.passes(10 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)
    story.expect_text(ann, "still firing: 1 event")
    story.passes(10 * MINUTE)
    story.expect_text(ann, "still firing: 1 event")

    story.recovers("Disk full")
    story.passes(60 * MINUTE)
    story.expect_text(ann, "recovered")


def test_a_claim_stops_the_repeats_and_giving_it_back_lets_them_go_on(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=10))
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes(60 * MINUTE)
    story.expect_silence()

    unclaim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes()
    story.expect_text(ann, "still firing")
    story.passes(10 * MINUTE)
    story.expect_text(ann, "still firing")


def test_a_worker_dead_for_two_hours_repeats_once(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=10))
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)

    story.now += timedelta(hours=2)
    run_due(story.now)

    story.expect_text(ann, "still firing")
    story.passes(10 * MINUTE)
    story.expect_text(ann, "still firing")


def test_what_is_resolved_by_hand_and_still_fires_opens_again_as_it_would_have_been_repeated(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=10))
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    story.passes(10 * MINUTE)

    story.expect_text(ann, "still firing")


def test_a_disabled_policy_repeats_nothing_and_an_enabled_one_once(story: Story) -> None:
    ann = story.contact("Ann")
    policy = story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=10))
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann)
    disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(30 * MINUTE)
    story.expect_silence()

    enable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)
    story.passes(MINUTE)

    story.expect_text(ann, "still firing")


def test_a_silence_between_two_repeats_is_told_over_once_and_begins_the_interval_anew(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, repeat_every=timedelta(minutes=30), group_wait=0)
    story.fires("Disk full")
    story.passes(20 * MINUTE)
    story.expect_text(ann, "firing")
    rules = [[{"key": "alertname", "operator": "eq", "value": "Disk full"}]]
    until = story.now + timedelta(minutes=50)

    create_silence(by=ADMIN, now=story.now, name="Works", rules=rules, effect="period", ends_at=until)
    story.passes(50 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)
    story.expect_text(ann, "more events: 1 is active now")
    story.passes(30 * MINUTE - 1)
    story.expect_silence()
    story.passes(1)

    story.expect_text(ann, "still firing")
