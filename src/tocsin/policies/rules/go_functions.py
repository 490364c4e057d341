"""What Go templates can call, and how their values show. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

_MOST_ITEMS = 50


def shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in islice(value.items(), _MOST_ITEMS))
    if isinstance(value, list | tuple):
        return ", ".join(shown(item) for item in value[:_MOST_ITEMS])
    return str(value)


def pairs(value: object) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return sorted(islice(value.items(), _MOST_ITEMS))
    if isinstance(value, list | tuple):
        return list(enumerate(value[:_MOST_ITEMS]))
    return []


def _plain(value: object) -> object:
    return "" if value is None else value


def _index(value: object, *keys: object) -> object:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key) if isinstance(key, str) else None
        elif isinstance(value, list | tuple) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | Mapping | list | tuple) else 0


def _before(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping | list | tuple) or isinstance(other, Mapping | list | tuple):
        raise TypeError("lists and maps have no order")
    return str(one) < str(other) if isinstance(one, str) or isinstance(other, str) else bool(one < other)


def _and(*values: object) -> object:
    return next((value for value in values if not value), values[-1])


def _or(*values: object) -> object:
    return next((value for value in values if value), values[-1])


CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "nil": None}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "eq": lambda one, *others: any(_plain(one) == _plain(other) for other in others),
    "ne": lambda one, other: _plain(one) != _plain(other),
    "lt": _before,
    "le": lambda one, other: not _before(other, one),
    "gt": lambda one, other: _before(other, one),
    "ge": lambda one, other: not _before(one, other),
    "and": _and,
    "or": _or,
    "not": lambda value: not value,
    "len": _length,
    "index": _index,
    "toUpper": lambda value: shown(value).upper(),
    "toLower": lambda value: shown(value).lower(),
}
