"""States of alerts and kinds of activities."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

REOPEN_AFTER = timedelta(hours=4)
"""An alert resolved by hand whose events still fire opens again after this long."""


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
