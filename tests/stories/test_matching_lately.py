"""What those who write rules are shown of the last 7 days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories.harness import Story, begin
from tocsin.events.models import Event
from tocsin.policies.lately import labels_lately, matched_lately, recent_events
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.rules import Condition, Operator, parse_rules

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(now: datetime) -> Story:
    return begin(now)


def rule(*conditions: tuple[str, str, str]) -> list[Condition]:
    return [Condition(key, Operator(operator), value) for key, operator, value in conditions]


RULES: Mapping[str, list[list[Condition]]] = {
    "everything": [],
    "equal": [rule(("team", "eq", "db"))],
    "missing": [rule(("team", "eq", ""))],
    "not": [rule(("team", "neq", "db"))],
    "listed": [rule(("team", "in", "db, web"))],
    "unlisted": [rule(("team", "nin", "db"))],
    "pattern": [rule(("instance", "re", "db-[0-9]+"))],
    "not a part": [rule(("instance", "re", "db"))],
    "no pattern": [rule(("instance", "nre", "db-.*"))],
    "severity": [rule(("__severity__", "in", "P1,P2"))],
    "integration": [rule(("__integration__", "re", ".*"))],
    "both": [rule(("team", "eq", "db"), ("__severity__", "eq", "P1"))],
    "either": [rule(("team", "eq", "web")), rule(("instance", "eq", "db-1"))],
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES.keys())
def test_the_count_is_what_a_policy_with_these_rules_takes(story: Story, rules: list[list[Condition]]) -> None:
    story.policy({story.robot("https://oapi.dingtalk.com/robot/send?access_token=t"): []}, rules=rules, name="Tried")
    story.fires("DiskFull", instance="db-1", team="db", severity="critical")
    story.fires("DiskFull", instance="db-22", team="db", severity="warning")
    story.fires("Slow", instance="web-1", team="web", severity="critical")
    story.fires("Odd")

    matched = matched_lately(parse_rules(rules), recent_events(story.now))

    taken = {event.pk for event in Event.objects.filter(matched_policies=1)}
    assert matched.count == matched.active == len(taken)
    assert {event.id for event in matched.newest} == taken
    assert NotificationPolicy.objects.count() == 1


def test_resolved_events_count_and_older_ones_than_seven_days_do_not(story: Story) -> None:
    story.fires("Old")
    story.passes(8 * 86_400)
    story.fires("New")
    story.recovers("New")
    story.passes(3600)
    story.fires("Newest")

    matched = matched_lately((), recent_events(story.now))

    assert (matched.count, matched.active) == (2, 1)
    assert [event.name for event in matched.newest] == ["Newest", "New"]
    assert not matched.is_bounded


def test_a_sample_says_that_it_is_one_and_keeps_what_is_active(story: Story) -> None:
    story.fires("Active")
    first = Event.objects.get().pk
    for number in range(5):
        story.fires("Gone", instance=f"{number}")
    Event.objects.exclude(pk=first).update(state="resolved")

    sample = recent_events(story.now, limit=3)

    assert sample.is_bounded
    assert [event.name for event in sample.events] == ["Gone", "Gone", "Gone", "Active"]


def test_labels_come_with_their_values_the_most_frequent_first(story: Story) -> None:
    for team in ("db", "db", "web"):
        story.fires(f"{team}{Event.objects.count()}", team=team)
    story.fires("Long", text="x" * 200)

    seen = {label.key: label for label in labels_lately(recent_events(story.now))}

    assert seen["team"].values == ("db", "web")
    assert (seen["team"].count, seen["alertname"].count) == (3, 4)
    assert seen["__severity__"].values
    assert seen["text"].values == ()


def test_a_sample_reads_no_row_by_itself(story: Story) -> None:
    for number in range(20):
        story.fires("DiskFull", instance=f"{number}")

    with CaptureQueriesContext(connection) as through_django:
        sample = recent_events(story.now + timedelta(minutes=1))

    assert len(sample.events) == 20
    assert len(through_django) == 0  # both are prepared on the server
