"""Which object of the installation each object of the files stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Lower

from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, ContactGroup, Robot, Webhook
from tocsin.core.phones import PhoneError, parse
from tocsin.events.models import Integration
from tocsin.files.rules.reading import Entry
from tocsin.files.rules.shapes import Problem
from tocsin.oncall.models import Schedule
from tocsin.policies.models import EscalationPolicy, Inhibition, NotificationPolicy, SilencePolicy

_ROWS: Mapping[str, Any] = {
    "groups": ContactGroup.objects,
    "robots": Robot.objects,
    "webhooks": Webhook.objects,
    "accounts": ProviderAccount.objects,
    "integrations": Integration.objects,
    "schedules": Schedule.objects,
    "escalations": EscalationPolicy.objects.filter(deleted_at__isnull=True),
    "policies": NotificationPolicy.objects.filter(deleted_at__isnull=True),
    "silences": SilencePolicy.objects,
    "inhibitions": Inhibition.objects,
}


@dataclass
class Matches:
    """`ids`: for each entry, in order, what it stands for; None for what is new."""

    ids: list[int | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def matches(key: str, entries: Sequence[Entry], region: str) -> Matches:
    """All `entries` are of the kind `key`. `region`: of phone numbers without a country."""
    if key == "contacts":
        return _contacts(entries, region)
    known: dict[str, list[int]] = {}
    rows = _ROWS[key].filter(name__in={entry.name for entry in entries}).order_by("pk")
    for pk, name in rows.values_list("pk", "name"):
        known.setdefault(name, []).append(pk)
    totals = {name: len(ids) for name, ids in known.items()}
    times = Counter(entry.name for entry in entries)
    found = Matches()
    for entry in entries:
        left, total = known.get(entry.name, []), totals.get(entry.name, 0)
        if total > 1 and times[entry.name] != total:
            text = f"{total} have this name and the file names {times[entry.name]}; rename them, or name all of them"
            found.problems.append(entry.problem("name", text))
        found.ids.append(left.pop(0) if left else None)
    return found


def _contacts(entries: Sequence[Entry], region: str) -> Matches:
    """By external ID, number or address, as an import does; what is left by a name that one contact has."""
    keys = [_keys(entry, region) for entry in entries]
    known = _alike(entries, keys)
    by_key = {key: row["pk"] for row in known for key in _keys_of(row)}
    ids = [next((by_key[key] for key in own if key in by_key), None) for own in keys]
    found = Matches(ids)
    claimed: dict[int, Entry] = {}
    for entry, pk in zip(entries, ids, strict=True):
        if pk is not None and claimed.setdefault(pk, entry) is not entry:
            text = f"is the same contact as {claimed[pk].name!r} in {claimed[pk].file}:{claimed[pk].line}; keep one"
            found.problems.append(entry.problem("", text))
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in known:
        by_name.setdefault(row["name"], []).append(row)
    for number, entry in enumerate(entries):
        if ids[number] is not None:
            continue
        external = entry.values.get("external_id")
        left = [
            row["pk"]
            for row in by_name.get(entry.name, ())
            if row["pk"] not in claimed and not (external and row["external_id"] and external != row["external_id"])
        ]
        if len(left) > 1:
            text = f"{len(left)} contacts have this name; give the external_id, number or address of the one you mean"
            found.problems.append(entry.problem("name", text))
        elif left:
            ids[number] = left[0]
            claimed[left[0]] = entry
    return found


def _alike(entries: Iterable[Entry], keys: Iterable[Collection[tuple[str, str]]]) -> list[dict[str, Any]]:
    values: dict[str, set[str]] = {"external_id": set(), "phone": set(), "email": set()}
    for own in keys:
        for name, value in own:
            values[name].add(value)
    known = Contact.objects.annotate(lower=Lower("email"))
    rows = known.values("name", "phone", "lower", "external_id", pk=F("object_id"))
    conditions = (
        Q(external_id__in=values["external_id"]),
        Q(phone__in=values["phone"]),
        Q(lower__in=values["email"]),
        Q(name__in={entry.name for entry in entries}),
    )
    found = {row["pk"]: row for condition in conditions for row in rows.filter(condition)}  # one index each
    return [dict(found[pk]) for pk in sorted(found)]


def _keys(entry: Entry, region: str) -> list[tuple[str, str]]:
    found = []
    if external := entry.values.get("external_id"):
        found.append(("external_id", external.strip()))
    if phone := entry.values.get("phone"):
        with suppress(PhoneError):  # the service says so
            found.append(("phone", parse(phone, region)))
    if email := entry.values.get("email"):
        found.append(("email", email.strip().lower()))
    return found


def _keys_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = (("external_id", row["external_id"]), ("phone", row["phone"]), ("email", row["lower"]))
    return [(name, value) for name, value in pairs if value]
