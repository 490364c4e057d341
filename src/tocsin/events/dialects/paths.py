"""Where something stands in JSON, as people write it (`host.name`, `tags[0]`, `"on {host}"`), and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tocsin.core.sentences import Sentence

_UNREADABLE = Sentence("this cannot be read: %(text)s")
_NOTHING = Sentence("a path or a text in quotes is missing.")
_NO_PATH = Sentence("this is no path, like host.name or tags[0]: %(text)s")
_NO_TIME = Sentence("is no time: write it as 2026-01-31T12:00:00Z, or as seconds since 1970")
_STEP = re.compile(
    r"""(?:^|\.)(?P<name>[^\s.\[\]|"'{}=]+)|\[(?:(?P<index>-?\d{1,6})|'(?P<key>[^']*)'|"(?P<key2>[^"]*)")\]"""
)
_TERM = re.compile(
    r'\s*(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<path>(?:[^|"\s\[]|\[[^\]]*\])(?:[^|"\[]|\[[^\]]*\])*+))\s*(?:\||$)'
)
_HOLE = re.compile(r"\{([^{}]*)\}")
_YEAR_5000 = 95_617_584_000
"""A larger number counts milliseconds."""

Step = str | int


@dataclass(frozen=True, slots=True)
class Path:
    """`is_from_root`: from the whole body (`$.`), else from the item."""

    steps: tuple[Step, ...]
    is_from_root: bool = False

    def value(self, item: Any, root: Any) -> Any:
        """None where there is nothing."""
        found = root if self.is_from_root else item
        for step in self.steps:
            if isinstance(found, dict):
                found = found.get(str(step))
            elif isinstance(found, list) and isinstance(step, int) and -len(found) <= step < len(found):
                found = found[step]
            else:
                return None
        return found


@dataclass(frozen=True, slots=True)
class Template:
    """A text with paths in braces."""

    parts: tuple[str | Path, ...]

    def value(self, item: Any, root: Any) -> str:
        return "".join(part if isinstance(part, str) else as_text(part.value(item, root)) for part in self.parts)


Term = Path | Template


@dataclass(frozen=True, slots=True)
class Expression:
    """Alternatives: the first that says something."""

    terms: Sequence[Term]

    def value(self, item: Any, root: Any) -> Any:
        for term in self.terms:
            found = term.value(item, root)
            if found not in (None, ""):
                return found
        return None

    def text(self, item: Any, root: Any) -> str:
        return as_text(self.value(item, root))


def parse_expression(typed: str) -> Expression:
    """ValueError names what cannot be read."""
    terms: list[Term] = []
    at = 0
    while at < len(typed):
        found = _TERM.match(typed, at)
        if found is None:
            raise ValueError(_UNREADABLE % {"text": typed[at:].strip()[:60]})
        terms.append(parse_path(found["path"]) if found["path"] is not None else _template(found["text"]))
        at = found.end()
    if not terms or typed.rstrip().endswith("|"):
        raise ValueError(_NOTHING)
    return Expression(tuple(terms))


def parse_path(typed: str) -> Path:
    """`$` is the whole body, `.` the item itself."""
    text = typed.strip()
    is_from_root = text == "$" or text.startswith(("$.", "$["))
    if is_from_root:
        text = text[1:].removeprefix(".")
    if text in ("", "."):
        if not typed.strip():
            raise ValueError(_NOTHING)
        return Path((), is_from_root)
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at)
        if found is None:
            raise ValueError(_NO_PATH % {"text": typed.strip()[:60]})
        if found["index"] is not None:
            steps.append(int(found["index"]))
        else:
            steps.append(next(value for value in (found["name"], found["key"], found["key2"]) if value is not None))
        at = found.end()
    return Path(tuple(steps), is_from_root)


def as_text(value: Any) -> str:
    """What a person would read: texts as they are, numbers and true or false as JSON writes them, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))  # of any size, which the fast one refuses


def moment_of(value: Any) -> datetime | None:
    """ISO 8601, or seconds or milliseconds since 1970, also as text; None for nothing. ValueError tells the sender."""
    if value in (None, "", 0, "0"):
        return None
    if isinstance(value, str) and re.fullmatch(r"\d{1,16}(\.\d+)?", value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = value / 1000 if abs(value) > _YEAR_5000 else value
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            raise ValueError(_NO_TIME) from None
    try:
        found = datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise ValueError(_NO_TIME) from None
    if found.year == 1:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _template(text: str) -> Template:
    parts: list[str | Path] = []
    at = 0
    for hole in _HOLE.finditer(text):
        parts += [_plain(text[at : hole.start()]), parse_path(hole[1])]
        at = hole.end()
    parts.append(_plain(text[at:]))
    return Template(tuple(part for part in parts if part != ""))


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)
