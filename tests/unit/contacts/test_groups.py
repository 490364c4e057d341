"""Contact groups."""

from __future__ import annotations

from datetime import datetime

import pytest
from auditlog.models import LogEntry
from django.db import connection

from tocsin.contacts import services
from tocsin.contacts.models import Contact, ContactGroup, NotificationObject
from tocsin.contacts.queries import directory
from tocsin.contacts.rules import DuplicateError
from tocsin.core.actors import SHELL
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(now: datetime) -> list[int]:
    return [
        services.create_contact(by=SHELL, now=now, name=f"Person {digit}", phone=f"1381234567{digit}").pk
        for digit in range(4)
    ]


def members(group_id: int) -> tuple[int, ...]:
    return directory([group_id]).groups[group_id].member_ids


def test_a_group_is_created_with_members(now: datetime, people: list[int]) -> None:
    group = services.create_group(by=SHELL, now=now, name=" DBA ", contact_ids=people[:2])

    assert (group.name, members(group.pk)) == ("DBA", (people[0], people[1]))
    assert NotificationObject.objects.get(pk=group.pk).kind == "group"


@pytest.mark.parametrize("name", ["", "x" * 65, "a\nb", "\0"])
def test_a_group_needs_a_name(now: datetime, name: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        services.create_group(by=SHELL, now=now, name=name)

    assert list(refused.value.fields) == ["name"]


def test_a_group_name_is_unique_and_the_refusal_names_the_other(now: datetime) -> None:
    group = services.create_group(by=SHELL, now=now, name="DBA", external_id="7")

    with pytest.raises(DuplicateError) as by_name:
        services.create_group(by=SHELL, now=now, name="DBA")
    with pytest.raises(DuplicateError) as by_external_id:
        services.create_group(by=SHELL, now=now, name="SRE", external_id="7")

    assert by_name.value.others == {"name": (group.pk, "DBA")}
    assert by_external_id.value.others == {"external_id": (group.pk, "DBA")}


def test_a_group_of_contacts_that_do_not_exist_is_refused(now: datetime, people: list[int]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        services.create_group(by=SHELL, now=now, name="DBA", contact_ids=[people[0], 4711, 4712])

    assert refused.value.fields == {"contact_ids": "There is no contact 4711, 4712 (any more)."}
    assert not ContactGroup.objects.exists()


def test_name_and_members_can_be_changed(now: datetime, people: list[int]) -> None:
    group = services.create_group(by=SHELL, now=now, name="DBA", contact_ids=people[:2])

    changed = services.update_group(
        by=SHELL, now=now, group_id=group.pk, version=1, name="SRE", contact_ids=[people[1], people[3]]
    )

    assert (changed.name, changed.version, members(group.pk)) == ("SRE", 2, (people[1], people[3]))
    assert LogEntry.objects.latest("pk").changes == {
        "name": ["DBA", "SRE"],
        "contacts": [f"{people[0]}, {people[1]}", f"{people[1]}, {people[3]}"],
    }


def test_what_is_not_given_stays(now: datetime, people: list[int]) -> None:
    group = services.create_group(by=SHELL, now=now, name="DBA", contact_ids=people)

    unchanged = services.update_group(by=SHELL, now=now, group_id=group.pk, version=1, name="DBA")

    assert (unchanged.version, len(members(group.pk))) == (1, 4)


def test_somebody_elses_change_is_not_overwritten(now: datetime, people: list[int]) -> None:
    group = services.create_group(by=SHELL, now=now, name="DBA")
    services.add_members(by=SHELL, now=now, group_id=group.pk, contact_ids=people)

    with pytest.raises(ConflictError):
        services.update_group(by=SHELL, now=now, group_id=group.pk, version=1, contact_ids=[])

    assert len(members(group.pk)) == 4


def test_members_are_added_and_removed_once(now: datetime, people: list[int]) -> None:
    group = services.create_group(by=SHELL, now=now, name="DBA", contact_ids=people[:1])

    added = services.add_members(by=SHELL, now=now, group_id=group.pk, contact_ids=people[:3])
    removed = services.remove_members(by=SHELL, now=now, group_id=group.pk, contact_ids=[people[0], people[3]])

    assert (added, removed, members(group.pk)) == (2, 1, (people[1], people[2]))


def test_deleting_a_group_keeps_its_members(now: datetime, people: list[int]) -> None:
    group = services.create_group(by=SHELL, now=now, name="DBA", contact_ids=people)

    services.delete_groups(by=SHELL, now=now, ids=[group.pk])

    assert not ContactGroup.objects.exists()
    assert Contact.objects.count() == 4


def test_changing_a_deleted_group_says_so(now: datetime) -> None:
    with pytest.raises(NotFoundError):
        services.update_group(by=SHELL, now=now, group_id=4711, version=None, name="X")


def test_versions_of_members_move_in_place_and_touch_no_index(now: datetime) -> None:
    """Pages have room: twenty indexes would get an entry more for each member of a group that is replaced."""
    objects = NotificationObject.objects.bulk_create(
        [NotificationObject(kind=NotificationObject.Kind.CONTACT) for _ in range(300)]
    )
    Contact.objects.bulk_create(
        [
            Contact(
                object=item, name=f"Person {item.pk}", email=f"p{item.pk}@example.org", created_at=now, updated_at=now
            )
            for item in objects
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('contacts_contact'::regclass)")
        (before,) = cursor.fetchone()
        services.create_group(by=SHELL, now=now, name="Team", contact_ids=[item.pk for item in objects[::20]])
        cursor.execute("SELECT pg_stat_get_xact_tuples_hot_updated('contacts_contact'::regclass)")
        (after,) = cursor.fetchone()

    assert after - before == 15
