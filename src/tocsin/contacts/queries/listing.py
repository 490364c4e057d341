"""What the list of contacts shows: who is found, the groups beside it, and the facts of one page.

A list is read to its first `MOST_FOUND` rows: beyond them a narrower search finds, not a page number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import reduce
from operator import and_
from typing import Any

from django.db import connection
from django.db.models import Exists, Func, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import LessThan

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember, ContactReach
from tocsin.contacts.queries.arrays import is_one_of
from tocsin.contacts.queries.people import Readiness
from tocsin.contacts.queries.searching import (
    groups_named,
    is_unindexed,
    is_walk_shorter,
    text_candidates,
    text_condition,
    unindexed,
)
from tocsin.contacts.rules import ContactView, Fallback, why_not_reachable
from tocsin.core.storable import is_storable

MOST_FOUND = 10_000
GROUPS_SHOWN = 3
"""Of one contact's groups in the list; the others are counted."""
_LONGEST_TEXT = 254


class NumberState(StrEnum):
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    NONE = "none"
    """No number at all."""


class Reachability(StrEnum):
    PHONE = "phone"
    """Ready by phone and text message."""
    EMAIL = "email"
    NOTHING = "nothing"
    """Ready by no channel."""
    UNPROVED = "unproved"
    """Nothing was ever proved delivered."""


class Order(StrEnum):
    NAME = "name"
    NAME_BACKWARDS = "-name"
    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contacts, and in which order. What is not said (None, "") excludes nobody."""

    text: str = ""
    """In any part of the name, the email or the number, the number in any spelling."""
    group_id: int | None = None
    number: NumberState | None = None
    fallback: Fallback | None = None
    """The contact's own choice, perhaps DEFAULT."""
    external_id: str = ""
    reach: Reachability | None = None
    order: Order = Order.NAME


@dataclass(frozen=True, slots=True)
class GroupCount:
    id: int
    name: str
    member_count: int


@dataclass(frozen=True, slots=True)
class GroupPage:
    groups: tuple[GroupCount, ...]
    has_more: bool


@dataclass(frozen=True, slots=True)
class ContactFacts:
    """What a row of the list says beside the contact itself. `groups`: id and name, by name, the first few."""

    groups: tuple[tuple[int, str], ...]
    group_count: int
    ready: Mapping[Channel, Readiness]
    has_legacy_chatbot: bool
    last_proved_at: datetime | None
    """When a message was last proved delivered, over whichever channel."""


_NUMBERS = {
    NumberState.VERIFIED: Q(phone_verified_at__isnull=False),
    NumberState.UNVERIFIED: Q(phone__isnull=False, phone_verified_at__isnull=True),
    NumberState.NONE: Q(phone__isnull=True),
}


def _number_of(rows: QuerySet[Any]) -> Subquery:
    """A number is looked up for each row: what EXISTS asks may be joined, and a whole table read for it."""
    number = Func(template="count(*)", output_field=IntegerField())
    return Subquery(rows.order_by().annotate(number=number).values("number"))


_PROOFS = _number_of(ContactReach.objects.filter(contact_id=OuterRef("pk"), delivered_at__isnull=False))
_REACHED = {
    Reachability.PHONE: _NUMBERS[NumberState.VERIFIED],
    Reachability.EMAIL: Q(email__isnull=False),
    Reachability.NOTHING: Q(phone_verified_at__isnull=True, email__isnull=True),
    Reachability.UNPROVED: Q(is_proved=False) & Q(LessThan(_PROOFS, 1)),
}
_NOBODY = {
    (NumberState.NONE, Reachability.PHONE),
    (NumberState.UNVERIFIED, Reachability.PHONE),
    (NumberState.VERIFIED, Reachability.NOTHING),
}
_ORDERS = {
    Order.NAME: ("name", "object_id"),
    Order.NAME_BACKWARDS: ("-name", "-object_id"),
    Order.NEWEST: ("-object_id",),
    Order.OLDEST: ("object_id",),
}


def contacts_found(wanted: Wanted, *, sees_addresses: bool, rows: int = MOST_FOUND) -> QuerySet[Contact]:
    """In the wanted order, without the encrypted column. Who may not see whole addresses searches names only.

    Keep the order: it is part of how the rows are found. A look at a sample of the table may be taken first, to find
    the shortest way to as many `rows` as will be read.
    """
    found = Contact.objects.defer("legacy_chatbot_url")
    order = _ORDERS[wanted.order]
    text = wanted.text.strip()
    if not is_storable(text) or len(text) > _LONGEST_TEXT or (wanted.number, wanted.reach) in _NOBODY:
        return found.none()
    filters = _filters(wanted)
    condition = reduce(and_, filters, Q())
    if not text and (not filters or _has_index(wanted, len(filters))):
        return found.filter(condition).order_by(*order)
    sampled = reduce(and_, _filters(wanted, row_by_row=True), Q())
    if text:
        holds = text_condition(text, sees_addresses=sees_addresses)
        condition, sampled = condition & holds, holds & sampled
    found = found.filter(condition)
    if is_walk_shorter(
        sampled,
        order,
        rows=rows,
        is_by_index_alone=not text and wanted == Wanted(group_id=wanted.group_id, order=wanted.order),
    ):
        return found.order_by(*order)
    if text:
        found = found.filter(text_candidates(text, sees_addresses=sees_addresses))
    return found.order_by(*unindexed(order))


def order_fields(order: Order) -> tuple[str, ...]:
    """What a cursor goes by; the last one is unique."""
    return _ORDERS[order]


