"""How PostgreSQL finds contacts: from an index, whatever is searched and filtered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks.contact_pages import BIG, tables_scanned
from benchmarks.crowd import fill, set_aside
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import (
    NumberState,
    Order,
    Reachability,
    Wanted,
    contact_facts,
    contact_page,
    contacts_found,
    group_counts,
    groups_losing,
)
from tocsin.contacts.rules import Fallback

pytestmark = pytest.mark.django_db
PEOPLE, GROUPS = 20_000, 1_000
COUNTED = "LIMIT 10000) subquery"
"""Such a count looks at half of so small a table: reading it whole may be right. A million has a benchmark."""


@pytest.fixture(scope="module")
def crowd(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """Written once for all tests, and rolled back."""
    from django.db import transaction

    with django_db_blocker.unblock(), transaction.atomic():
        with set_aside():
            made = fill(PEOPLE, GROUPS, datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(sorted(BIG))}")
        yield made
        transaction.set_rollback(True)


def read(act: Any) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        act()
    return [query["sql"] for query in captured.captured_queries]


WANTED = {
    "everybody": Wanted(),
    "backwards": Wanted(order=Order.NAME_BACKWARDS),
    "newest": Wanted(order=Order.NEWEST),
    "verified": Wanted(number=NumberState.VERIFIED),
    "unverified": Wanted(number=NumberState.UNVERIFIED),
    "no number": Wanted(number=NumberState.NONE),
    "fallback": Wanted(fallback=Fallback.CALL),
    "by email": Wanted(reach=Reachability.EMAIL),
    "by nothing": Wanted(reach=Reachability.NOTHING),
    "never proved": Wanted(reach=Reachability.UNPROVED),
    "one letter": Wanted(text="z"),
    "nearly everybody": Wanted(text="e"),
    "one character": Wanted(text="王"),
    "a Chinese name": Wanted(text="王伟"),
    "a part of a name": Wanted(text="mith"),
    "an address": Wanted(text="anna.smith@example.com"),
    "last digits": Wanted(text="5678"),
    "a whole number": Wanted(text="+86 138 0000 1234"),
    "nobody": Wanted(text="no such person"),
    "text and filter": Wanted(text="zhang", number=NumberState.UNVERIFIED),
}


@pytest.mark.parametrize("wanted", WANTED.values(), ids=WANTED.keys())
def test_no_list_of_contacts_reads_the_whole_table(crowd: dict[str, Any], wanted: Wanted) -> None:
    statements = read(lambda: contact_page(wanted, number=1, size=50, sees_addresses=True))

    assert [sql for sql in statements if "TABLESAMPLE" not in sql and tables_scanned(sql)] == []


@pytest.mark.parametrize("wanted", WANTED.values(), ids=WANTED.keys())
def test_a_server_that_was_not_told_of_its_fast_disks_reads_no_whole_table_either(
    crowd: dict[str, Any], wanted: Wanted
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL random_page_cost = 4")

    statements = read(lambda: contact_page(wanted, number=1, size=50, sees_addresses=True))

    others = [sql for sql in statements if "TABLESAMPLE" not in sql and COUNTED not in sql]
    assert [sql for sql in others if tables_scanned(sql)] == []


def test_a_group_of_the_usual_size_is_read_from_its_members(crowd: dict[str, Any]) -> None:
    wanted = Wanted(group_id=crowd["small"])

    statements = read(lambda: contact_page(wanted, number=1, size=50, sees_addresses=False))

    assert [sql for sql in statements if "TABLESAMPLE" not in sql and tables_scanned(sql)] == []


def test_the_groups_beside_the_list_are_read_by_index(crowd: dict[str, Any]) -> None:
    statements = read(lambda: group_counts(limit=20)) + read(lambda: group_counts("00012"))

    assert [tables_scanned(sql) for sql in statements] == [set()] * 4


def test_the_facts_of_a_page_are_read_by_index(crowd: dict[str, Any]) -> None:
    page = list(Contact.objects.order_by("pk").values_list("pk", flat=True)[:50])

    (statement,) = read(lambda: contact_facts(page))

    assert tables_scanned(statement) == set()


def test_what_deleting_a_page_of_contacts_does_to_groups_is_read_by_index(crowd: dict[str, Any]) -> None:
    page = list(Contact.objects.order_by("pk").values_list("pk", flat=True)[:50])

    (statement,) = read(lambda: groups_losing(page, most=200))

    assert tables_scanned(statement) <= {"contacts_contactgroup"}  # so few groups are read whole


def test_every_way_to_search_finds_the_same(crowd: dict[str, Any]) -> None:
    rows = list(Contact.objects.values_list("pk", "name", "email", "phone"))

    for text in ("z", "王", "伟", "smith", "5678", "example.c", "o'b", "ü", "zh"):
        found = set(contacts_found(Wanted(text=text), sees_addresses=True).values_list("pk", flat=True))

        low = text.lower()
        expected = {pk for pk, *values in rows if any(low in (value or "").lower() for value in values)}
        assert found == expected, text
