"""Match rules as JSON: any rule may hold (OR), all of its conditions must (AND)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tocsin.web.arms.parameters import Part, read_json


class ConditionAsked(Part):
    key: str
    value: str
    operator: str = "eq"


class _RuleAsked(Part):
    matching_conditions: list[ConditionAsked]


def read_rules(name: str, text: str) -> list[list[dict[str, str]]]:
    """As services take them; [] for an empty text, which is every event."""
    if not text.strip():
        return []
    return typed_rules(rule.matching_conditions for rule in read_json(name, text, list[_RuleAsked]))


def typed_rules(rules: Iterable[Sequence[ConditionAsked]]) -> list[list[dict[str, str]]]:
    return [
        [{"key": item.key, "operator": item.operator, "value": item.value} for item in conditions]
        for conditions in rules
    ]


def shown_rules(stored: Iterable[Sequence[Mapping[str, str]]]) -> list[dict[str, Any]]:
    """SDKs read the name as they are documented, Terraform's provider as it is sent."""
    shown = map(shown_conditions, stored)
    return [{"MatchingConditions": conditions, "matchingConditions": conditions} for conditions in shown]


def shown_conditions(conditions: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"Key": item["key"], "Operator": item["operator"], "Value": item["value"]} for item in conditions]
