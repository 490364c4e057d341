"""Which step of an escalation comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.alerts.rules import AlertState, Clocks, EscalationState, next_escalation, steps_ahead
from tocsin.policies.rules import Chain, DailyPeriod, Step, Until

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
NIGHT = DailyPeriod(time(20), time(8), ZoneInfo("UTC"))
CHAIN = Chain(
    1, "Nights", (Step(1, Until.CLAIMED, 10 * MINUTE), Step(2, Until.CLAIMED, 30 * MINUTE),
                  Step(3, Until.RESOLVED, 60 * MINUTE)), rounds=0,
)  # fmt: skip


def state(chain: Chain = CHAIN, **changes: object) -> EscalationState:
    return replace(EscalationState(chain, Clocks(NOW), AlertState.PENDING), **changes)  # type: ignore[arg-type]


def ahead(given: EscalationState, after: float = 0) -> list[tuple[int, float, bool]]:
    """(step, minutes after NOW, passed over), as they are foreseen so many minutes after NOW."""
    found = steps_ahead(given, NOW + after * MINUTE)
    return [(item.step.number, (item.at - NOW) / MINUTE, item.is_passed_over) for item in found]


def test_the_next_step_is_foreseen_for_its_moment() -> None:
    assert ahead(state(), 4) == [(1, 10, False)]
    assert ahead(state(clocks=next_escalation(state(), NOW + 10 * MINUTE).clocks), 12) == [(2, 30, False)]


def test_a_claim_leaves_what_waits_for_the_resolution_and_its_lapse_lets_the_others_go_on() -> None:
    assert ahead(state(alert_state=AlertState.HANDLING)) == [(3, 60, False)]
    assert ahead(state(alert_state=AlertState.HANDLING, lapses_at=NOW + 25 * MINUTE)) == [(1, 35, False)]


def test_a_mute_puts_it_off_and_a_silence_for_good() -> None:
    assert ahead(state(muted_until=NOW + 45 * MINUTE)) == [(1, 55, False)]
    assert ahead(state(clocks=replace(Clocks(NOW), stand=True))) == []
    assert ahead(state(alert_state=AlertState.RESOLVED)) == []


def test_who_asked_gets_it_at_once() -> None:
    assert ahead(state(is_asked=True, alert_state=AlertState.HANDLING), 3) == [(1, 3, False)]
    assert ahead(state(is_asked=True, muted_until=NOW + 45 * MINUTE), 3) == [(1, 45, False)]


def test_what_is_passed_over_is_said_before_what_is_not() -> None:
    chain = Chain(1, "By night", (Step(1, Until.CLAIMED, 5 * MINUTE, period=NIGHT, repetitions=1),
                                  Step(2, Until.CLAIMED, 20 * MINUTE)), rounds=0)  # fmt: skip

    assert ahead(state(chain)) == [(1, 5, True), (2, 20, False)]


def moments() -> st.SearchStrategy[datetime | None]:
    return st.none() | st.integers(0, 120).map(lambda count: NOW + count * MINUTE)


@st.composite
def states(draw: st.DrawFn) -> EscalationState:
    steps = tuple(
        Step(
            number,
            draw(st.sampled_from(list(Until))),
            draw(st.integers(1, 90)) * MINUTE,
            repetitions=draw(st.integers(0, 2)),
            every=draw(st.integers(1, 30)) * MINUTE,
            period=draw(st.sampled_from([None, NIGHT])),
        )
        for number in range(1, draw(st.integers(1, 4)) + 1)
    )
    alert_state = draw(st.sampled_from([AlertState.PENDING, AlertState.HANDLING]))
    return EscalationState(
        Chain(1, "Any", steps, rounds=draw(st.integers(0, 2))),
        Clocks(NOW),
        alert_state,
        muted_until=draw(moments()),
        lapses_at=draw(moments()) if alert_state is AlertState.HANDLING else None,
    )


@settings(max_examples=200, deadline=None)
@given(states(), st.integers(0, 200))
def test_what_is_foreseen_is_what_is_taken_then_and_nobody_is_told_before(begun: EscalationState, after: int) -> None:
    now = NOW + after * MINUTE
    before = next_escalation(begun, now)
    given_now = replace(begun, clocks=before.clocks)

    foreseen = [item for item in steps_ahead(given_now, now) if not item.is_passed_over]

    if not foreseen:
        assert next_escalation(given_now, now + timedelta(days=30)).steps == () or any(
            step.period is not None for step in begun.chain.steps
        )
        return
    [at] = {item.at for item in foreseen}
    assert at > now
    early = next_escalation(given_now, at - SECOND)
    taken = next_escalation(replace(given_now, clocks=early.clocks), at).steps
    assert early.steps == ()
    assert {item.step.number for item in taken} == {item.step.number for item in foreseen}
