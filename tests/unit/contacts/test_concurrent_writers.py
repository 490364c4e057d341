"""Two writers at the same moment, each with a connection of its own."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from tests.unit.contacts.writers import Writer
from tocsin.channels.kinds import Channel
from tocsin.contacts import services
from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember, ContactReach, NotificationObject
from tocsin.contacts.queries import Reachability, Wanted, contacts_found
from tocsin.contacts.rules import DuplicateError
from tocsin.core.actors import SHELL
from tocsin.core.errors import InvalidInputError, NotFoundError

pytestmark = pytest.mark.django_db(transaction=True)


def create(now: datetime, name: str, **fields: Any) -> Contact:
    return services.create_contact(by=SHELL, now=now, name=name, **fields)


@pytest.mark.parametrize(
    ("field", "first", "second", "shown"),
    [
        ("phone", "13812345678", "+86 138 1234 5678", "+86 138 1234 5678"),
        ("email", "ann@example.org", "ANN@example.org", "ANN@example.org"),
    ],
)
def test_of_two_writers_with_the_same_number_or_address_one_is_refused_and_told_who_has_it(
    now: datetime, field: str, first: str, second: str, shown: str
) -> None:
    with transaction.atomic():
        winner = services.create_contact(by=SHELL, now=now, name="Ann", **{field: first})
        loser = Writer(lambda: create(now, "Bob", **{field: second}))
        loser.wait_until_blocked()

    with pytest.raises(DuplicateError) as refused:
        loser.finish()
    assert refused.value.fields == {field: f"{shown} belongs to Ann already."}
    assert refused.value.others == {field: (winner.pk, "Ann")}
    assert Contact.objects.count() == NotificationObject.objects.count() == 1


def test_the_second_writer_succeeds_when_the_first_gives_up(now: datetime) -> None:
    with transaction.atomic():
        create(now, "Ann", phone="13812345678")
        second = Writer(lambda: create(now, "Bob", phone="13812345678"))
        second.wait_until_blocked()
        transaction.set_rollback(True)

    assert second.finish().name == "Bob"
    assert Contact.objects.get().name == "Bob"


def test_of_many_writers_with_the_same_number_exactly_one_succeeds(now: datetime) -> None:
    barrier = threading.Barrier(6)

    def write(name: str) -> Contact:
        barrier.wait()
        return create(now, name, phone="13812345678")

    writers = [Writer(lambda name=f"W{number}": write(name)) for number in range(6)]
    for writer in writers:
        writer.join(60)

    (winner,) = Contact.objects.all()
    refusals = [writer.error for writer in writers if writer.error is not None]
    assert len(refusals) == 5
    assert all(isinstance(error, DuplicateError) for error in refusals)
    assert {error.others["phone"] for error in refusals if isinstance(error, DuplicateError)} == {
        (winner.pk, winner.name)
    }


def test_two_changes_to_the_same_number_leave_it_with_one(now: datetime) -> None:
    ann, bob = create(now, "Ann", email="ann@example.org"), create(now, "Bob", email="bob@example.org")

    with transaction.atomic():
        services.update_contact(by=SHELL, now=now, contact_id=ann.pk, version=1, phone="13812345678")
        second = Writer(
            lambda: services.update_contact(by=SHELL, now=now, contact_id=bob.pk, version=1, phone="13812345678")
        )
        second.wait_until_blocked()

    with pytest.raises(DuplicateError):
        second.finish()
    assert Contact.objects.get(phone="+8613812345678") == ann


def test_a_contact_that_is_being_deleted_cannot_join_a_group(now: datetime) -> None:
    ann = create(now, "Ann", phone="13812345678")
    group = services.create_group(by=SHELL, now=now, name="DBA")

    with transaction.atomic():
        services.delete_contacts(by=SHELL, now=now, ids=[ann.pk])
        joining = Writer(lambda: services.add_members(by=SHELL, now=now, group_id=group.pk, contact_ids=[ann.pk]))
        joining.wait_until_blocked()

    with pytest.raises(InvalidInputError):
        joining.finish()
    assert not ContactGroupMember.objects.exists()


def test_a_contact_that_is_being_deleted_cannot_be_changed(now: datetime) -> None:
    ann = create(now, "Ann", phone="13812345678")

    with transaction.atomic():
        services.delete_contacts(by=SHELL, now=now, ids=[ann.pk])
        change = Writer(lambda: services.update_contact(by=SHELL, now=now, contact_id=ann.pk, version=1, name="Anna"))
        change.wait_until_blocked()

    with pytest.raises(NotFoundError):
        change.finish()


def test_what_was_delivered_to_a_contact_that_is_being_deleted_is_passed_over(now: datetime) -> None:
    ann = create(now, "Ann", phone="13812345678")
    entry = services.ReachEntry(ann.pk, Channel.SMS, delivered_at=now)

    with transaction.atomic():
        services.delete_contacts(by=SHELL, now=now, ids=[ann.pk])
        recording = Writer(lambda: services.record_reach(entries=[entry]))
        recording.wait_until_blocked()

    recording.finish()
    assert not Contact.objects.exists()
    assert not ContactReach.objects.exists()


def test_a_proof_waits_for_nobody_who_holds_the_contact_and_is_listed_at_once(now: datetime) -> None:
    ann = create(now, "Ann", phone="13812345678")
    entry = services.ReachEntry(ann.pk, Channel.SMS, delivered_at=now)
    unproved = Wanted(reach=Reachability.UNPROVED)

    with transaction.atomic():
        services.create_group(by=SHELL, now=now, name="Ops", contact_ids=[ann.pk])
        Writer(lambda: services.record_reach(entries=[entry])).finish()

    assert list(contacts_found(unproved, sees_addresses=True)) == []
    assert not Contact.objects.get(pk=ann.pk).is_proved
    services.record_reach(entries=[entry])
    assert Contact.objects.get(pk=ann.pk).is_proved


def test_changing_a_contacts_groups_and_a_groups_contacts_never_deadlock(now: datetime) -> None:
    people = [create(now, f"P{number}", phone=f"1381234567{number}") for number in range(4)]
    groups = [services.create_group(by=SHELL, now=now, name=f"G{number}") for number in range(4)]
    ids, group_ids = [person.pk for person in people], [group.pk for group in groups]

    def from_the_contacts() -> None:
        for turn in range(12):
            for pk in ids:
                services.update_contact(
                    by=SHELL, now=now, contact_id=pk, version=None, group_ids=group_ids if turn % 2 else []
                )

    def from_the_groups() -> None:
        for turn in range(12):
            for pk in reversed(group_ids):
                services.update_group(
                    by=SHELL, now=now, group_id=pk, version=None, contact_ids=[] if turn % 2 else ids[::-1]
                )

    writers = [Writer(from_the_contacts), Writer(from_the_groups), Writer(from_the_contacts)]
    for writer in writers:
        writer.finish()

    assert ContactGroup.objects.count() == 4
