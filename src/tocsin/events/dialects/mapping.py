"""How a user says which parts of a JSON document are an event: one line each, `target = where`.

each = alerts                                  # the array; without it the body is one event, or an array of them
labels.alertname = title | rule.name           # the first that says something
labels.service = "{team}/{service}"            # a text with paths in braces
labels.* = tags                                # every text and number of an object
annotations.summary = message
status = state                                 # resolved, ok, closed... is over, anything else fires
resolved = "gone, back"                        # the words for it, instead of the usual ones
starts_at = timestamp
ends_at = until
id = $.delivery                                # `$` is the whole body; a post that comes again is dropped by it
link = url
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from tocsin.core.errors import InvalidInputError
from tocsin.core.labels import MAX_NAME, without_empty
from tocsin.core.sentences import Sentence
from tocsin.events.dialects.base import ItemError, Post, aware, is_resolved, lasting
from tocsin.events.dialects.paths import Expression, Path, as_text, moment_of, parse_expression, parse_path
from tocsin.events.rules import Report

MAX_MAPPING = 8_000
_MAX_ID = 512
_LINE = re.compile(r"\s*(?P<target>[^=\s]+)\s*=(?P<where>.*)", re.DOTALL)
_SINGLE = frozenset({"status", "starts_at", "ends_at", "id", "link"})
_PLACED = Sentence("Line %(line)d: %(problem)s", words=("problem",))
_NO_LINE = Sentence("write a target, an equals sign and where it stands, like labels.host = host.name.")
_NO_TARGET = Sentence(
    "no target is called %(target)s. There are labels.NAME, annotations.NAME, each, status, resolved, starts_at, "
    "ends_at, id and link."
)
_NO_ARRAY = Sentence("there is no array at this place")
_LONG_ID = Sentence("is longer than %(most)d characters")
_TWICE = Sentence("the target %(target)s stands there twice.")
_NO_LABEL = Sentence("Say at least one label, like labels.alertname = title.")
_TOO_LONG = Sentence("Keep it to %(most)d characters.")


class MappingError(InvalidInputError):
    """Every problem of a mapping, each with its line."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__({"mapping": " ".join(problems)})


@dataclass(frozen=True, slots=True)
class Mapping:
    """`pairs`: (labels or annotations, name or "*", where), in the order of the lines; a later one wins."""

    each: Path | None = None
    pairs: tuple[tuple[str, str, Expression], ...] = ()
    single: dict[str, Expression] = field(default_factory=dict)
    resolved: frozenset[str] = frozenset()

    def items(self, root: Any) -> list[Any]:
        """ItemError when `each` names no array."""
        if self.each is None:
            return root if isinstance(root, list) else [root]
        found = self.each.value(root, root)
        if not isinstance(found, list):
            raise ItemError("each", _NO_ARRAY)
        return found

    def report(self, item: Any, root: Any, post: Post) -> Report:
        """ItemError names the target."""
        taken: dict[str, dict[str, str]] = {"labels": {}, "annotations": {}}
        for kind, name, where in self.pairs:
            value = where.value(item, root)
            if name != "*":
                if text := as_text(value):
                    taken[kind][name] = text
            elif isinstance(value, dict):
                taken[kind] |= {key: as_text(each) for key, each in value.items() if not isinstance(each, dict | list)}
        word = self._text("status", item, root)
        starts_at, ends_at = aware(self._moment("starts_at", item, root)), aware(self._moment("ends_at", item, root))
        if word:
            is_over = word.strip().lower() in self.resolved if self.resolved else is_resolved(word)
            starts_at, ends_at = lasting(post, is_over=is_over, starts_at=starts_at, ends_at=ends_at)
            phase = "over" if is_over else "firing"
        else:
            phase = ends_at.isoformat() if ends_at else ""
        called = self._text("id", item, root)
        if len(called) > _MAX_ID:
            raise ItemError("id", _LONG_ID % {"most": _MAX_ID})
        return Report(
            labels=without_empty(taken["labels"]),
            annotations=without_empty(taken["annotations"]),
            generator_url=self._text("link", item, root),
            starts_at=starts_at,
            ends_at=ends_at,
            report_id=called,
            phase=phase,
        )

    def _text(self, name: str, item: Any, root: Any) -> str:
        return self.single[name].text(item, root) if name in self.single else ""

    def _moment(self, name: str, item: Any, root: Any) -> Any:
        try:
            return moment_of(self.single[name].value(item, root)) if name in self.single else None
        except ValueError as error:
            raise ItemError(name, str(error)) from error


@lru_cache(maxsize=500)
def parse_mapping(typed: str) -> Mapping:
    """MappingError names each line, counted from 1."""
    if len(typed) > MAX_MAPPING:
        raise MappingError([_TOO_LONG % {"most": MAX_MAPPING}])
    each: Path | None = None
    pairs: list[tuple[str, str, Expression]] = []
    single: dict[str, Expression] = {}
    resolved: frozenset[str] = frozenset()
    problems: list[str] = []
    seen: set[str] = set()
    for number, line in enumerate(typed.splitlines(), 1):
        text = _without_comment(line)
        if not text.strip():
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            problems.append(_PLACED % {"line": number, "problem": _NO_LINE})
            continue
        target, where = found["target"], found["where"].strip()
        kind, _, name = target.partition(".")
        try:
            if target in seen and name != "*":
                raise ValueError(_TWICE % {"target": target})
            if target == "each":
                each = parse_path(where)
            elif target == "resolved":
                words = where.strip('"').split(",")
                resolved = frozenset(word.strip().lower() for word in words if word.strip())
            elif target in _SINGLE:
                single[target] = parse_expression(where)
            elif kind in ("labels", "annotations") and 0 < len(name) <= MAX_NAME:
                pairs.append((kind, name, parse_expression(where)))
            else:
                raise ValueError(_NO_TARGET % {"target": target[:60]})
        except ValueError as error:
            problems.append(_PLACED % {"line": number, "problem": str(error)})
        seen.add(target)
    if not problems and not any(kind == "labels" for kind, _name, _where in pairs):
        problems.append(_NO_LABEL)
    if problems:
        raise MappingError(problems)
    return Mapping(each, tuple(pairs), single, resolved)


def _without_comment(line: str) -> str:
    """A `#` in quotes is text."""
    in_quotes = False
    for at, mark in enumerate(line):
        if mark == '"':
            in_quotes = not in_quotes
        elif mark == "#" and not in_quotes:
            return line[:at]
    return line
