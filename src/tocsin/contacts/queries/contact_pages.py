"""One page of the list of contacts, and how many there are.

The ids are read first, from indexes alone where these hold all that is asked, and the rows of just these ids after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection
from django.db.models import QuerySet

from tocsin.contacts.models import Contact, ContactGroupMember
from tocsin.contacts.queries.listing import MOST_FOUND, Order, Wanted, contacts_found, count_found
from tocsin.contacts.queries.searching import is_unindexed


@dataclass(frozen=True, slots=True)
class ContactPage:
    """`total`: of all pages, up to MOST_FOUND. Contacts come without their encrypted column."""

    contacts: Sequence[Contact]
    total: int


def contact_page(wanted: Wanted, *, number: int, size: int, sees_addresses: bool) -> ContactPage:
    """The `number`-th page, from 1; empty beyond the last one. Who may not see whole addresses searches names only."""
    first = (number - 1) * size
    if not 0 <= first < MOST_FOUND:
        return ContactPage((), count_found(contacts_found(wanted, sees_addresses=sees_addresses)))
    found = contacts_found(wanted, sees_addresses=sees_addresses, rows=first + size)
    if found.query.is_empty():
        return ContactPage((), 0)
    if is_unindexed(found):
        ids, total = _sorted_page(found, first, size)
    else:
        ids = list(found.values_list("pk", flat=True)[first : min(first + size, MOST_FOUND)])
        total = _members(wanted.group_id) if _is_group_alone(wanted) else count_found(found)
    rows = Contact.objects.defer("legacy_chatbot_url").order_by().in_bulk(ids)
    return ContactPage([rows[pk] for pk in ids if pk in rows], total)


def _sorted_page(found: QuerySet[Contact], first: int, size: int) -> tuple[list[int], int]:
    """Where all rows are found before they are sorted, they are counted in the same statement."""
    sql, parameters = found.values_list("pk")[:MOST_FOUND].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT col1, count(*) OVER () FROM ({sql}) found (col1) OFFSET %s LIMIT %s",  # noqa: S608 (Django's own)
            [*parameters, first, size],
        )
        page = cursor.fetchall()
    total = page[0][1] if page else count_found(found) if first else 0
    return [pk for pk, _total in page], total


def _is_group_alone(wanted: Wanted) -> bool:
    return wanted.group_id is not None and replace(wanted, group_id=None, order=Order.NAME) == Wanted()


def _members(group_id: int | None) -> int:
    return ContactGroupMember.objects.filter(group_id=group_id)[:MOST_FOUND].count()
