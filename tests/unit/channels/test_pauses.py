"""When an account rests, for how long, and what ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.channels.rules import Breaker, Fault, after_failures, is_paused, wants_probe

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def failed(breaker: Breaker, count: int = 1, fault: Fault = Fault.UNWELL, at: datetime = NOW) -> Breaker:
    return after_failures(breaker, count, fault, started_at=at, now=at)


@pytest.mark.parametrize(
    ("count", "fault", "rests"),
    [
        (1, Fault.SETUP, True),
        (1, Fault.UNWELL, False),
        (2, Fault.UNWELL, False),
        (3, Fault.UNWELL, True),
        (200, Fault.UNWELL, True),
    ],
)
def test_a_wrong_key_needs_one_failure_and_a_bad_moment_three(count: int, fault: Fault, rests: bool) -> None:
    assert is_paused(failed(Breaker(), count, fault), NOW) is rests


def test_failures_of_several_batches_add_up() -> None:
    breaker = failed(failed(Breaker(), 2))

    assert (breaker.failures, breaker.paused_until) == (3, NOW + timedelta(seconds=60))


def test_a_pause_that_is_over_wants_one_message_to_try() -> None:
    breaker = failed(Breaker(), 3)
    over = NOW + timedelta(seconds=60)

    assert (is_paused(breaker, NOW), wants_probe(breaker, NOW)) == (True, False)
    assert (is_paused(breaker, over), wants_probe(breaker, over)) == (False, True)
    assert not wants_probe(Breaker(), over)


def test_each_probe_that_fails_doubles_the_pause_to_a_quarter_of_an_hour() -> None:
    breaker, at, pauses = failed(Breaker(), 3), NOW, []
    for _ in range(6):
        at += timedelta(minutes=30)
        breaker = failed(breaker, at=at)
        assert breaker.paused_until is not None
        pauses.append((breaker.paused_until - at).total_seconds())

    assert pauses == [120, 240, 480, 900, 900, 900]


def test_what_left_before_the_pause_began_says_nothing_new() -> None:
    breaker = failed(Breaker(), 3)

    assert (
        after_failures(breaker, 50, Fault.UNWELL, started_at=NOW - timedelta(seconds=1), now=NOW + timedelta(seconds=5))
        == breaker
    )
