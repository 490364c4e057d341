"""An integration that promised to report every so often and does not raises an event of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.stories.harness import ADMIN, Story
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.pipeline import accept, tell_missed_heartbeats
from tocsin.events.models import Event
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.events.services import beat, update_integration

WATCHDOG = [[{"key": "alertname", "operator": "eq", "value": "Watchdog"}]]


def promises(story: Story, minutes: float = 5, rules: Any = WATCHDOG) -> None:
    update_integration(
        by=ADMIN, now=story.now, integration_id=story.integration.pk, heartbeat_seconds=int(minutes * 60),
        heartbeat_rules=rules,
    )  # fmt: skip


def beats(story: Story, alertname: str = "Watchdog") -> None:
    report = Report(labels={"alertname": alertname}, starts_at=story.now, ends_at=story.now + timedelta(minutes=4))
    accept(key_of(story.integration), [report], story.now)


def told_of_heartbeats(story: Story) -> Any:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, rules=[[{"key": "alertname", "operator": "eq", "value": "TocsinHeartbeatMissed"}]])
    return ann


def test_a_heartbeat_that_does_not_come_is_an_event_that_ends_with_the_next(story: Story) -> None:
    ann = told_of_heartbeats(story)
    promises(story)
    beats(story)
    story.passes(240)
    beats(story)
    story.passes(299)
    story.expect_silence()

    story.passes(6)
    story.expect_mail(ann, "TocsinHeartbeatMissed", story.integration.name, "no heartbeat for 5 minutes")
    assert story.integration.heartbeat_missed_at is not None
    story.passes(86_400)
    beats(story)
    story.passes(60)

    story.expect_mail(ann, "TocsinHeartbeatMissed")
    assert Event.objects.get(labels__alertname="TocsinHeartbeatMissed").state == "resolved"
    assert story.integration.heartbeat_due_at == story.now + timedelta(seconds=240)


def test_only_what_matches_and_fires_is_a_heartbeat(story: Story) -> None:
    ann = told_of_heartbeats(story)
    promises(story)
    story.passes(299)
    beats(story, "Other")
    story.recovers("Watchdog")

    story.passes(10)

    story.expect_mail(ann, "TocsinHeartbeatMissed")


def test_without_rules_any_event_will_do(story: Story) -> None:
    told_of_heartbeats(story)
    promises(story, rules=[])
    story.passes(299)
    beats(story, "Other")

    story.passes(299)

    assert story.integration.heartbeat_missed_at is None


def test_time_during_which_ingest_was_down_is_not_counted_as_missed(story: Story) -> None:
    told_of_heartbeats(story)
    beat(story.now)
    promises(story)
    beats(story)
    story.passes(3600)  # nobody could report: the door has not beaten since
    story.expect_silence()

    beat(story.now)  # the door is back
    story.passes(14)
    beats(story)
    beat(story.now)
    story.passes(60)

    assert story.integration.heartbeat_missed_at is None


def test_a_worker_that_was_down_finds_heartbeats_that_came_meanwhile(story: Story) -> None:
    told_of_heartbeats(story)
    promises(story)
    for _minute in range(30):
        story.now += timedelta(minutes=4)
        beats(story)

    assert tell_missed_heartbeats(story.now) == 0


def test_one_that_is_no_longer_expected_ends(story: Story) -> None:
    ann = told_of_heartbeats(story)
    promises(story)
    story.passes(310)
    story.expect_mail(ann, "TocsinHeartbeatMissed")

    update_integration(by=ADMIN, now=story.now, integration_id=story.integration.pk, heartbeat_seconds=0)
    story.passes(60)

    story.expect_mail(ann, "TocsinHeartbeatMissed")
    assert story.integration.heartbeat_due_at is None


def test_a_disabled_integration_owes_nothing_and_begins_anew(story: Story) -> None:
    told_of_heartbeats(story)
    promises(story)
    update_integration(by=ADMIN, now=story.now, integration_id=story.integration.pk, is_enabled=False)
    story.passes(3600)
    update_integration(by=ADMIN, now=story.now, integration_id=story.integration.pk, is_enabled=True)

    assert story.integration.heartbeat_due_at == story.now + timedelta(minutes=5)


@pytest.mark.parametrize("seconds", [1, 59, 7 * 86_400 + 1])
def test_an_interval_that_makes_no_sense_is_refused(story: Story, seconds: int) -> None:
    with pytest.raises(InvalidInputError) as refused:
        update_integration(by=ADMIN, now=story.now, integration_id=story.integration.pk, heartbeat_seconds=seconds)

    assert list(refused.value.fields) == ["heartbeat_seconds"]
