"""States of alerts and kinds of activities."""

from __future__ import annotations

from enum import StrEnum


class AlertState(StrEnum):
    PENDING = "pending"
    HANDLING = "handling"
    RESOLVED = "resolved"


class ActivityKind(StrEnum):
    OPENED = "opened"
    EVENTS_ADDED = "events_added"
    EVENTS_RECOVERED = "events_recovered"
    NOTIFIED = "notified"
    NOBODY_TOLD = "nobody_told"
    CLAIMED = "claimed"
    UNCLAIMED = "unclaimed"
    COMMENTED = "commented"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    NOTE = "note"
