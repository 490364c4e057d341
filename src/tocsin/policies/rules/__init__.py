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
from tocsin.policies.rules.severities import LIMITED, ROBOTS, is_used, parse_limits
from tocsin.policies.rules.walking import Matcher, Walk, taken_in_turn
from tocsin.policies.rules.windows import Moment, Outside, Window, parse_window, when_to_send, window_of

__all__ = [
    "LIMITED",
    "ROBOTS",
    "Chain",
    "Condition",
    "DailyPeriod",
    "Matcher",
    "Mismatch",
    "Moment",
    "Operator",
    "Outside",
    "Rule",
    "RuleProblem",
    "RulesError",
    "Step",
    "Until",
    "Walk",
    "Window",
    "condition_holds",
    "first_failed_condition",
    "group_of",
    "is_used",
    "mismatches",
    "parse_group_by",
    "parse_limits",
    "parse_rules",
    "parse_window",
    "rules_as_json",
    "rules_match",
    "stored_rules",
    "taken_in_turn",
    "when_to_send",
    "window_of",
]
