"""What an alert needs when it is due."""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.alerts.rules import AlertState
from tocsin.delivery.rules.states import Cause


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert and a count of its events. `fresh` events are active and not told of yet."""

    state: AlertState
    was_notified: bool
    active: int
    fresh: int
    is_policy_enabled: bool
    sends_recovery: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """`cause` None: nobody is told. `state` is the alert's new one."""

    state: AlertState
    cause: Cause | None = None
    looks_again: bool = False
    """Nobody can be told now, and that may change without an event: decide again in a minute."""


def decide(facts: AlertFacts) -> Decision:
    """Recounted events in, decision out; accept never decides."""
    if facts.active == 0:
        tells = facts.was_notified and facts.sends_recovery and facts.is_policy_enabled
        already = facts.state is AlertState.RESOLVED
        return Decision(AlertState.RESOLVED, Cause.RECOVERED if tells and not already else None)
    if not facts.is_policy_enabled:
        return Decision(facts.state, looks_again=facts.state is not AlertState.RESOLVED)
    if facts.state is AlertState.RESOLVED:
        return Decision(AlertState.PENDING, Cause.REPEATED)
    if not facts.was_notified:
        return Decision(facts.state, Cause.FIRED)
    return Decision(facts.state, Cause.ADDED if facts.fresh else None)
