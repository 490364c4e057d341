"""Matching and grouping, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any
from uuid import UUID

import re2

from tocsin.core.errors import InvalidInputError
from tocsin.core.labels import MAX_LABEL_VALUE, MAX_NAME, fingerprint, printable, text_error
from tocsin.core.sentences import Sentence

_PLACED = Sentence("Rule %(rule)d, condition %(condition)d: %(problem)s", words=("problem",))
_NO_LIST = Sentence("Rule %(rule)d must be a list of conditions, each with key, operator and value.")
_EMPTY_RULE = Sentence("Rule %(rule)d has no condition. Remove it; a policy without rules takes every event.")
_LONG_RULE = Sentence("Rule %(rule)d has more than %(most)d conditions; split it.")
_MANY_RULES = Sentence("There are more than %(most)d rules; split the policy.")
_EMPTY_NAME = Sentence("A label name must not be empty. No name at all makes one group.")
_BAD_NAME = Sentence("The name %(name)s %(problem)s.", words=("problem",))
_MANY_NAMES = Sentence("Group by %(most)d labels at the most.")
_NO_TEXT = Sentence("key and value must be text.")
_NO_OPERATOR = Sentence("the operator must be one of %(operators)s.")
_NO_KEY = Sentence("name a label.")
_BAD_TEXT = Sentence("the text %(text)s cannot be kept: it %(problem)s.", words=("problem",))
_NO_VALUE = Sentence("%(operator)s needs at least one value; several are separated by commas.")
_NO_PATTERN = Sentence("not a regular expression (RE2 syntax): %(problem)s.")

_MAX_RULES = 100
_MAX_CONDITIONS = 50
_MAX_GROUP_BY = 16


class Operator(StrEnum):
    EQ = "eq"
    NEQ = "neq"
    IN = "in"
    NIN = "nin"
    RE = "re"
    NRE = "nre"


SIGNS: Mapping[Operator, str] = {
    Operator.EQ: "=",
    Operator.NEQ: "!=",
    Operator.RE: "=~",
    Operator.NRE: "!~",
    Operator.IN: "in",
    Operator.NIN: "not in",
}
"""As people write them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`key` is a label name; a missing label is the empty string. `in`/`nin` values are comma-separated."""

    key: str
    operator: Operator
    value: str

    def __str__(self) -> str:
        return f'{self.key} {SIGNS[self.operator]} "{self.value}"'


Rule = Sequence[Condition]
"""All conditions of a rule must hold (AND); a policy matches when one of its rules does (OR)."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why a rule (counted from 1) did not match: its first condition that failed, and the label's value."""

    rule: int
    condition: Condition
    actual: str


def condition_holds(condition: Condition, labels: Mapping[str, str]) -> bool:
    actual = labels.get(condition.key, "")
    match condition.operator:
        case Operator.EQ:
            return actual == condition.value
        case Operator.NEQ:
            return actual != condition.value
        case Operator.IN:
            return actual in listed_values(condition.value)
        case Operator.NIN:
            return actual not in listed_values(condition.value)
        case Operator.RE:
            return _pattern(condition.value).fullmatch(actual) is not None
        case Operator.NRE:
            return _pattern(condition.value).fullmatch(actual) is None


def first_failed_condition(rule: Rule, labels: Mapping[str, str]) -> Condition | None:
    """None when the rule matches."""
    return next((condition for condition in rule if not condition_holds(condition, labels)), None)


def rules_match(rules: Sequence[Rule], labels: Mapping[str, str]) -> bool:
    """No rule at all matches every event."""
    return not rules or any(first_failed_condition(rule, labels) is None for rule in rules)


def mismatches(rules: Sequence[Rule], labels: Mapping[str, str]) -> tuple[Mismatch, ...]:
    """One for each rule when none matches; () when the rules match."""
    found = []
    for number, rule in enumerate(rules, start=1):
        condition = first_failed_condition(rule, labels)
        if condition is None:
            return ()
        found.append(Mismatch(number, condition, labels.get(condition.key, "")))
    return tuple(found)


def group_of(group_by: Iterable[str], labels: Mapping[str, str]) -> tuple[UUID, dict[str, str]]:
    """The key of the group an event belongs to, and the labels that its events share (missing ones are left out)."""
    shared = {name: labels[name] for name in group_by if labels.get(name)}
    return fingerprint(shared), shared


@dataclass(frozen=True, slots=True)
class RuleProblem:
    """What is wrong with a condition, both counted from 1: 0 for the rule as a whole, or for all rules together."""

    rule: int
    condition: int
    text: str

    def __str__(self) -> str:
        if not self.condition:
            return self.text
        return _PLACED % {"rule": self.rule, "condition": self.condition, "problem": self.text}