def count_found(found: QuerySet[Contact], *, most: int = MOST_FOUND) -> int:
    """Up to `most`, in whichever order they are come by soonest."""
    return (found.order_by() if is_unindexed(found) else found.order_by("pk"))[:most].count()


def ids_found(found: QuerySet[Contact], *, most: int = MOST_FOUND) -> list[int]:
    """The first of them, for an action on everybody that a list shows. One more than `most` says there are more."""
    return list(found.values_list("pk", flat=True)[: most + 1])


def contacts_among(ids: Sequence[int], order: Order = Order.NAME) -> QuerySet[Contact]:
    """Those that were found before, thousands perhaps, in the wanted order."""
    found = Contact.objects.defer("legacy_chatbot_url").filter(is_one_of("pk", ids))
    return found.order_by(*unindexed(_ORDERS[order]))


def in_chunks(ids: Sequence[int], size: int = 1000) -> Iterator[Sequence[int]]:
    for first in range(0, len(ids), size):
        yield ids[first : first + size]


def groups_found(text: str) -> QuerySet[ContactGroup]:
    """By name, those whose name holds the text; all for an empty one."""
    wanted = text.strip()
    if not is_storable(wanted) or len(wanted) > _LONGEST_TEXT:
        return ContactGroup.objects.none()
    return (groups_named(wanted) if wanted else ContactGroup.objects.all()).order_by("name")


def group_counts(text: str = "", *, first: int = 0, limit: int = 50) -> GroupPage:
    """Groups by name, from the `first`-th on, with how many members each has."""
    rows = list(groups_found(text).values_list("pk", "name")[first : first + limit + 1])
    counts = member_counts([pk for pk, _name in rows[:limit]])
    return GroupPage(tuple(GroupCount(pk, name, counts[pk]) for pk, name in rows[:limit]), len(rows) > limit)


def member_counts(group_ids: Collection[int]) -> dict[int, int]:
    """By group, also of those that have none."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, [list(group_ids)])
        return dict.fromkeys(group_ids, 0) | dict(cursor.fetchall())


_COUNTS = "SELECT group_id, count(*) FROM contacts_contactgroupmember WHERE group_id = ANY(%s) GROUP BY group_id"

_FACTS = """
SELECT c.id, c.name, coalesce(c.phone, ''), c.phone_verified_at IS NOT NULL, coalesce(c.email, ''), c.fallback,
       c.user_id, c.dingtalk_user_id, c.lark_user_id, c.wecom_user_id, c.language, c.time_zone,
       c.legacy_chatbot_url <> '', r.channels, r.delivered, r.failed, r.failures, r.bounced, g.ids, g.names, g.total
FROM contacts_contact c
CROSS JOIN LATERAL (
    SELECT array_agg(channel) AS channels, array_agg(delivered_at) AS delivered, array_agg(failed_at) AS failed,
           array_agg(failure) AS failures, array_agg(bounced_at) AS bounced
    FROM contacts_contactreach WHERE contact_id = c.id
) r
CROSS JOIN LATERAL (
    SELECT array_agg(ranked.id) AS ids, array_agg(ranked.name) AS names, max(ranked.total) AS total
    FROM (
        SELECT named.id, named.name, count(*) OVER () AS total
        FROM contacts_contactgroupmember m JOIN contacts_contactgroup named ON named.id = m.group_id
        WHERE m.contact_id = c.id ORDER BY named.name LIMIT %s
    ) ranked
) g
WHERE c.id = ANY(%s)
"""


def contact_facts(contact_ids: Collection[int], *, groups_shown: int = GROUPS_SHOWN) -> dict[int, ContactFacts]:
    """Of the contacts of one page, in one statement; unknown ids are left out."""
    facts = {}
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, [groups_shown, list(contact_ids)])
        for pk, name, phone, is_verified, email, fallback, *rest in cursor.fetchall():
            channels, delivered, failed, failures, bounced, group_ids, group_names, total = rest[-8:]
            view = ContactView(pk, name, phone, is_verified, email, Fallback(fallback), *rest[:-8])
            facts_each = zip(delivered or (), failed or (), failures or (), bounced or (), strict=True)
            known = dict(zip(channels or (), facts_each, strict=True))
            facts[pk] = ContactFacts(
                groups=tuple(zip(group_ids or (), group_names or (), strict=True)),
                group_count=total or 0,
                ready={
                    channel: Readiness(why_not_reachable(view, channel), *known.get(channel, ()))
                    for channel in PERSONAL_CHANNELS
                },
                has_legacy_chatbot=view.has_legacy_chatbot,
                last_proved_at=max(filter(None, delivered or ()), default=None),
            )
    return facts


def _has_index(wanted: Wanted, filters: int) -> bool:
    """One that holds just these rows, in this order."""
    return filters == 1 and wanted.group_id is None and wanted.order in (Order.NAME, Order.NAME_BACKWARDS)


def _filters(wanted: Wanted, *, row_by_row: bool = False) -> list[Q]:
    """`row_by_row`: of few rows, so that no group is read whole for them."""
    filters = []
    if wanted.group_id is not None:
        members = ContactGroupMember.objects.filter(contact_id=OuterRef("pk"), group_id=wanted.group_id)
        filters.append(~Q(LessThan(_number_of(members), 1)) if row_by_row else Q(Exists(members)))
    if wanted.number is not None:
        filters.append(_NUMBERS[wanted.number])
    if wanted.fallback is not None:
        filters.append(Q(fallback=wanted.fallback))
    if wanted.external_id:
        filters.append(Q(external_id=wanted.external_id))
    if wanted.reach is not None:
        filters.append(_REACHED[wanted.reach])
    return filters
