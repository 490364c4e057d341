"""What the hours of a policy mean for its messages: when they are planned, and again before each send."""

from __future__ import annotations

from datetime import datetime

from tocsin.delivery.rules.states import Cause, DeliveryState, Reason
from tocsin.policies.rules import Moment, Window, when_to_send


def moment_for(window: Window | None, cause: Cause | None, severity: int | None, now: datetime) -> Moment:
    """When a message may go out. `window`: of the policy, for a step of an escalation its own; who is assigned is told
    at once.
    """
    if window is None or cause in (None, Cause.ASSIGNED):
        return Moment()
    return when_to_send(window, severity or 1, now)


def closed_until(window: Window | None, severity: int, now: datetime) -> datetime | None:
    """When the hours begin for which a message of now would wait, or be dropped; None when it may go out."""
    if window is None or when_to_send(window, severity, now) == Moment():
        return None
    return window.opens_at(now)


def begins_as(
    window: Window | None, cause: Cause, severity: int, now: datetime, *, is_shadow: bool = False
) -> tuple[DeliveryState, str, datetime | None]:
    """State, reason and `next_at` of a message that is planned now. One in shadow ends where it would go out."""
    moment = moment_for(window, cause, severity, now)
    if moment.is_dropped:
        return DeliveryState.SKIPPED, Reason.OUTSIDE_WINDOW, None
    if moment.at is not None:
        return DeliveryState.PLANNED, Reason.OUTSIDE_WINDOW, moment.at
    return (DeliveryState.SKIPPED, Reason.SHADOW, None) if is_shadow else (DeliveryState.PLANNED, "", now)
