"""What a silence policy hides is told to nobody, and what still fires when it ends is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.stories.harness import ADMIN, Story
from tocsin.core.errors import InvalidInputError
from tocsin.events.models import Event
from tocsin.policies.models import SilencePolicy
from tocsin.policies.queries.silences import hidden_ever, hidden_now
from tocsin.policies.services.silences import create_silence, delete_silence, end_silence, save_silence


def when(key: str, value: str, operator: str = "eq") -> dict[str, str]:
    return {"key": key, "operator": operator, "value": value}


def silenced(story: Story, *conditions: dict[str, str], **fields: Any) -> SilencePolicy:
    """For an hour, unless the fields say otherwise."""
    if "effect" not in fields:
        fields |= {"effect": "period", "ends_at": story.now + timedelta(hours=1)}
    return create_silence(by=ADMIN, now=story.now, name="Maintenance", rules=[list(conditions)], **fields)


@pytest.mark.parametrize(
    ("field", "moment"), [("starts_at", "0001-01-01T00:00:00+10:00"), ("ends_at", "9999-12-31T23:59:59-10:00")]
)
def test_a_period_that_could_not_be_read_again_is_refused(story: Story, field: str, moment: str) -> None:
    period = {"effect": "period", "ends_at": story.now + timedelta(hours=1), field: datetime.fromisoformat(moment)}

    with pytest.raises(InvalidInputError) as refused:
        silenced(story, when("host", "db1"), **period)

    assert list(refused.value.fields) == [field]


def test_what_is_silenced_is_told_to_nobody_and_when_the_silence_ends_what_still_fires_is(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    silence = silenced(story, when("host", "db1"))

    event = story.fires("Disk full", host="db1")
    story.passes(600)
    story.fires("Disk full", host="db1")  # reported again
    story.passes(600)

    event.refresh_from_db()
    assert (event.state, event.silenced_by) == ("silenced", silence.pk)
    assert event.memberships.count() == 0
    assert list(hidden_now(silence.pk)) == [event]
    assert [(item.event, item.times) for item in hidden_ever(silence.pk)] == [(event, 1)]
    story.expect_silence()

    story.passes(2400 + 5)
    story.expect_mail(ann, "Disk full")
    event.refresh_from_db()
    assert (event.state, event.silenced_by) == ("active", None)
    assert hidden_now(silence.pk).count() == 0
    assert hidden_ever(silence.pk).count() == 1


def test_what_recovers_while_it_is_silenced_is_never_told(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    silenced(story, when("host", "db1"))

    story.fires("Disk full", host="db1")
    story.passes(600)
    story.recovers("Disk full", host="db1")
    story.passes(7200)

    assert Event.objects.get().state == "resolved"


def test_an_event_silenced_after_it_was_told_stays_in_its_alert_and_is_quiet(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    story.fires("Disk full", host="db1")
    story.passes(5)
    story.expect_mail(ann, "Disk full")

    silenced(story, when("host", "db1"))
    story.passes(60)
    alert = story.alert()
    assert (alert.state, alert.active_count, alert.event_count) == ("pending", 0, 1)
    assert "Silenced by Maintenance" in [entry.title for entry in story.timeline()]
    story.recovers("Disk full", host="db1")
    story.passes(60)

    assert story.alert().state == "resolved"  # and nobody is told: the story ends with silence


def test_a_silence_over_one_of_two_events_leaves_the_other_one_loud(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    story.fires("Disk full", host="db1")
    story.fires("Disk full", host="db2")
    story.passes(5)
    story.expect_mail(ann, "db1", "db2")
    silenced(story, when("host", "db1"))
    story.passes(60)

    story.fires("Disk full", host="db3")
    story.passes(60)
    mail = story.expect_mail(ann, "db2", "db3")
    assert "db1" not in mail.text
    story.recovers("Disk full", host="db2")
    story.recovers("Disk full", host="db3")
    story.passes(60)
    story.expect_silence()
    assert story.alert().state == "pending"  # db1 still fires, unheard

    story.passes(3600)
    story.expect_mail(ann, "db1")
    story.recovers("Disk full", host="db1")
    story.passes(60)
    story.expect_mail(ann, "db1")
    assert story.alert().state == "resolved"


def test_a_message_that_waits_when_the_silence_begins_does_not_go_out(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["phone"]})
    story.fires("Disk full", host="db1")
    story.passes(5)
    story.expect_call(ann, "Disk full")  # rings

    silenced(story, when("host", "db1"))
    story.passes(60)  # unanswered: a text message would follow

    assert story.delivery(ann, "sms").reason == "silenced"


def test_a_silence_that_is_ended_by_hand_edited_or_deleted_tells_what_still_fires(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, group_interval=1)
    silences = [silenced(story, when("host", host), effect="always") for host in ("db1", "db2", "db3")]
    for host in ("db1", "db2", "db3"):
        story.fires("Disk full", host=host)
    story.passes(60)
    story.expect_silence()

    end_silence(by=ADMIN, now=story.now, silence_id=silences[0].pk)
    story.passes(60)
    story.expect_mail(ann, "db1")
    save_silence(
        by=ADMIN, now=story.now, silence_id=silences[1].pk, name="Other", rules=[[when("host", "web")]], effect="always"
    )
    story.passes(60)
    story.expect_mail(ann, "db2")
    delete_silence(by=ADMIN, now=story.now, silence_id=silences[2].pk)
    story.passes(60)
    story.expect_mail(ann, "db3")


def test_a_nightly_silence_hides_the_night_and_tells_in_the_morning(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    start = story.now.astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
    story.now = start
    silenced(
        story, when("team", "batch"), effect="daily", windows=[{"start": "22:00", "end": "06:00"}], time_zone="UTC"
    )
    utc = story.now.hour  # whatever zone the machine has, the window is UTC
    assert utc == 12

    story.passes(11 * 3600)
    story.fires("Late job", team="batch")
    story.passes(3600)
    story.expect_silence()
    story.passes(8 * 3600)

    story.expect_mail(ann, "Late job")


def test_a_silence_to_come_hides_nothing_before_it_begins(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    begins = story.now + timedelta(hours=1)
    silenced(story, when("host", "db1"), effect="period", starts_at=begins, ends_at=begins + timedelta(hours=1))

    story.fires("Disk full", host="db1")
    story.passes(5)
    story.expect_mail(ann, "Disk full")
    story.passes(3600)
    assert Event.objects.get().state == "silenced"
    story.passes(3600)

    story.expect_mail(ann, "Disk full")


def test_an_accept_that_began_before_a_silence_ended_and_came_after_it_tells(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    silence = silenced(story, when("host", "db1"))
    began = story.now
    story.passes(60)
    end_silence(by=ADMIN, now=story.now, silence_id=silence.pk)
    story.passes(0)
    later, story.now = story.now, began

    story.fires("Disk full", host="db1")
    story.now = later
    story.passes(5)

    story.expect_mail(ann, "Disk full")
