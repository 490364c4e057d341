"""What programs hear of an alert's life, and when it is said again to one that did not take it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.channels.base import Outcome

_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (10, 30, 60, 120, 300, 600))
_LONGEST_PAUSE = timedelta(minutes=30)
GIVES_UP_AFTER = timedelta(hours=24)
LEASE = timedelta(minutes=2)
"""Longer than any request: a notice that a worker took and did not answer for is then another one's."""


class SubscriptionState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    """What happens is kept and told later, for a day."""
    DISABLED = "disabled"
    """What happens is not told at all."""


class NoticeState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class LifecycleKind(StrEnum):
    """Kinds of activities, and `escalated`: told because nobody reacted."""

    OPENED = "opened"
    NOTIFIED = "notified"
    ESCALATED = "escalated"
    NOBODY_TOLD = "nobody_told"
    CLAIMED = "claimed"
    UNCLAIMED = "unclaimed"
    CLAIM_LAPSED = "claim_lapsed"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    SEVERITY_CHANGED = "severity_changed"
    MUTED = "muted"
    UNMUTED = "unmuted"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    EVENTS_RECOVERED = "events_recovered"
    RESOLVED = "resolved"
    REOPENED = "reopened"


def next_try(
    *, tries: int, happened_at: datetime, now: datetime, retry_after: timedelta | None = None
) -> datetime | None:
    """After a try that was not taken, the `tries`th; None when it is given up, a day after it happened."""
    if now - happened_at >= GIVES_UP_AFTER:
        return None
    pause = _PAUSES[tries - 1] if tries <= len(_PAUSES) else _LONGEST_PAUSE
    return now + max(pause, min(retry_after or timedelta(0), _LONGEST_PAUSE))


def is_taken(outcome: Outcome) -> bool:
    return outcome is Outcome.ACCEPTED
