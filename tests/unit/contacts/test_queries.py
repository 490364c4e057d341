"""How much reading costs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember, NotificationObject
from tocsin.contacts.queries import directory, readiness

pytestmark = pytest.mark.django_db


def make_people(count: int, now: datetime) -> list[int]:
    objects = NotificationObject.objects.bulk_create([NotificationObject(kind="contact") for _ in range(count)])
    Contact.objects.bulk_create(
        [
            Contact(object=item, name=f"P{item.pk}", phone=f"+86138{index:08d}", created_at=now, updated_at=now)
            for index, item in enumerate(objects)
        ]
    )
    return [item.pk for item in objects]


def test_a_group_of_thousands_is_read_in_two_statements(now: datetime, django_assert_num_queries: Any) -> None:
    people = make_people(2_000, now)
    group = ContactGroup.objects.create(
        object=NotificationObject.objects.create(kind="group"), name="All", created_at=now
    )
    ContactGroupMember.objects.bulk_create([ContactGroupMember(group=group, contact_id=pk) for pk in people])

    with django_assert_num_queries(2):
        found = directory([group.pk])

    assert len(found.contacts) == len(found.groups[group.pk].member_ids) == 2_000


def test_readiness_of_many_takes_two_statements(now: datetime, django_assert_num_queries: Any) -> None:
    people = make_people(50, now)

    with django_assert_num_queries(2):
        assert len(readiness(people)) == 50
