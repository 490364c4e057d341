"""Which steps of an escalation fall due, from two clocks of an alert: how long it is open, and how long unclaimed.

The clocks stand while the alert is muted; the second one also while somebody has claimed it. What was told is
remembered by the clock's time, not by the step, so that an escalation policy that is edited goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.alerts.rules.states import AlertState
from tocsin.policies.rules.escalations import Chain, Rung, Step, Until, rungs

_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Clocks:
    """As they stood `at`. `told_*`: up to where their steps were taken. `stand`: all events are silenced."""

    at: datetime
    unclaimed: timedelta = _NONE
    unresolved: timedelta = _NONE
    told_unclaimed: timedelta = _NONE
    told_unresolved: timedelta = _NONE
    stand: bool = False

    def of(self, until: Until) -> timedelta:
        return self.unclaimed if until is Until.CLAIMED else self.unresolved

    def told(self, until: Until) -> timedelta:
        return self.told_unclaimed if until is Until.CLAIMED else self.told_unresolved

    def telling(self, rung: Rung) -> Clocks:
        """Up to this rung."""
        at = max(rung.at, self.told(rung.step.until))
        if rung.step.until is Until.CLAIMED:
            return replace(self, told_unclaimed=at)
        return replace(self, told_unresolved=at)

    def as_json(self) -> dict[str, Any]:
        durations = {name: getattr(self, name).total_seconds() for name in _DURATIONS}
        return {"at": self.at.isoformat(), "stand": self.stand, **durations}


_DURATIONS = ("unclaimed", "unresolved", "told_unclaimed", "told_unresolved")


@dataclass(frozen=True, slots=True)
class EscalationState:
    """What a decision about steps looks at. `clocks` None: nobody has been told yet, so nothing has begun.

    `lapses_at`: when a claim ends by itself.
    """

    chain: Chain
    clocks: Clocks | None
    alert_state: AlertState
    muted_until: datetime | None = None
    lapses_at: datetime | None = None
    is_asked: bool = False
    """Somebody wants the next step now, whatever the clocks say."""


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step to be taken now. `late`: how long ago its moment was. `is_asked`: somebody wanted it before its moment."""

    step: Step
    late: timedelta = _NONE
    is_asked: bool = False
    repetition: int = 0
    round: int = 0

    @property
    def reaches_claimed(self) -> bool:
        """It goes out although somebody has claimed the alert."""
        return self.is_asked or self.step.until is Until.RESOLVED


@dataclass(frozen=True, slots=True)
class Escalation:
    """`next_at`: when the next step falls due if nothing happens; None: none will."""

    steps: tuple[DueStep, ...]
    passed_over: tuple[Step, ...]
    """Their moment came outside their notification period."""
    next_at: datetime | None
    clocks: Clocks | None


def clocks_from_json(stored: Mapping[str, Any]) -> Clocks | None:
    if not stored:
        return None
    durations = {name: timedelta(seconds=stored[name]) for name in _DURATIONS}
    return Clocks(at=datetime.fromisoformat(stored["at"]), stand=stored["stand"], **durations)


def advanced(
    clocks: Clocks, now: datetime, state: AlertState, *, muted_until: datetime | None, lapses_at: datetime | None
) -> Clocks:
    """As they stand now, when the alert has been in this state since they were read."""
    if clocks.stand:
        return replace(clocks, at=max(now, clocks.at))
    begin = max(clocks.at, min(muted_until, now)) if muted_until is not None else clocks.at
    heard = max(now - begin, _NONE) if state is not AlertState.RESOLVED else _NONE
    unclaimed = heard
    if state is AlertState.HANDLING:
        unclaimed = max(now - max(begin, lapses_at), _NONE) if lapses_at is not None else _NONE
    return replace(
        clocks,
        at=max(now, clocks.at),
        unclaimed=clocks.unclaimed + unclaimed,
        unresolved=clocks.unresolved + heard,
    )


def next_escalation(state: EscalationState, now: datetime) -> Escalation:
    """Every step that fell due, once, in order, however many of its moments have passed unseen."""
    if state.clocks is None or state.alert_state is AlertState.RESOLVED:
        return Escalation((), (), None, state.clocks)
    clocks = advanced(state.clocks, now, state.alert_state, muted_until=state.muted_until, lapses_at=state.lapses_at)
    if state.muted_until is not None and state.muted_until > now:
        return Escalation((), (), None, clocks)
    has_lapsed = state.lapses_at is not None and state.lapses_at <= now
    is_claimed = state.alert_state is AlertState.HANDLING and not has_lapsed
    ahead = [rung for rung in rungs(state.chain) if rung.at > clocks.told(rung.step.until)]
    due: dict[int, DueStep] = {}
    passed: dict[int, Step] = {}
    told = clocks
    for rung in ahead:
        waits = rung.step.until
        if rung.at > clocks.of(waits) or (is_claimed and waits is Until.CLAIMED):
            continue
        told = told.telling(rung)
        if rung.step.period is not None and not rung.step.period.holds(now):
            passed.setdefault(rung.step.number, rung.step)
        else:
            late = clocks.of(waits) - rung.at
            due.setdefault(rung.step.number, DueStep(rung.step, late, repetition=rung.repetition, round=rung.round))
    ahead = [rung for rung in ahead if rung.at > told.told(rung.step.until)]
    if state.is_asked and not due and ahead:
        first = ahead[0]
        told = told.telling(first)
        for rung in ahead:
            if (rung.at, rung.step.until) == (first.at, first.step.until):
                due.setdefault(rung.step.number, DueStep(rung.step, is_asked=True, round=rung.round))
    waits_for = [
        now + rung.at - clocks.of(rung.step.until)
        for rung in ahead
        if rung.at > told.told(rung.step.until) and not (is_claimed and rung.step.until is Until.CLAIMED)
    ]
    return Escalation(tuple(due.values()), tuple(passed.values()), min(waits_for, default=None), told)


def taken_steps(chain: Chain, clocks: Clocks | None) -> tuple[Step, ...]:
    """Those that were taken at least once."""
    return tuple(step for step in chain.steps if clocks is not None and step.after <= clocks.told(step.until))


def has_next(state: EscalationState, now: datetime) -> bool:
    """Whether there is a step that could be taken now."""
    asked = replace(state, is_asked=True, clocks=state.clocks or Clocks(now))
    return bool(next_escalation(asked, now).steps)
