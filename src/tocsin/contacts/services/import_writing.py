"""Writes a chunk of an imported file: some thousand rows in the same few statements as one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault
from django.db import connection, transaction
from django.db.models import F
from psycopg.errors import DeadlockDetected, UniqueViolation

from tocsin.accounts import audit
from tocsin.accounts.audit import Action, Changes
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, ContactGroup, PhoneVerification
from tocsin.contacts.queries.importing import FIELDS, known_for
from tocsin.contacts.rules import Fallback, VerificationMethod
from tocsin.contacts.rules.exchanging import leaving
from tocsin.contacts.rules.importing import (
    Decision,
    Fate,
    ImportOptions,
    Problem,
    Refusal,
    Row,
    Stored,
    decide_all,
)
from tocsin.contacts.services.exchanging import make_way
from tocsin.contacts.services.groups import create_group
from tocsin.contacts.services.reach import forget_reach
from tocsin.core import crypto, phones
from tocsin.core.actors import Actor
from tocsin.core.redact import mask_email

_NEW = "SELECT nextval(pg_get_serial_sequence('contacts_notificationobject', 'id')) FROM generate_series(1, %s)"
_OBJECTS = "INSERT INTO contacts_notificationobject (id, kind) SELECT unnest(%s::bigint[]), 'contact'"
_NULLED = ("phone", "email", "external_id")
"""Kept as NULL where there is none, so that they are unique."""
_COPY = (
    f"COPY contacts_contact (id, {', '.join(FIELDS)}, legacy_chatbot_url, phone_verified_at, created_at, updated_at, "
    "version) FROM STDIN"
)
_UPDATE = f"""
UPDATE contacts_contact c
SET ({", ".join(FIELDS)}) = ROW({", ".join(f"given.{name}" for name in FIELDS)}), phone_verified_at = CASE
        WHEN given.is_attested THEN %s::timestamptz
        WHEN c.phone IS NOT DISTINCT FROM given.phone THEN c.phone_verified_at END,
    updated_at = %s, version = c.version + 1
FROM unnest(%s::bigint[], {", ".join("%s::text[]" for _name in FIELDS)}, %s::bool[])
     AS given (id, {", ".join(FIELDS)}, is_attested)
WHERE c.id = given.id
"""  # noqa: S608 (our own column names)


def write_rows(
    *, by: Actor, now: datetime, rows: Sequence[Row], options: ImportOptions, exchanges: bool = False
) -> list[Decision]:
    """Decides about each row, as things are at this moment, and writes; in their order.

    Inside a transaction. A row whose number, address or ID another writer commits in between is refused; where that
    happens the rows are halved until it stands alone. Within `rows` no two have a key in common.
    """
    if not rows:
        return []
    try:
        with transaction.atomic():
            return _write(by, now, rows, options, exchanges)
    except (DatabaseFault, UniqueViolation, DeadlockDetected) as error:
        cause = error if isinstance(error, UniqueViolation | DeadlockDetected) else error.__cause__
        if not isinstance(cause, UniqueViolation | DeadlockDetected):
            raise
    if len(rows) == 1:
        return [Decision(rows[0], Fate.REFUSED, problems={"": Problem(Refusal.LOST_RACE)})]
    middle = len(rows) // 2
    return [
        *write_rows(by=by, now=now, rows=rows[:middle], options=options, exchanges=exchanges),
        *write_rows(by=by, now=now, rows=rows[middle:], options=options, exchanges=exchanges),
    ]


def _write(by: Actor, now: datetime, rows: Sequence[Row], options: ImportOptions, exchanges: bool) -> list[Decision]:
    decisions = decide_all(rows, known_for(rows, is_locking=True), {}, options, exchanges=exchanges)
    created = [item for item in decisions if item.fate is Fate.CREATED]
    changed = [item for item in decisions if item.fate is Fate.CHANGED]
    if exchanges:
        _make_way(created, changed)
    ids = dict(zip(map(id, created), _insert(created, now), strict=True))
    ids |= {id(item): item.contact.id for item in changed if item.contact is not None}
    _update([item for item in changed if item.changes], now)
    _forget_what_was_known(changed, now)
    _attest([(ids[id(item)], item) for item in (*created, *changed) if item.is_attested], by, now)
    groups = _set_groups(by, now, [(ids[id(item)], item) for item in (*created, *changed) if item.groups])
    for action, items in ((Action.CREATE, created), (Action.UPDATE, changed)):
        audit.record_rows(
            by=by,
            now=now,
            action=action,
            model=Contact,
            entries=[(ids[id(item)], _name(item), _audited(item, groups)) for item in items],
        )
    return [_with_id(item, ids.get(id(item))) for item in decisions]


def _make_way(created: Sequence[Decision], changed: Sequence[Decision]) -> None:
    holds = {item.contact.id: item.contact.values for item in changed if item.contact is not None}
    wanted: dict[int, Mapping[str, str]] = {
        item.contact.id: {**item.contact.values, **item.row.values} for item in changed if item.contact is not None
    }
    wanted |= {-number: item.row.values for number, item in enumerate(created, start=1)}
    make_way(leaving(holds, wanted))


def _with_id(decision: Decision, pk: int | None) -> Decision:
    """A created contact has an id now."""
    if pk is None or decision.contact is not None:
        return decision
    return replace(decision, contact=Stored(pk, decision.row.values["name"], {}, False, frozenset()))


def _insert(created: Sequence[Decision], now: datetime) -> list[int]:
    if not created:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_NEW, [len(created)])
        ids = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(_OBJECTS, [ids])
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            for pk, item in zip(ids, created, strict=True):
                url = item.row.chatbot_url and crypto.encrypt(item.row.chatbot_url, settings.SECRET_KEYS)
                verified_at = now if item.is_attested else None
                values = [_column(name, {**_DEFAULTS, **item.row.values}) for name in FIELDS]
                copy.write_row([pk, *values, url, verified_at, now, now, 1])
    return ids


def _update(changed: Sequence[Decision], now: datetime) -> None:
    if not changed:
        return
    after = [{**item.contact.values, **item.row.values} for item in changed if item.contact is not None]
    ids = [item.contact.id for item in changed if item.contact is not None]
    columns = [[_column(name, values) for values in after] for name in FIELDS]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [now, now, ids, *columns, [item.is_attested for item in changed]])


def _forget_what_was_known(changed: Iterable[Decision], now: datetime) -> None:
    """An old number's links prove nothing of the new one, nor do messages that reached an old address."""
    by_field = {
        name: [item.contact.id for item in changed if item.contact is not None and name in item.changes]
        for name in ("phone", "email")
    }
    if by_field["phone"]:
        PhoneVerification.objects.filter(
            contact_id__in=by_field["phone"], replaced_at__isnull=True, verified_at__isnull=True
        ).update(replaced_at=now)
        forget_reach(contact_ids=by_field["phone"], channels=[Channel.PHONE, Channel.SMS])
    if by_field["email"]:
        forget_reach(contact_ids=by_field["email"], channels=[Channel.EMAIL])


