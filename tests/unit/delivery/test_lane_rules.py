"""A lane never lets more through than its limit, wherever the vendor's window begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tocsin.channels.base import Limit, LimitScope
from tocsin.delivery.rules.lanes import LaneState, burst, lane_key, opens_at, take

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ROBOT = Limit(20, timedelta(minutes=1))


def full(limit: Limit) -> LaneState:
    return LaneState(float(burst(limit)), NOW)


def test_a_burst_is_half_of_the_limit() -> None:
    granted, _ = take(full(ROBOT), ROBOT, 30, NOW)

    assert granted == 10


def test_an_empty_lane_opens_when_one_token_is_back() -> None:
    _, empty = take(full(ROBOT), ROBOT, 30, NOW)

    assert opens_at(empty, ROBOT, NOW) == NOW + timedelta(seconds=6)
    assert take(empty, ROBOT, 5, NOW + timedelta(seconds=5))[0] == 0
    assert take(empty, ROBOT, 5, NOW + timedelta(seconds=6))[0] == 1


def test_a_blocked_lane_stays_shut_until_the_vendor_said() -> None:
    blocked = LaneState(10.0, NOW, NOW + timedelta(minutes=10))

    assert take(blocked, ROBOT, 1, NOW + timedelta(minutes=9))[0] == 0
    assert opens_at(blocked, ROBOT, NOW) == NOW + timedelta(minutes=10)
    assert take(blocked, ROBOT, 1, NOW + timedelta(minutes=10))[0] == 1


def test_a_clock_that_goes_back_gives_no_tokens() -> None:
    _, empty = take(full(ROBOT), ROBOT, 10, NOW)

    assert take(empty, ROBOT, 1, NOW - timedelta(hours=1))[0] == 0


def test_a_limit_of_one_call_a_minute_allows_one_a_minute() -> None:
    limit = Limit(1, timedelta(minutes=1), LimitScope.TARGET)
    granted, after = take(full(limit), limit, 3, NOW)

    assert granted == 1
    assert take(after, limit, 3, NOW + timedelta(seconds=59))[0] == 0
    assert take(after, limit, 3, NOW + timedelta(seconds=60))[0] == 1


def test_a_limit_by_number_has_a_lane_for_each_number() -> None:
    per_number = Limit(1, timedelta(minutes=1), LimitScope.TARGET)

    assert lane_key(per_number, owner="a7", address="x") == "a7:x"
    assert lane_key(ROBOT, owner="a7", address="x") == "a7"


@given(
    count=st.integers(2, 60),
    steps=st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 40)), min_size=1, max_size=60),
)
def test_no_window_ever_holds_more_than_the_limit(count: int, steps: list[tuple[int, int]]) -> None:
    limit = Limit(count, timedelta(minutes=1))
    lane, at, sent = full(limit), NOW, []
    for milliseconds, wanted in steps:
        at += timedelta(milliseconds=milliseconds)
        granted, lane = take(lane, limit, wanted, at)
        sent += [at] * granted

    for first in sent:
        assert sum(first <= moment < first + limit.per for moment in sent) <= count
