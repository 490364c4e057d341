"""What an importer makes: a document, what a person has to know of it, and the secrets that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tocsin.files.rules.kinds import KINDS

_LONGEST_NAME = 64
_TOLD = {"contacts": "contact", "groups": "group", "robots": "robot", "webhooks": "webhook", "schedules": "schedule"}
_UNUSUAL = re.compile(r"[^A-Z0-9]+")


@dataclass
class Draft:
    """`document` as `apply` reads it. `notes`: what could not be carried, with its place. `secrets` by variable."""

    document: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {key: [] for key in KINDS})
    notes: list[str] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)

    def filled(self) -> dict[str, list[dict[str, Any]]]:
        return {key: listed for key, listed in self.document.items() if listed}

    def add(self, key: str, values: Mapping[str, Any], *, beside: Sequence[str] = ()) -> str:
        """Under a name that is free there and in the lists `beside`. Returns its name."""
        taken = {known["name"] for listed in (key, *beside) for known in self.document[listed]}
        name = free_name(str(values["name"]), taken)
        self.document[key].append({**values, "name": name})
        return name

    def share(self, key: str, values: Mapping[str, Any], *, beside: Sequence[str] = ()) -> str:
        """As `add`, but what is equal to it whatever its name stands for it."""
        for known in self.document[key]:
            if {**known, "name": values["name"]} == values:
                return str(known["name"])
        return self.add(key, values, beside=beside)

    def told_as(self, key: str, name: str) -> str:
        """How `tells` names it, once everything that can be told is there."""
        alike = sum(known["name"] == name for listed in _TOLD for known in self.document[listed])
        return name if alike < 2 else f"{_TOLD[key]}:{name}"

    def secret(self, parts: Iterable[str], value: str) -> dict[str, str]:
        """The reference that stands for it in the document."""
        base = "_".join(filter(None, (_UNUSUAL.sub("_", part.upper()).strip("_") for part in ("TOCSIN", *parts))))
        number, name = 1, base
        while name in self.secrets and (not value or self.secrets[name] != value):  # what is not known may differ
            number += 1
            name = f"{base}_{number}"
        self.secrets[name] = value
        return {"env": name}

    def note(self, place: str, text: str) -> None:
        line = f"{place}: {text}"
        if line not in self.notes:
            self.notes.append(line)


def free_name(wanted: str, taken: Iterable[str]) -> str:
    name = " ".join(wanted.split())[:_LONGEST_NAME] or "unnamed"
    known, number = set(taken), 1
    found = name
    while found in known:
        number += 1
        suffix = f" ({number})"
        found = name[: _LONGEST_NAME - len(suffix)] + suffix
    return found
