"""Writes of schedules: what is refused, what two writers at once come to, and what leaves no trace."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry

from tests.chaos.threads import at_once
from tests.stories.harness import ADMIN, Story, begin
from tocsin.contacts.models import NotificationObject
from tocsin.contacts.rules import DuplicateError
from tocsin.contacts.services import delete_contacts
from tocsin.core.errors import ConflictError, InvalidInputError
from tocsin.delivery.handovers import send_handovers
from tocsin.oncall.models import Handover, LayerPerson, Schedule
from tocsin.oncall.rules import parse_layers
from tocsin.oncall.services import create_schedule, delete_schedules, forget_handovers, substitute, update_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(db: None, now: datetime) -> Story:
    return begin(now)


def layer(*people: int, **changed: Any) -> dict[str, Any]:
    return {
        "people": list(people),
        "unit": "days",
        "every": 1,
        "starts_on": "2026-11-01",
        "handover_time": "09:00",
    } | changed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"people": []}, "Layer 1: add at least one person."),
        ({"people": ["1"]}, "Layer 1: choose people from the list."),
        ({"unit": "months"}, "Layer 1: the rotation counts hours, days or weeks."),
        ({"every": 0}, "Layer 1: turns last from 1 to 366 days."),
        ({"every": "٣"}, "Layer 1: turns last from 1 to 366 days."),
        ({"starts_on": "tomorrow"}, "Layer 1: the start is a date like 2026-11-30."),
        ({"handover_time": "24:00"}, "Layer 1: the hand-over is a time of day like 09:00."),
        ({"restrictions": [{"days": [], "from": "1:00", "until": "2:00"}]}, "a restriction has weekdays and two times"),
        ({"restrictions": [{"days": [0, 7], "from": "1:00", "until": "2:00"}]}, "a restriction has weekdays and two"),
        ({"restrictions": [{"days": [0, 1], "from": "1:00", "until": "2:00", "until_day": 3}]}, "on one day only"),
        ({"name": "x" * 65}, "Layer 1: the name has more than 64 characters."),
    ],
)  # fmt: skip
def test_a_wrong_layer_is_refused_with_its_number(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_layers([layer(1, **changed)])

    assert said in refused.value.fields["layers"]


def test_people_who_do_not_exist_are_refused_and_nothing_is_written(story: Story) -> None:
    with pytest.raises(InvalidInputError, match="There is no contact 12345"):
        create_schedule(by=ADMIN, now=story.now, name="Nights", layers=[layer(12345)])

    assert not NotificationObject.objects.exists()
    assert not Schedule.objects.exists()


def test_names_are_unique_versions_are_asked_and_every_write_is_recorded(story: Story) -> None:
    ann = story.contact("Ann")
    rota = create_schedule(by=ADMIN, now=story.now, name="Nights", layers=[layer(ann.pk)])

    with pytest.raises(DuplicateError):
        create_schedule(by=ADMIN, now=story.now, name="Nights")
    update_schedule(by=ADMIN, now=story.now, schedule_id=rota.pk, version=1, time_zone="Asia/Shanghai")
    with pytest.raises(ConflictError):
        update_schedule(by=ADMIN, now=story.now, schedule_id=rota.pk, version=1, name="Days")
    delete_schedules(by=ADMIN, now=story.now, ids=[rota.pk])

    entries = LogEntry.objects.filter(content_type__app_label="oncall").order_by("pk")
    assert [entry.action for entry in entries] == [0, 1, 2]
    assert not LayerPerson.objects.exists()
    assert NotificationObject.objects.filter(kind="schedule").count() == 0


def test_an_edit_that_changes_nothing_writes_nothing(story: Story) -> None:
    ann = story.contact("Ann")
    rota = create_schedule(by=ADMIN, now=story.now, name="Nights", layers=[layer(ann.pk)])

    same = update_schedule(by=ADMIN, now=story.now, schedule_id=rota.pk, version=1, layers=[layer(ann.pk)])

    assert same.version == 1


def test_old_hand_overs_and_substitutes_are_forgotten(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = create_schedule(by=ADMIN, now=story.now, name="Nights", layers=[layer(ann.pk)], tells_by=[])
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=bob.pk, starts_at=story.now,
               ends_at=story.now + timedelta(hours=1))  # fmt: skip
    send_handovers(story.now)

    assert forget_handovers(before=story.now) == 0
    assert forget_handovers(before=story.now + timedelta(hours=2)) == 2
    assert not Handover.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_contacts_can_be_deleted_while_their_turns_begin(now: datetime) -> None:
    story = begin(now)
    people = [story.contact() for _ in range(12)]
    for number, person in enumerate(people):
        others = [people[(number + step) % len(people)] for step in (1, 5)]
        story.schedule([person, *others], tells_by=["sms"], lead_id=others[0].pk)

    done = at_once(
        lambda: delete_contacts(by=ADMIN, now=now, ids=[person.pk for person in people[::2]]),
        lambda: send_handovers(now),
        lambda: delete_contacts(by=ADMIN, now=now, ids=[person.pk for person in people[1::4]]),
        lambda: send_handovers(now + timedelta(days=1)),
    )

    assert len(done) == 4
    assert Schedule.objects.count() == 12