def _attest(attested: Collection[tuple[int, Decision]], by: Actor, now: datetime) -> None:
    if not attested:
        return
    PhoneVerification.objects.filter(
        contact_id__in=[pk for pk, _item in attested], replaced_at__isnull=True, verified_at__isnull=True
    ).update(replaced_at=now)
    PhoneVerification.objects.bulk_create(
        [
            PhoneVerification(
                contact_id=pk,
                phone=item.row.values.get("phone") or (item.contact.values["phone"] if item.contact else ""),
                method=VerificationMethod.ATTESTED,
                nonce="",
                created_at=now,
                expires_at=now,
                verified_at=now,
                verified_from=by.address,
                source=item.row.attested_by,
            )
            for pk, item in attested
        ]
    )


def _set_groups(by: Actor, now: datetime, wanted: Collection[tuple[int, Decision]]) -> Mapping[str, int]:
    """Group names -> ids. Those that are missing are made here: `decide` refused their rows unless that was asked."""
    names = {name for _pk, item in wanted for side in item.groups or () for name in side}
    if not names:
        return {}
    locked = ContactGroup.objects.select_for_update(no_key=True).filter(name__in=names).order_by("pk")
    ids = dict(locked.values_list("name", "pk"))
    for name in sorted(names - ids.keys()):
        ids[name] = create_group(by=by, now=now, name=name).pk
    left, joined = [], []
    for pk, item in wanted:
        before, after = item.groups or (frozenset(), frozenset())
        left += [(pk, ids[name]) for name in before - after]
        joined += [(pk, ids[name]) for name in after - before]
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM contacts_contactgroupmember m USING unnest(%s::bigint[], %s::bigint[]) AS gone (contact_id, "
            "group_id) WHERE m.contact_id = gone.contact_id AND m.group_id = gone.group_id",
            [[pk for pk, _group in left], [group for _pk, group in left]],
        )
        cursor.execute(
            "INSERT INTO contacts_contactgroupmember (contact_id, group_id) SELECT * FROM unnest(%s::bigint[], "
            "%s::bigint[]) ON CONFLICT DO NOTHING",
            [[pk for pk, _group in joined], [group for _pk, group in joined]],
        )
    regrouped = [pk for pk, item in wanted if item.fate is Fate.CHANGED and not item.changes]  # others moved already
    Contact.objects.filter(pk__in=regrouped).update(version=F("version") + 1)
    touched = {group for _pk, group in (*left, *joined)}
    ContactGroup.objects.filter(pk__in=touched).update(version=F("version") + 1)
    return ids


_DEFAULTS: Mapping[str, str] = {**dict.fromkeys(FIELDS, ""), "fallback": Fallback.DEFAULT.value}


def _column(name: str, values: Mapping[str, str]) -> str | None:
    return values[name] or None if name in _NULLED else values[name]


def _name(item: Decision) -> str:
    return item.row.values.get("name") or (item.contact.name if item.contact else "")


def _audited(item: Decision, groups: Mapping[str, int]) -> Changes:
    """As the console's own writes keep them: numbers and addresses masked, groups by id."""
    changes = {name: (_shown(name, before), _shown(name, after)) for name, (before, after) in item.changes.items()}
    if item.groups is not None:
        before, after = (", ".join(map(str, sorted(groups[name] for name in side))) for side in item.groups)
        changes["groups"] = (before, after)
    return changes


def _shown(name: str, value: Any) -> str:
    if name == "phone":
        return phones.mask(value)
    if name == "email":
        return mask_email(value)
    return "***" if name == "legacy_chatbot_url" and value else str(value)
