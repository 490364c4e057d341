"""What an alert needs when it is due."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.alerts.rules import AlertState, Clocks, DueStep, Escalation, EscalationState, advanced, next_escalation
from tocsin.delivery.rules.states import Cause
from tocsin.policies.rules import Chain, Step

LOOK_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert and a count of its events. `fresh` events are active and not told of yet, `quiet` ones silenced.

    `ended_quietly`: every event ended while it was silenced. `chain` and `clocks`: its escalation and how far that is.
    `asks_step`: somebody wants the next step now; `asks_assignee`: whom it was given to is to be told.
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
    chain: Chain | None = None
    clocks: Clocks | None = None
    muted_until: datetime | None = None
    lapses_at: datetime | None = None
    asks_step: bool = False
    asks_assignee: bool = False
    opens_at: datetime | None = None
    """When the hours of its policy begin, while they are over for it."""

    @property
    def repeats_at(self) -> datetime | None:
        """When everybody is told again. A claim stops it, so do hours that are over; what fell due follows, once."""
        if self.repeat_every is None or self.notified_at is None or self.state is not AlertState.PENDING:
            return None
        at = self.notified_at + self.repeat_every
        return at if self.opens_at is None else max(at, self.opens_at)


@dataclass(frozen=True, slots=True)
class Decision:
    """`cause` None: nobody is told by the policy itself. `state` is the alert's new one.

    `due_at`: when to decide again without an event. `steps`: of the escalation, to be told now, each once.
    """

    state: AlertState
    cause: Cause | None = None
    due_at: datetime | None = None
    steps: tuple[DueStep, ...] = ()
    passed_over: tuple[Step, ...] = ()
    clocks: Clocks | None = None
    has_lapsed: bool = False
    tells_assignee: bool = False
    keeps_asking: bool = False
    """What people asked for has to wait."""


def decide(facts: AlertFacts, now: datetime) -> Decision:
    """Recounted events in, decision out; accept never decides."""
    if facts.active == 0 and facts.quiet:
        return Decision(facts.state, clocks=_stopped(facts, now), keeps_asking=True)
    if facts.active == 0:
        return _ended(facts, now)
    if not facts.is_policy_enabled:
        return Decision(facts.state, due_at=now + LOOK_AGAIN_AFTER, clocks=facts.clocks, keeps_asking=True)
    if facts.state is AlertState.RESOLVED:
        return _open_again(facts, now)
    return _decide_open(facts, now)


def _ended(facts: AlertFacts, now: datetime) -> Decision:
    """Who heard that it fires hears once that it is over; of a muted alert when the mute ends."""
    is_news = facts.state is not AlertState.RESOLVED or facts.muted_until is not None
    is_wanted = facts.sends_recovery and facts.is_policy_enabled and not facts.ended_quietly
    if not (is_news and is_wanted and facts.notified_at is not None):
        return Decision(AlertState.RESOLVED)
    if facts.muted_until is not None and facts.muted_until > now:
        return Decision(AlertState.RESOLVED, due_at=facts.muted_until)
    return Decision(AlertState.RESOLVED, Cause.RECOVERED)


def _open_again(facts: AlertFacts, now: datetime) -> Decision:
    told = replace(facts, state=AlertState.PENDING, notified_at=now, clocks=Clocks(now), lapses_at=None)
    escalation = _escalation(told, now)
    due_at = _earliest(told.repeats_at, escalation.next_at)
    return Decision(
        AlertState.PENDING, Cause.REPEATED, due_at, clocks=escalation.clocks, tells_assignee=facts.asks_assignee
    )


def _decide_open(facts: AlertFacts, now: datetime) -> Decision:
    has_lapsed = facts.state is AlertState.HANDLING and facts.lapses_at is not None and facts.lapses_at <= now
    state = AlertState.PENDING if has_lapsed else facts.state
    lapses_at = facts.lapses_at if state is AlertState.HANDLING else None
    if facts.muted_until is not None and facts.muted_until > now:
        clocks = _escalation(facts, now).clocks
        due_at = _earliest(facts.muted_until, lapses_at)
        return Decision(state, None, due_at, clocks=clocks, has_lapsed=has_lapsed, keeps_asking=True)
    cause = _cause(replace(facts, state=state), now)
    begun = facts if facts.clocks is not None else replace(facts, clocks=Clocks(now))
    escalation = _escalation(begun, now)
    told = replace(facts, state=state, notified_at=now if cause is not None else facts.notified_at)
    return Decision(
        state,
        cause,
        _earliest(told.repeats_at, escalation.next_at, lapses_at),
        escalation.steps,
        escalation.passed_over,
        _standing(escalation.clocks, stand=False),
        has_lapsed,
        tells_assignee=facts.asks_assignee,
    )


def _cause(facts: AlertFacts, now: datetime) -> Cause | None:
    if facts.notified_at is None:
        return Cause.FIRED
    if facts.fresh:
        return Cause.ADDED
    is_over = facts.repeats_at is not None and facts.repeats_at <= now
    return Cause.REPEATED if is_over else None


def _escalation(facts: AlertFacts, now: datetime) -> Escalation:
    if facts.chain is None:
        return Escalation((), (), None, None)
    state = EscalationState(
        facts.chain, facts.clocks, facts.state, facts.muted_until, facts.lapses_at, is_asked=facts.asks_step
    )
    return next_escalation(state, now)


def _stopped(facts: AlertFacts, now: datetime) -> Clocks | None:
    """They stand while everything is silenced; what fell due before is told when it is loud again."""
    if facts.chain is None or facts.clocks is None:
        return None
    clocks = advanced(facts.clocks, now, facts.state, muted_until=facts.muted_until, lapses_at=facts.lapses_at)
    return _standing(clocks, stand=True)


def _standing(clocks: Clocks | None, *, stand: bool) -> Clocks | None:
    return replace(clocks, stand=stand) if clocks is not None else None


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
