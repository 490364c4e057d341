"""What an alert needs when it is due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.alerts.rules import AlertState
from tocsin.delivery.rules.states import Cause

LOOK_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert and a count of its events. `fresh` events are active and not told of yet, `quiet` ones silenced.

    `ended_quietly`: every event ended while it was silenced.
    """

    state: AlertState
    notified_at: datetime | None
    active: int
    fresh: int
    is_policy_enabled: bool
    sends_recovery: bool
    repeat_every: timedelta | None = None
    quiet: int = 0
    ended_quietly: bool = False

    @property
    def repeats_at(self) -> datetime | None:
        """When everybody is told again. A claim stops it; what fell due meanwhile follows when it ends, once."""
        if self.repeat_every is None or self.notified_at is None or self.state is not AlertState.PENDING:
            return None
        return self.notified_at + self.repeat_every


@dataclass(frozen=True, slots=True)
class Decision:
    """`cause` None: nobody is told. `state` is the alert's new one. `due_at`: when to decide again without an event."""

    state: AlertState
    cause: Cause | None = None
    due_at: datetime | None = None


def decide(facts: AlertFacts, now: datetime) -> Decision:
    """Recounted events in, decision out; accept never decides."""
    if facts.active == 0 and facts.quiet:
        return Decision(facts.state)
    if facts.active == 0:
        wants = facts.sends_recovery and facts.is_policy_enabled and not facts.ended_quietly
        tells = facts.notified_at is not None and wants
        already = facts.state is AlertState.RESOLVED
        return Decision(AlertState.RESOLVED, Cause.RECOVERED if tells and not already else None)
    if not facts.is_policy_enabled:
        is_open = facts.state is not AlertState.RESOLVED
        return Decision(facts.state, due_at=now + LOOK_AGAIN_AFTER if is_open else None)
    state = AlertState.PENDING if facts.state is AlertState.RESOLVED else facts.state
    facts = replace(facts, state=state) if (reopens := state is not facts.state) else facts
    cause = Cause.REPEATED if reopens else _cause(facts, now)
    told = replace(facts, notified_at=now) if cause is not None else facts
    return Decision(state, cause, told.repeats_at)


def _cause(facts: AlertFacts, now: datetime) -> Cause | None:
    if facts.notified_at is None:
        return Cause.FIRED
    if facts.fresh:
        return Cause.ADDED
    is_over = facts.repeats_at is not None and facts.repeats_at <= now
    return Cause.REPEATED if is_over else None
