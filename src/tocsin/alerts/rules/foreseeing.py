"""Which step of an escalation comes next and when, if nothing happens until then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.alerts.rules.escalating import EscalationState, advanced
from tocsin.alerts.rules.states import AlertState
from tocsin.policies.rules.escalations import Rung, Step, Until, rungs


@dataclass(frozen=True, slots=True)
class StepAhead:
    """`is_passed_over`: its notification period is shut then, so nobody is told."""

    step: Step
    at: datetime
    is_passed_over: bool = False


def steps_ahead(state: EscalationState, now: datetime) -> tuple[StepAhead, ...]:
    """Those of the next moment at which somebody is told, and before them what is passed over until then, each once.

    () when none will be taken: the alert is resolved, claimed for good, at the end of its chain, or its clocks stand.
    """
    if state.clocks is None or state.clocks.stand or state.alert_state is AlertState.RESOLVED:
        return ()
    clocks = advanced(state.clocks, now, state.alert_state, muted_until=state.muted_until, lapses_at=state.lapses_at)
    loud = max(filter(None, (now, clocks.at, state.muted_until)))
    begins = {Until.RESOLVED: loud}
    if state.alert_state is not AlertState.HANDLING:
        begins[Until.CLAIMED] = loud
    elif state.lapses_at is not None:
        begins[Until.CLAIMED] = max(loud, state.lapses_at)
    ahead = [rung for rung in rungs(state.chain) if rung.at > clocks.told(rung.step.until)]
    moments = [
        (begins[rung.step.until] + max(rung.at - clocks.of(rung.step.until), timedelta()), rung)
        for rung in ahead
        if rung.step.until in begins
    ]
    if state.is_asked and ahead and not any(at <= loud for at, _rung in moments):
        together = [rung.step for rung in ahead if (rung.at, rung.step.until) == (ahead[0].at, ahead[0].step.until)]
        return tuple(StepAhead(step, loud) for step in {step.number: step for step in together}.values())
    return _until_somebody_is_told(moments)


def _until_somebody_is_told(moments: Sequence[tuple[datetime, Rung]]) -> tuple[StepAhead, ...]:
    found: dict[int, StepAhead] = {}
    told: dict[int, StepAhead] = {}
    told_at: datetime | None = None
    for at, rung in sorted(moments, key=lambda item: (item[0], item[1].at, item[1].step.number)):
        step = rung.step
        if told_at is not None and at > told_at:
            break
        if step.period is not None and not step.period.holds(at):
            found.setdefault(step.number, StepAhead(step, at, is_passed_over=True))
        else:
            told_at = at
            told.setdefault(step.number, StepAhead(step, at))
    return (*found.values(), *told.values())
