"""Matchers as Alertmanager's clients write them (`severity=~"a|b"`), read as its own parser reads them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import re2

from tocsin.policies.rules import Condition, Operator, RulesError, condition_holds, parse_rules

_MATCHER = re.compile(
    r"""\s*(?:(?P<name>[^\s=!~"{},]+)|"(?P<quoted>(?:[^"\\]|\\.)*)")\s*(?P<operator>=~|!~|!=|=)(?P<value>.*)""",
    re.DOTALL,
)
_OPERATORS = {"=": Operator.EQ, "!=": Operator.NEQ, "=~": Operator.RE, "!~": Operator.NRE}
_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LONE_QUOTE = re.compile(r'(?<!\\)(?:\\\\)*"')


class MatcherError(ValueError):
    """The text is for the sender."""


def parse_matchers(typed: Iterable[str]) -> tuple[Condition, ...]:
    """One matcher a text, as in `?filter=`. MatcherError names the one that cannot be read."""
    conditions = tuple(map(_parsed, typed))
    if conditions:
        try:
            parse_rules([conditions])
        except RulesError as error:
            raise MatcherError(error.problems[0].text) from error
    return conditions


def all_hold(conditions: Iterable[Condition], labels: Mapping[str, str]) -> bool:
    return all(condition_holds(condition, labels) for condition in conditions)


def matches_silence(filters: Iterable[Condition], matchers: Mapping[str, str]) -> bool:
    """Whether a silence (name -> value or pattern of its matchers) is one that the filters look for.

    As Alertmanager does: the pattern's own text is compared, and an empty value asks whether the name is there.
    """
    for wanted in filters:
        is_there = wanted.key in matchers
        if not wanted.value and is_there is (wanted.operator in (Operator.NEQ, Operator.NRE)):
            continue
        if not condition_holds(wanted, matchers):
            return False
    return True


def receiver_pattern(typed: str) -> Any:
    """`?receiver=`, anchored at both ends. MatcherError says what is wrong with it."""
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(f"^(?:{typed})$", options)
    except re2.error as error:
        detail = error.args[0].decode(errors="replace") if error.args else "unknown"
        raise MatcherError(f"failed to parse receiver param: error parsing regexp: {detail}") from error


def _parsed(text: str) -> Condition:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise MatcherError(f"bad matcher format: {text[:200]}")
    value = found["value"].strip()
    if len(value) >= 2 and value.startswith('"') and value.endswith('"') and not value.endswith('\\"'):
        value = value[1:-1]
    elif value.startswith('"') or (value.endswith('"') and not value.endswith('\\"')):
        raise MatcherError(f"matcher value contains unescaped double quote: {value[:200]}")
    if _LONE_QUOTE.search(value):
        raise MatcherError(f"matcher value contains unescaped double quote: {value[:200]}")
    name = found["name"] if found["quoted"] is None else _unescaped(found["quoted"])
    return Condition(name, _OPERATORS[found["operator"]], _unescaped(value))


def _unescaped(text: str) -> str:
    """An escape that is not known stays as it is written, so that `\\d` is a digit."""
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[0]), text)
