"""Takes unique values from contacts that lose them, so that others can get them in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from tocsin.contacts.models import Contact
from tocsin.contacts.rules.exchanging import PASSING, leaving
from tocsin.contacts.services.cleaning import CONTACT_FIELDS

_MAKE_WAY = """
UPDATE contacts_contact c
SET phone = CASE WHEN given.loses_phone THEN NULL ELSE c.phone END,
    phone_verified_at = CASE WHEN given.loses_phone THEN NULL ELSE c.phone_verified_at END,
    email = CASE WHEN given.loses_email OR c.email IS NULL THEN 'moved-' || c.id || '@tocsin.invalid' ELSE c.email END
FROM unnest(%s::bigint[], %s::bool[], %s::bool[]) AS given (id, loses_phone, loses_email)
WHERE c.id = given.id
"""
"""A contact always has a number or an address, also in between: one that nobody has stands for it."""


@dataclass(frozen=True, slots=True)
class Had:
    """What a contact had before it made way."""

    phone: str | None
    email: str | None
    phone_verified_at: datetime | None


def make_way_for(
    *, holds: Mapping[int, Mapping[str, str]], typed: Mapping[int, Mapping[str, object]]
) -> dict[int, Had]:
    """As `make_way`, for contacts that have `holds` and are to have what was `typed`, "" for none, also by new ones
    under ids that no contact has.
    """
    wanted = {
        pk: {field: _cleaned(field, values[field], holds.get(pk, {}).get(field)) for field in PASSING}
        for pk, values in typed.items()
    }
    return make_way(leaving(holds, wanted))


def make_way(losing: Mapping[int, Collection[str]]) -> dict[int, Had]:
    """`losing`: fields by contact. Inside a transaction that writes phone and email of each of these afterwards."""
    if not losing:
        return {}
    rows = Contact.objects.select_for_update().filter(pk__in=losing).order_by("pk")
    columns = rows.values_list("pk", "phone", "email", "phone_verified_at")
    had = {pk: Had(phone, email, verified_at) for pk, phone, email, verified_at in columns}
    with connection.cursor() as cursor:
        fields = [[field in losing[pk] for pk in had] for field in ("phone", "email")]
        cursor.execute(_MAKE_WAY, [list(had), *fields])
    return had


def _cleaned(field: str, value: object, held: str | None) -> str:
    """What is wrong is nothing here: whoever writes it says so."""
    if held is not None and value == held:
        return held
    try:
        return CONTACT_FIELDS[field](value) or ""
    except ValueError:
        return ""
