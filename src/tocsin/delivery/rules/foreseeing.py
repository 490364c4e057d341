"""What falls due of an open alert if nothing happens until then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from tocsin.alerts.rules import AlertState, Clocks, EscalationState, StepAhead, steps_ahead
from tocsin.delivery.rules.deciding import AlertFacts


class Ahead(StrEnum):
    FIRST_MESSAGE = "first_message"
    STEP = "step"
    REPEAT = "repeat"
    FALLBACK = "fallback"
    CLAIM_LAPSES = "claim_lapses"
    MUTE_ENDS = "mute_ends"
    HOURS_BEGIN = "hours_begin"
    """For which a message waits."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    what: Ahead
    at: datetime
    step: StepAhead | None = None


def foreseen(facts: AlertFacts, due_at: datetime | None, now: datetime) -> tuple[Foreseen, ...]:
    """In order. () where nobody would be told: it is over, everything of it is silenced, its policy is not in force.

    `due_at`: the alert's own, for the first message.
    """
    if facts.state is AlertState.RESOLVED or not facts.is_policy_enabled:
        return ()
    if facts.notified_at is not None and facts.active == 0:
        return ()
    return tuple(sorted(_foreseen(facts, due_at, now), key=lambda item: item.at))


def _foreseen(facts: AlertFacts, due_at: datetime | None, now: datetime) -> Iterator[Foreseen]:
    loud = max(now, facts.muted_until or now)
    if loud > now:
        yield Foreseen(Ahead.MUTE_ENDS, loud)
    is_claimed = facts.state is AlertState.HANDLING
    if is_claimed and facts.lapses_at is not None:
        yield Foreseen(Ahead.CLAIM_LAPSES, max(now, facts.lapses_at))
    if facts.notified_at is None:
        if due_at is None:
            return
        first = max(loud, due_at)
        if not is_claimed or facts.lapses_at is not None:
            yield Foreseen(Ahead.FIRST_MESSAGE, max(first, facts.lapses_at or first))
        facts = replace(facts, notified_at=first, clocks=Clocks(first))
    repeats_at = replace(facts, state=AlertState.PENDING).repeats_at
    if repeats_at is not None and (not is_claimed or facts.lapses_at is not None):
        yield Foreseen(Ahead.REPEAT, max(loud, repeats_at, facts.lapses_at or now))
    if facts.chain is not None:
        state = EscalationState(
            facts.chain, facts.clocks, facts.state, facts.muted_until, facts.lapses_at, is_asked=facts.asks_step
        )
        for step in steps_ahead(state, now):
            yield Foreseen(Ahead.STEP, step.at, step)
