"""A state of an installation -> YAML that `apply` reads, without a secret in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tocsin.files.rules.kinds import KINDS, Kind
from tocsin.files.rules.state import Hidden, Item, State

_SEVERITIES = ("severity_map", "severity_limits")
_PARTS = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class Dump:
    """`document` as YAML has it; `variables`: what stands for the secrets, when they are named."""

    document: Mapping[str, list[dict[str, Any]]]
    variables: tuple[str, ...]


def dumped(state: State, *, names_secrets: bool) -> Dump:
    """What has its default is left out. A secret is left out, too, so that it stays as it is stored; or, with
    `names_secrets`, an environment variable stands for it.
    """
    variables: list[str] = []
    document = {
        key: [_object(kind, item, variables if names_secrets else None) for item in state[key]]
        for key, kind in KINDS.items()
        if state.get(key)
    }
    return Dump(document, tuple(variables))


def as_yaml(document: Mapping[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)


def _object(kind: Kind, item: Item, variables: list[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in kind.fields:
        value = item.values.get(field.name, field.default)
        if value == field.default or value is None:
            continue
        if field.name in _SEVERITIES:
            value = {word: f"P{severity}" for word, severity in value.items()}
        shown = _without_secrets(value, (kind.key, item.name, field.name), variables)
        is_emptied = value == {} and bool(field.default)  # by whoever wanted none of what is the default
        if shown not in (None, {}) or is_emptied:
            found[field.name] = shown
    return found


def _without_secrets(value: Any, names: tuple[str, ...], variables: list[str] | None) -> Any:
    if isinstance(value, Hidden):
        if variables is None:
            return None
        variable = _variable(names, variables)
        variables.append(variable)
        return {"env": variable}
    if isinstance(value, Mapping):
        cleaned = {name: _without_secrets(part, (*names, str(name)), variables) for name, part in value.items()}
        return {name: part for name, part in cleaned.items() if part is not None}
    return value


def _variable(names: Iterable[str], taken: Iterable[str]) -> str:
    """TOCSIN_ROBOTS_OPS_URL; of what other alphabets have in common, a number tells it apart."""
    base = "_".join(filter(None, (_PARTS.sub("_", name.upper()).strip("_") for name in ("TOCSIN", *names))))
    known = set(taken)
    number = 1
    while (found := base if number == 1 else f"{base}_{number}") in known:
        number += 1
    return found


class _Dumper(yaml.SafeDumper):
    """Lists in objects are indented, short ones of plain values in one line; texts of several lines are blocks."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text and not re.search(r"[ \t]\n|^\s", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.SequenceNode:
    is_plain = all(isinstance(item, str | int | float) for item in items) and len(str(items)) < 80
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_plain)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _list)
