"""Matching and grouping, without a database."""

from __future__ import annotations

from tocsin.policies.rules.escalations import Chain, DailyPeriod, Step, Until
from tocsin.policies.rules.go_templates import ARMS_TEXTS, is_go
from tocsin.policies.rules.go_templates import MARK as GO_MARK
from tocsin.policies.rules.matching import (
    SIGNS,
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
from tocsin.policies.rules.template_faults import EMPTY as EMPTY_TEXT
from tocsin.policies.rules.template_faults import TemplateFault, is_blank
from tocsin.policies.rules.templating import (
    EVENT_FIELDS,
    FILTERS,
    TEMPLATE_FIELDS,
    VARIABLES,
    Record,
    parse_templates,
    why_not_a_template,
    written,
)
from tocsin.policies.rules.walking import Matcher, Walk, taken_in_turn
from tocsin.policies.rules.windows import (
    Moment,
    Outside,
    Window,
    parse_window,
    when_to_send,
    window_as_json,
    window_of,
)

__all__ = [
    "ARMS_TEXTS",
    "EMPTY_TEXT",
    "EVENT_FIELDS",
    "FILTERS",
    "GO_MARK",
    "LIMITED",
    "ROBOTS",
    "SIGNS",
    "TEMPLATE_FIELDS",
    "VARIABLES",
    "Chain",
    "Condition",
    "DailyPeriod",
    "Matcher",
    "Mismatch",
    "Moment",
    "Operator",
    "Outside",
    "Record",
    "Rule",
    "RuleProblem",
    "RulesError",
    "Step",
    "TemplateFault",
    "Until",
    "Walk",
    "Window",
    "condition_holds",
    "first_failed_condition",
    "group_of",
    "is_blank",
    "is_go",
    "is_used",
    "mismatches",
    "parse_group_by",
    "parse_limits",
    "parse_rules",
    "parse_templates",
    "parse_window",
    "rules_as_json",
    "rules_match",
    "stored_rules",
    "taken_in_turn",
    "when_to_send",
    "why_not_a_template",
    "window_as_json",
    "window_of",
    "written",
]
