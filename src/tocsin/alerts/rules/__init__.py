"""States of alerts, kinds of activities, and what falls due by itself."""

from __future__ import annotations

from tocsin.alerts.rules.escalating import (
    Clocks,
    DueStep,
    Escalation,
    EscalationState,
    advanced,
    clocks_from_json,
    has_next,
    next_escalation,
    taken_steps,
)
from tocsin.alerts.rules.foreseeing import StepAhead, steps_ahead
from tocsin.alerts.rules.states import REOPEN_AFTER, ActivityKind, AlertState, reopens_after

__all__ = [
    "REOPEN_AFTER",
    "ActivityKind",
    "AlertState",
    "Clocks",
    "DueStep",
    "Escalation",
    "EscalationState",
    "StepAhead",
    "advanced",
    "clocks_from_json",
    "has_next",
    "next_escalation",
    "reopens_after",
    "steps_ahead",
    "taken_steps",
]
