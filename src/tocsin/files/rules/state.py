"""What an installation holds, in the words of the files, and how two such states differ."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tocsin.files.rules.kinds import KINDS

_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Hidden:
    """A secret as it can be compared within one process, and never shown."""

    digest: str

    @classmethod
    def of(cls, secret: str) -> Hidden:
        return cls(hashlib.blake2b(secret.encode(), key=_KEY).hexdigest())

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Item:
    """One object as it is. `values` by the fields of its kind, with `Hidden` for secrets."""

    kind: str
    id: int
    name: str
    values: Mapping[str, Any]


State = Mapping[str, Sequence[Item]]
"""Kind -> its objects."""


class Change(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Difference:
    """`fields`: before and after of each field that differs; of one that is created, only what it has."""

    kind: str
    name: str
    change: Change
    fields: Mapping[str, tuple[Any, Any]]

    @property
    def noun(self) -> str:
        return KINDS[self.kind].noun


def differences(before: State, after: State) -> list[Difference]:
    """By kind; what is deleted comes last."""
    found, deleted = [], []
    for key, kind in KINDS.items():
        old = {item.id: item for item in before.get(key, ())}
        new = {item.id: item for item in after.get(key, ())}
        for pk, item in new.items():
            was = old[pk].values if pk in old else {}
            fields = {
                field.name: (was.get(field.name, field.default), item.values.get(field.name, field.default))
                for field in kind.fields
                if was.get(field.name, field.default) != item.values.get(field.name, field.default)
            }
            if pk not in old:
                found.append(Difference(key, item.name, Change.CREATED, fields))
            elif fields:
                found.append(Difference(key, item.name, Change.CHANGED, fields))
        deleted += [Difference(key, old[pk].name, Change.DELETED, {}) for pk in old if pk not in new]
    moved = _moved(before, after)
    return [*found, *([moved] if moved else []), *deleted]


def _moved(before: State, after: State) -> Difference | None:
    """Whether the policies that are there before and after change places among themselves."""
    old = [item.id for item in before.get("policies", ())]
    new = {item.id: item.name for item in after.get("policies", ())}
    names = {item.id: item.name for item in before.get("policies", ())}
    was = [pk for pk in old if pk in new]
    now = [pk for pk in new if pk in names]
    if was == now:
        return None
    fields = {"order": ([names[pk] for pk in was], [new[pk] for pk in now])}
    return Difference("policies", "all", Change.CHANGED, fields)
