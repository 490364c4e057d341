"""What the names in files stand for: notification objects, integrations and escalation policies.

A name that several things have is told apart by its kind, `group:Ops`, and one that several people have by an address
behind it, `Ann <ann@example.org>` (or the number, or the external ID).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tocsin.contacts.models import NotificationObject
from tocsin.core.errors import InvalidInputError
from tocsin.events.statements import execute

_OBJECTS = """
SELECT 'contact', name, id, coalesce(email, ''), coalesce(phone, ''), coalesce(external_id, '')
FROM contacts_contact WHERE name = ANY(%(names)s)
UNION ALL SELECT 'group', name, id, '', '', '' FROM contacts_contactgroup WHERE name = ANY(%(names)s)
UNION ALL SELECT 'robot', name, id, '', '', '' FROM contacts_robot WHERE name = ANY(%(names)s)
UNION ALL SELECT 'webhook', name, id, '', '', '' FROM contacts_webhook WHERE name = ANY(%(names)s)
UNION ALL SELECT 'schedule', name, id, '', '', '' FROM oncall_schedule WHERE name = ANY(%(names)s)
"""
_NAMES = """
SELECT name FROM contacts_contact WHERE id = ANY(%(ids)s)
UNION SELECT name FROM contacts_contactgroup WHERE id = ANY(%(ids)s)
UNION SELECT name FROM contacts_robot WHERE id = ANY(%(ids)s)
UNION SELECT name FROM contacts_webhook WHERE id = ANY(%(ids)s)
UNION SELECT name FROM oncall_schedule WHERE id = ANY(%(ids)s)
"""
_SOURCES = "SELECT name, id FROM events_integration WHERE name = ANY(%(names)s)"
_ESCALATIONS = "SELECT name, id FROM policies_escalationpolicy WHERE deleted_at IS NULL AND name = ANY(%(names)s)"
_KIND = re.compile(r"(contact|group|robot|webhook|schedule):\s*(\S.*)")
_ADDRESSED = re.compile(r"(.*\S)\s*<([^<>]+)>")


@dataclass(frozen=True, slots=True)
class _Named:
    kind: str
    name: str
    id: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Meaning:
    """One way to understand what was typed; "" is any."""

    kind: str
    name: str
    address: str = ""

    def fits(self, known: _Named) -> bool:
        return self.kind in ("", known.kind) and (
            not self.address or self.address.lower() in (address.lower() for address in known.addresses if address)
        )


class Names:
    """The ids of everything that is named, in three statements."""

    def __init__(
        self, objects: Iterable[str] = (), *, sources: Iterable[str] = (), escalations: Iterable[str] = ()
    ) -> None:
        self._objects = _objects_named({meaning.name for typed in objects for meaning in _meanings(typed)})
        self._sources = _ids(_SOURCES, set(sources))
        self._escalations = _ids(_ESCALATIONS, set(escalations))

    def object(self, typed: str, field: str, kinds: Collection[str] = ()) -> int:
        """InvalidInputError on `field` when nothing, or more than one thing, is meant; of `kinds` only, where given."""
        for meaning in _meanings(typed):
            found = [
                known.id
                for known in self._objects.get(meaning.name, ())
                if meaning.fits(known) and (not kinds or known.kind in kinds)
            ]
            if found:
                return _one({typed: found}, typed, field)
        return _one({}, typed, field)

    def source(self, typed: str, field: str = "sources") -> int:
        return _one(self._sources, typed, field)

    def escalation(self, typed: str, field: str = "escalation") -> int:
        return _one(self._escalations, typed, field)


def reference_to_gone(integration_id: int) -> str:
    """How a file names a source that was deleted: left out, its policy would hear every integration."""
    return f"integration {integration_id} (deleted)"


def references_to(ids: Collection[int]) -> dict[int, str]:
    """How a file names each of these notification objects; the plain name where nothing else has it."""
    names = {name for (name,) in execute(_NAMES, {"ids": list(ids)})} if ids else set()
    found: dict[int, str] = {}
    for name, several in _objects_named(names).items():
        for known in several:
            alike = sum(other.kind == known.kind for other in several)
            if len(several) == 1:
                found[known.id] = name
            elif alike == 1:
                found[known.id] = f"{known.kind}:{name}"
            else:
                found[known.id] = f"{known.kind}:{name} <{next(filter(None, known.addresses), '')}>"
    return {pk: found[pk] for pk in ids if pk in found}


def _objects_named(names: set[str]) -> dict[str, list[_Named]]:
    found: dict[str, list[_Named]] = {}
    for kind, name, pk, *addresses in execute(_OBJECTS, {"names": sorted(names)}) if names else ():
        found.setdefault(name, []).append(_Named(NotificationObject.Kind(kind).value, name, pk, tuple(addresses)))
    return found


def _meanings(typed: str) -> list[_Meaning]:
    """The name as it stands there goes first."""
    found = [_Meaning("", typed)]
    kind, rest = "", typed
    if match := _KIND.fullmatch(typed):
        kind, rest = match.groups()
        found.append(_Meaning(kind, rest))
    if match := _ADDRESSED.fullmatch(rest):
        found.append(_Meaning(kind, match[1], match[2].strip()))
    return found


def _ids(statement: str, names: set[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, pk in execute(statement, {"names": sorted(names)}) if names else ():
        found.setdefault(name, []).append(pk)
    return found


def _one(known: Mapping[str, list[int]], typed: str, field: str) -> int:
    match known.get(typed, []):
        case [pk]:
            return pk
        case []:
            raise InvalidInputError({field: f"there is nothing of the name {typed!r}"})
        case several:
            raise InvalidInputError(
                {field: f"{len(several)} things have the name {typed!r}; rename one, or write its kind before it "
                 "(group:Name) or an address behind it (Name <ann@example.org>)"}
            )  # fmt: skip
