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
from tocsin.delivery.lifecycle_models import LifecycleSubscription
from tocsin.events.models import Integration
from tocsin.files.rules.reading import Entry
from tocsin.files.rules.shapes import Problem
from tocsin.oncall.models import Schedule
from tocsin.policies.models import EscalationPolicy, Inhibition, NotificationPolicy, SilencePolicy

_ROWS: Mapping[str, Any] = {
    "groups": ContactGroup.objects,
    "robots": Robot.objects,
    "webhooks": Webhook.objects,
    "subscriptions": LifecycleSubscription.objects.annotate(name=F("webhook__name")),
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
    """By external ID, number or address, as an import does; what is left by a name that one contact has.

    The name decides, too, where number and address are those of different contacts, and where they are those of one
    that another entry names and gives others: then they pass to whoever has this entry's name, or to a new contact.
    """
    keys = [_keys(entry, region) for entry in entries]
    known = _alike(entries, keys)
    by_key = {key: row for row in known for key in _keys_of(row)}
    by_name: dict[str, list[dict[str, Any]]] = {}
    for row in known:
        by_name.setdefault(row["name"], []).append(row)
    named = {entry.name: own for entry, own in zip(entries, keys, strict=True)}
    ids = [
        _meant([(key, by_key[key]) for key in own if key in by_key], entry, by_name, named)
        for entry, own in zip(entries, keys, strict=True)
    ]
    found = Matches(ids)
    claimed: dict[int, Entry] = {}
    for entry, pk in zip(entries, ids, strict=True):
        if pk is not None and claimed.setdefault(pk, entry) is not entry:
            text = f"is the same contact as {claimed[pk].name!r} in {claimed[pk].file}:{claimed[pk].line}; keep one"
            found.problems.append(entry.problem("", text))
    for number, entry in enumerate(entries):
        if ids[number] is not None:
            continue
        left = [row["pk"] for row in _namesakes(entry, by_name) if row["pk"] not in claimed]
        if len(left) > 1:
            text = f"{len(left)} contacts have this name; give the external_id, number or address of the one you mean"
            found.problems.append(entry.problem("name", text))
        elif left:
            ids[number] = left[0]
            claimed[left[0]] = entry
    return found


def _meant(
    hits: Sequence[tuple[tuple[str, str], dict[str, Any]]],
    entry: Entry,
    by_name: Mapping[str, Sequence[dict[str, Any]]],
    named: Mapping[str, Collection[tuple[str, str]]],
) -> int | None:
    """`hits`: what the entry gives, and whose that is. `named`: what each entry gives, by its name."""
    if not hits:
        return None
    key, first = hits[0]
    namesakes = _namesakes(entry, by_name)
    if key[0] == "external_id" or first["name"] == entry.name or len(namesakes) > 1:
        return int(first["pk"])
    if namesakes and any(row is namesakes[0] for _key, row in hits):
        return int(namesakes[0]["pk"])
    if first["name"] not in named or key in named[first["name"]]:
        return int(first["pk"])
    return int(namesakes[0]["pk"]) if namesakes else None


def _namesakes(entry: Entry, by_name: Mapping[str, Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    external = entry.values.get("external_id")
    return [
        row
        for row in by_name.get(entry.name, ())
        if not (external and row["external_id"] and external != row["external_id"])
    ]


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
