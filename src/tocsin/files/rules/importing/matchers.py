"""Matchers as Alertmanager's configuration writes them -> conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_OPERATORS = {"=": "eq", "!=": "neq", "=~": "re", "!~": "nre"}
_MATCHER = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s=!~"{},]+))\s*(=~|!=|!~|=)\s*(.*?)\s*', re.DOTALL)
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def conditions_of(route: Mapping[str, Any], prefix: str = "") -> list[dict[str, str]]:
    """Of `matchers`, and of the older `match` and `match_re`; with a prefix, `source_matchers` and so on.

    ValueError names the matcher that cannot be read.
    """
    found = [_condition(name, "=", value) for name, value in _pairs(route, f"{prefix}match")]
    found += [_condition(name, "=~", value) for name, value in _pairs(route, f"{prefix}match_re")]
    listed = route.get(f"{prefix}matchers") or []
    if not isinstance(listed, str | list):
        raise ValueError(f"{prefix}matchers must be a list.")
    for text in [listed] if isinstance(listed, str) else listed:
        found += list(parsed_matchers(str(text)))
    return found


def _pairs(route: Mapping[str, Any], key: str) -> Iterator[tuple[str, str]]:
    typed = route.get(key) or {}
    if not isinstance(typed, Mapping):
        raise ValueError(f"{key} must have keys.")
    return ((str(name), _as_written(value)) for name, value in typed.items())


def _as_written(value: Any) -> str:
    """YAML has made `true` of what was a text there."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def parsed_matchers(text: str) -> Iterator[dict[str, str]]:
    inner = text.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    for part in _parts(inner):
        match = _MATCHER.fullmatch(part)
        if match is None:
            raise ValueError(f"cannot read the matcher {part.strip()!r}")
        quoted, name, operator, value = match.groups()
        yield _condition(_unescaped(quoted) if quoted is not None else name, operator, _value(value, part))


def _condition(name: str, operator: str, value: str) -> dict[str, str]:
    return {"key": name, "operator": _OPERATORS[operator], "value": value}


def _parts(text: str) -> Iterator[str]:
    """Split at commas outside of quotes; an empty end is nothing."""
    part, is_quoted, is_escaped = "", False, False
    for character in text:
        if character == "," and not is_quoted:
            if part.strip():
                yield part
            part = ""
            continue
        part += character
        is_quoted = is_quoted != (character == '"' and not is_escaped)
        is_escaped = character == "\\" and not is_escaped
    if part.strip():
        yield part


def _value(text: str, part: str) -> str:
    if len(text) >= 2 and text.startswith('"') and text.endswith('"'):
        return _unescaped(text[1:-1])
    if '"' in text:
        raise ValueError(f"cannot read the matcher {part.strip()!r}")
    return _unescaped(text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text, flags=re.DOTALL)
