"""Which steps of an escalation fall due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.alerts.rules import AlertState, Clocks, EscalationState, advanced, has_next, next_escalation
from tocsin.policies.rules import Chain, DailyPeriod, Step, Until

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PENDING, HANDLING, RESOLVED = AlertState.PENDING, AlertState.HANDLING, AlertState.RESOLVED


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def step(number: int, after: int, until: Until = Until.CLAIMED, **more: object) -> Step:
    return Step(number, until, minutes(after), **more)  # type: ignore[arg-type]


CHAIN = Chain(1, "Nobody sleeps", (step(1, 10), step(2, 30), step(3, 60, Until.RESOLVED)), rounds=1)


def state(chain: Chain = CHAIN, **changes: object) -> EscalationState:
    return replace(EscalationState(chain, Clocks(NOW), PENDING), **changes)  # type: ignore[arg-type]


def taken(given: EscalationState, at: float) -> list[tuple[int, int]]:
    """(step, minutes late) of those due so many minutes after NOW."""
    due = next_escalation(given, NOW + minutes(at)).steps
    return [(item.step.number, int(item.late / minutes(1))) for item in due]


def test_a_step_falls_due_when_nobody_has_claimed_for_so_long() -> None:
    assert taken(state(), 9) == []
    assert next_escalation(state(), NOW + minutes(9)).next_at == NOW + minutes(10)
    assert taken(state(), 10) == [(1, 0)]


def test_a_step_is_taken_once() -> None:
    first = next_escalation(state(), NOW + minutes(10))

    again = state(clocks=first.clocks)

    assert taken(again, 29) == []
    assert first.next_at == NOW + minutes(30)
    assert taken(again, 30) == [(2, 0)]


def test_what_was_missed_for_two_hours_is_taken_once_in_order_and_says_how_late_it_is() -> None:
    assert taken(state(), 120) == [(1, 110), (2, 90), (3, 60)]


def test_repetitions_that_were_missed_are_one() -> None:
    often = Chain(1, "Often", (step(1, 10, repetitions=9, every=minutes(5)),), rounds=9)

    assert taken(state(often), 500) == [(1, 490)]


def test_a_claim_stops_the_steps_that_wait_for_one_and_no_other() -> None:
    claimed = state(alert_state=HANDLING)

    assert taken(claimed, 59) == []
    assert taken(claimed, 60) == [(3, 0)]
    assert next_escalation(claimed, NOW).next_at == NOW + minutes(60)


def test_a_resolution_stops_all() -> None:
    assert next_escalation(state(alert_state=RESOLVED), NOW + minutes(500)).steps == ()


def test_after_a_claim_that_ended_the_steps_go_on_where_they_stopped() -> None:
    clocks = advanced(Clocks(NOW), NOW + minutes(5), PENDING, muted_until=None, lapses_at=None)
    clocks = advanced(clocks, NOW + minutes(50), HANDLING, muted_until=None, lapses_at=None)

    given_back = state(clocks=clocks)

    assert taken(given_back, 54) == []
    assert taken(given_back, 55) == [(1, 0)]


def test_a_claim_that_lapsed_unseen_counts_from_when_it_lapsed() -> None:
    claimed = state(alert_state=HANDLING, lapses_at=NOW + minutes(20))

    assert taken(claimed, 29) == []
    assert taken(claimed, 30) == [(1, 0)]


def test_a_mute_stops_the_clocks_and_ends_by_itself() -> None:
    muted = state(muted_until=NOW + minutes(100))

    assert taken(muted, 99) == []
    assert taken(muted, 109) == []
    assert taken(muted, 110) == [(1, 0)]


def test_the_chain_begins_again_as_often_as_it_says() -> None:
    chain = Chain(1, "Twice", (step(1, 10), step(2, 30)), rounds=1)
    given, moments = state(chain), []
    at: datetime | None = NOW
    while at is not None:
        found = next_escalation(given, at)
        moments += [(item.step.number, (at - NOW) // minutes(1), item.round) for item in found.steps]
        given, at = replace(given, clocks=found.clocks), found.next_at

    assert moments == [(1, 10, 0), (2, 30, 0), (1, 40, 1), (2, 60, 1)]


def test_a_step_outside_its_notification_period_is_passed_over() -> None:
    night = DailyPeriod(time(20), time(8), ZoneInfo("UTC"))
    chain = Chain(1, "Night", (step(1, 10, period=night), step(2, 20)), rounds=0)

    found = next_escalation(state(chain), NOW + minutes(20))

    assert [item.step.number for item in found.steps] == [2]
    assert [item.number for item in found.passed_over] == [1]
    assert night.holds(NOW.replace(hour=23))
    assert night.holds(NOW.replace(hour=7, minute=59))
    assert not night.holds(NOW.replace(hour=8))


def test_who_asks_gets_the_next_step_at_once_also_when_it_is_claimed() -> None:
    asked = state(alert_state=HANDLING, is_asked=True)

    found = next_escalation(asked, NOW + minutes(1))

    assert [(item.step.number, item.is_asked, item.reaches_claimed) for item in found.steps] == [(1, True, True)]
    assert [item.step.number for item in next_escalation(replace(asked, clocks=found.clocks), NOW).steps] == [2]


def test_when_every_step_was_taken_there_is_none_to_ask_for() -> None:
    done = replace(Clocks(NOW), told_unclaimed=minutes(90), told_unresolved=minutes(120))

    assert has_next(state(), NOW)
    assert not has_next(state(clocks=done), NOW)


def test_an_edited_policy_goes_on_where_the_old_one_was() -> None:
    clocks = next_escalation(state(), NOW + minutes(20)).clocks
    sooner = Chain(1, "Sooner", (step(1, 5), step(2, 15)), rounds=0)

    assert taken(state(sooner, clocks=clocks), 20) == [(2, 5)]


def test_clocks_are_kept_as_json() -> None:
    from tocsin.alerts.rules import clocks_from_json

    clocks = replace(Clocks(NOW), unclaimed=minutes(3), told_unresolved=minutes(60))

    assert clocks_from_json(clocks.as_json()) == clocks
    assert clocks_from_json({}) is None


steps = st.builds(
    Step,
    st.just(0),
    st.sampled_from(Until),
    st.integers(1, 90).map(minutes),
    repetitions=st.integers(0, 3),
    every=st.integers(1, 30).map(minutes),
)
chains = st.builds(
    lambda items, rounds: Chain(1, "", tuple(replace(one, number=at) for at, one in enumerate(items, 1)), rounds),
    st.lists(steps, min_size=1, max_size=4),
    st.integers(0, 3),
)


@given(chains, st.lists(st.integers(0, 90), max_size=30))
@settings(max_examples=60)
def test_however_often_a_worker_looks_no_step_is_taken_before_its_time_or_more_often_than_it_says(
    chain: Chain, pauses: list[int]
) -> None:
    given, now, counts = state(chain), NOW, dict.fromkeys((one.number for one in chain.steps), 0)
    for pause in pauses:
        now += minutes(pause)
        found = next_escalation(given, now)
        for item in found.steps:
            assert now - NOW >= item.step.after
            counts[item.step.number] += 1
        assert found.next_at is None or found.next_at > now
        assert next_escalation(replace(given, clocks=found.clocks), now).steps == ()
        given = replace(given, clocks=found.clocks)
    for one in chain.steps:
        assert counts[one.number] <= (one.repetitions + 1) * (chain.rounds + 1)


@given(chains)
@settings(max_examples=30)
def test_who_looks_whenever_something_is_due_takes_every_step_exactly_as_often_as_it_says(chain: Chain) -> None:
    given, at, counts = state(chain), NOW, dict.fromkeys((one.number for one in chain.steps), 0)
    while True:
        found = next_escalation(given, at)
        for item in found.steps:
            assert item.late == timedelta()
            counts[item.step.number] += 1
        given = replace(given, clocks=found.clocks)
        if found.next_at is None:
            break
        at = found.next_at
    for one in chain.steps:
        assert 1 <= counts[one.number] <= (one.repetitions + 1) * (chain.rounds + 1)
