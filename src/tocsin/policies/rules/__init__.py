"""Matching and grouping, without a database."""

from __future__ import annotations

from tocsin.policies.rules.escalations import Chain, DailyPeriod, Step, Until
from tocsin.policies.rules.matching import (
    Condition,
    Mismatch,
    Operator,
    Rule,
    RuleProblem,
    RulesError,
    condition_holds,
    first_failed_condition,
    group_of,
    mismatches,
    parse_group_by,
    parse_rules,
    rules_as_json,
    rules_match,
    stored_rules,
)
from tocsin.policies.rules.walking import Matcher, Walk, taken_in_turn

__all__ = [
    "Chain",
    "Condition",
    "DailyPeriod",
    "Matcher",
    "Mismatch",
    "Operator",
    "Rule",
    "RuleProblem",
    "RulesError",
    "Step",
    "Until",
    "Walk",
    "condition_holds",
    "first_failed_condition",
    "group_of",
    "mismatches",
    "parse_group_by",
    "parse_rules",
    "rules_as_json",
    "rules_match",
    "stored_rules",
    "taken_in_turn",
]
