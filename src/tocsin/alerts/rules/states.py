"""States of alerts and kinds of activities."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

REOPEN_AFTER = timedelta(hours=4)
"""An alert resolved by hand whose events still fire opens again after this long, where its policy repeats nothing."""


def reopens_after(repeat_seconds: int) -> timedelta:
    """When an alert resolved by hand whose events still fire opens again: as its policy would have repeated it."""
    return timedelta(seconds=repeat_seconds) if repeat_seconds else REOPEN_AFTER


class AlertState(StrEnum):
    PENDING = "pending"
    HANDLING = "handling"
    RESOLVED = "resolved"


class ActivityKind(StrEnum):
    OPENED = "opened"
    EVENTS_RECOVERED = "events_recovered"
    NOTIFIED = "notified"
    NOBODY_TOLD = "nobody_told"
    NOT_TOLD = "not_told"
    """Who is not told and why: written when the reasons change."""
    CLAIMED = "claimed"
    UNCLAIMED = "unclaimed"
    COMMENTED = "commented"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    SILENCED = "silenced"
    """Some of its events are kept quiet; `data` says by what."""
    UNSILENCED = "unsilenced"
    CLAIM_LAPSED = "claim_lapsed"
    ASSIGNED = "assigned"
    POLICY_APPLIED = "policy_applied"
    """From here on it goes by a newer version of its policy."""
    TEMPLATE_FAILED = "template_failed"
    """The built-in text went out instead of one by a template of the policy."""
    SEVERITY_CHANGED = "severity_changed"
    MUTED = "muted"
    UNMUTED = "unmuted"
    ASKED = "asked"
    """Somebody wants the next step of the escalation now."""
    HOURS_BEGAN = "hours_began"
    """What waited for the hours of its policy, or for the end of a mute, is planned again."""
    PASSED_OVER = "passed_over"
    """A step of the escalation whose time came outside its notification period."""
    PLANNING_FAILED = "planning_failed"
    """Nothing can be decided of it, and `data` says why; written once, though it is tried again and again."""
