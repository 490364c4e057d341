"""Whom the rows of a file mean, and with whom they collide; and imports as pages show them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connection

from tocsin.channels.kinds import Channel
from tocsin.contacts.import_models import ContactImport, ContactImportRow
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.queries.people import uses_of
from tocsin.contacts.rules import Use
from tocsin.contacts.rules.importing import Fate, Known, Row, Stored, keys_of
from tocsin.core import crypto

FIELDS = ("name", "phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id",
          "language", "time_zone", "external_id")  # fmt: skip
"""Of a contact, as a file has them; `legacy_chatbot_url` beside them is encrypted."""

_IDS = """
SELECT id FROM contacts_contact WHERE external_id = ANY(%(external_ids)s)
UNION SELECT id FROM contacts_contact WHERE phone = ANY(%(phones)s)
UNION SELECT id FROM contacts_contact WHERE lower(email) = ANY(%(emails)s)
"""
_NAMED = """
SELECT id FROM contacts_contact
WHERE name = ANY(%s) AND phone IS NULL AND email IS NULL AND legacy_chatbot_url <> ''
"""
_STORED = f"""
SELECT id, {", ".join(f"coalesce({name}, '')" for name in FIELDS)}, legacy_chatbot_url,
       phone_verified_at IS NOT NULL
FROM contacts_contact WHERE id = ANY(%s)
"""  # noqa: S608 (our own column names)
_MEMBERSHIPS = """
SELECT m.contact_id, array_agg(g.name) FROM contacts_contactgroupmember m
JOIN contacts_contactgroup g ON g.id = m.group_id WHERE m.contact_id = ANY(%s) GROUP BY m.contact_id
"""
_LOCK = "SELECT id FROM contacts_contact WHERE id = ANY(%s) ORDER BY id FOR UPDATE"


def known_for(rows: Collection[Row], *, is_locking: bool = False) -> Known:
    """Everybody whom the rows name by external ID, number or address, and the groups that they name.

    The same few statements for one row and for thousands. `is_locking`, in a transaction, keeps the contacts so.
    """
    given = {name: {row.values[name] for row in rows if row.values.get(name)} for name in ("external_id", "phone")}
    emails = {row.values["email"].lower() for row in rows if row.values.get("email")}
    bare = {row.values.get("name", "") for row in rows if row.chatbot_url}
    with connection.cursor() as cursor:
        keys = {"external_ids": list(given["external_id"]), "phones": list(given["phone"]), "emails": list(emails)}
        cursor.execute(_IDS, keys)
        ids = [pk for (pk,) in cursor.fetchall()]
        if bare:
            cursor.execute(_NAMED, [list(bare)])
            ids += [pk for (pk,) in cursor.fetchall()]
        if is_locking:
            cursor.execute(_LOCK, [ids])
        stored = _stored(cursor, ids)
    names = {name for row in rows for name in row.groups or ()}
    groups = set(ContactGroup.objects.filter(name__in=names).values_list("name", flat=True)) if names else set()
    contacts: dict[tuple[str, str], Stored] = {}
    chatbots: dict[tuple[str, str], Stored] = {}
    for contact in stored:
        values = contact.values
        contacts.update({(name, values[name]): contact for name in ("external_id", "phone") if values[name]})
        if values["email"]:
            contacts["email", values["email"].lower()] = contact
        if not values["phone"] and not values["email"]:
            chatbots[contact.name, values["legacy_chatbot_url"]] = contact
    return Known(contacts, groups, chatbots)


def _stored(cursor: Any, ids: Collection[int]) -> list[Stored]:
    if not ids:
        return []
    cursor.execute(_MEMBERSHIPS, [list(ids)])
    groups = dict(cursor.fetchall())
    cursor.execute(_STORED, [list(ids)])
    found = []
    for pk, *values, url, is_verified in cursor.fetchall():
        facts = dict(zip(FIELDS, values, strict=True))
        facts["legacy_chatbot_url"] = crypto.decrypt(url, settings.SECRET_KEYS) if url else ""
        found.append(Stored(pk, facts["name"], facts, is_verified, frozenset(groups.get(pk, ()))))
    return found


@dataclass(frozen=True, slots=True)
class RowView:
    """One row as a page shows it. `problems`: field -> (reason, details); `changes`: field -> before and after."""

    number: int
    fate: Fate
    contact_id: int | None
    values: Mapping[str, str]
    groups: tuple[str, ...] | None
    problems: Mapping[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    changes: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def row_view(row: ContactImportRow) -> RowView:
    said = json.loads(row.sealed)
    groups = said.get("groups")
    return RowView(
        number=row.number,
        fate=Fate(row.fate),
        contact_id=row.contact_id,
        values=said["values"],
        groups=tuple(groups) if groups is not None else None,
        problems={name: (reason, details) for name, (reason, details) in said.get("problems", {}).items()},
        changes={name: (before, after) for name, (before, after) in said.get("changes", {}).items()},
    )


def contacts_of(views: Collection[RowView]) -> dict[int, int | None]:
    """Row number -> the contact that it is about, also of one that the import made; None where there is none now."""
    known = known_for([Row(view.number, view.values) for view in views if view.contact_id is None])
    found: dict[int, int | None] = {}
    for view in views:
        keys = keys_of(Row(view.number, view.values))
        made = next((contact for key in keys if (contact := known.contacts.get(key)) is not None), None)
        found[view.number] = view.contact_id if view.contact_id is not None or made is None else made.id
    return found


def names_where_none_is_given(views: Collection[RowView]) -> dict[int, str]:
    """Row number -> the name of the contact that a row without one means."""
    meant = {
        view.number: view.contact_id for view in views if view.contact_id is not None and "name" not in view.values
    }
    names = dict(Contact.objects.filter(pk__in=meant.values()).values_list("pk", "name"))
    return {number: names[pk] for number, pk in meant.items() if pk in names}


def rows_of(import_id: int, fate: str = "") -> Any:
    """A query set of rows in the file's order, perhaps of one fate; `row_view` opens each."""
    rows = ContactImportRow.objects.filter(contact_import_id=import_id)
    return (rows.filter(fate=fate) if fate else rows).order_by("number")


def refused_rows(import_id: int) -> Iterator[RowView]:
    for row in rows_of(import_id, Fate.REFUSED).iterator(chunk_size=1000):
        yield row_view(row)


def uses_losing_phone(import_id: int) -> list[Use]:
    """What tells the contacts by phone or text whose proved numbers the import replaces, themselves or as members."""
    ids = list(rows_of(import_id).filter(is_unverified=True).values_list("contact_id", flat=True))
    if not ids:
        return []
    members = ContactGroup.objects.filter(memberships__contact_id__in=ids).distinct().values_list("pk", flat=True)
    found = {
        (use.kind, use.id): use
        for use in uses_of([*ids, *members])
        if {Channel.PHONE, Channel.SMS}.intersection(use.channels)
    }
    return list(found.values())


def emptied_groups(row: ContactImport) -> list[tuple[int, str]]:
    """Groups that have members and would have none, by name."""
    return list(ContactGroup.objects.filter(pk__in=row.emptied_groups).order_by("name").values_list("pk", "name"))


def recent_imports(count: int = 20) -> list[ContactImport]:
    return list(ContactImport.objects.order_by("-pk")[:count])