class RulesError(InvalidInputError):
    """Every problem of typed rules, each with its place."""

    def __init__(self, problems: Sequence[RuleProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__({"rules": " ".join(map(str, problems))})


def parse_rules(typed: Iterable[Iterable[Condition | Mapping[str, Any]]]) -> tuple[Rule, ...]:
    """Rules as typed -> values. RulesError on `rules` counts rules and conditions from 1."""
    rules: list[Rule] = []
    problems: list[RuleProblem] = []
    for number, rule in enumerate(typed, start=1):
        if number > _MAX_RULES:
            problems.append(RuleProblem(0, 0, _MANY_RULES % {"most": _MAX_RULES}))
            break
        if not isinstance(rule, list | tuple) or not all(isinstance(item, Condition | Mapping) for item in rule):
            problems.append(RuleProblem(number, 0, _NO_LIST % {"rule": number}))
        elif not rule:
            problems.append(RuleProblem(number, 0, _EMPTY_RULE % {"rule": number}))
        elif len(rule) > _MAX_CONDITIONS:
            problems.append(RuleProblem(number, 0, _LONG_RULE % {"rule": number, "most": _MAX_CONDITIONS}))
        else:
            parsed = [_parse_condition(item, number, at) for at, item in enumerate(rule, 1)]
            problems += [item for item in parsed if isinstance(item, RuleProblem)]
            rules.append(tuple(item for item in parsed if isinstance(item, Condition)))
    if problems:
        raise RulesError(problems)
    return tuple(rules)


def stored_rules(stored: Iterable[Iterable[Mapping[str, str]]]) -> tuple[Rule, ...]:
    """Rules that `parse_rules` let in once. They are not checked again: a stricter version must still match by them."""
    return tuple(tuple(Condition(c["key"], Operator(c["operator"]), c["value"]) for c in rule) for rule in stored)


def rules_as_json(rules: Sequence[Rule]) -> list[list[dict[str, str]]]:
    return [[{"key": c.key, "operator": c.operator.value, "value": c.value} for c in rule] for rule in rules]


def parse_group_by(names: Iterable[str]) -> tuple[str, ...]:
    """InvalidInputError on `group_by`; doubles are dropped."""
    parsed = tuple(dict.fromkeys(name.strip() for name in names))
    for name in parsed:
        if not name:
            raise InvalidInputError({"group_by": _EMPTY_NAME})
        if error := text_error(name, MAX_NAME):
            raise InvalidInputError({"group_by": _BAD_NAME % {"name": printable(name), "problem": error}})
    if len(parsed) > _MAX_GROUP_BY:
        raise InvalidInputError({"group_by": _MANY_NAMES % {"most": _MAX_GROUP_BY}})
    return parsed


def _parse_condition(typed: Condition | Mapping[str, Any], rule: int, number: int) -> Condition | RuleProblem:
    def problem(text: str) -> RuleProblem:
        return RuleProblem(rule, number, text)

    if not isinstance(typed, Condition):
        key, operator, value = (typed.get(name, "") for name in ("key", "operator", "value"))
        if not (isinstance(key, str) and isinstance(value, str)):
            return problem(_NO_TEXT)
        if operator not in list(Operator):
            return problem(_NO_OPERATOR % {"operators": ", ".join(Operator)})
        typed = Condition(key.strip(), Operator(operator), value)
    if not typed.key:
        return problem(_NO_KEY)
    for text, longest in ((typed.key, MAX_NAME), (typed.value, MAX_LABEL_VALUE)):
        if error := text_error(text, longest):
            return problem(_BAD_TEXT % {"text": printable(text), "problem": error})
    if typed.operator in (Operator.IN, Operator.NIN) and not listed_values(typed.value):
        return problem(_NO_VALUE % {"operator": typed.operator.value})
    if typed.operator in (Operator.RE, Operator.NRE):
        try:
            _pattern(typed.value)
        except re2.error as error:
            detail = error.args[0].decode(errors="replace") if error.args else "unknown"
            return problem(_NO_PATTERN % {"problem": detail})
    return typed


@lru_cache(maxsize=10_000)
def listed_values(value: str) -> frozenset[str]:
    """What a comma-separated list names; never the empty string."""
    return frozenset(filter(None, (part.strip() for part in value.split(","))))


@lru_cache(maxsize=10_000)
def _pattern(pattern: str) -> Any:
    """Linear in the label's length whatever is typed: RE2 does not backtrack."""
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)
