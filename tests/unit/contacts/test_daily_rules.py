"""Times of day: read, put in order, and found again over midnights, clock changes and silences."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tocsin.contacts.rules.daily import day_of, due_moments, next_daily, parse_times

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")


def utc(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


def test_times_are_put_in_order_once_each() -> None:
    assert parse_times(["17:00", " 9:30", "17：00", "00:00"]) == ("00:00", "09:30", "17:00")


@pytest.mark.parametrize("text", ["24:00", "9:60", "9", "9.30", "", "noon", "-1:00", "09:30:00"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text or "^$"):
        parse_times(["09:30", text])


def test_the_next_moment_is_in_the_zone_and_never_now() -> None:
    times = ("09:30", "17:00")

    assert next_daily(times, SHANGHAI, utc(23, 1, 29)) == utc(23, 1, 30)
    assert next_daily(times, SHANGHAI, utc(23, 1, 30)) == utc(23, 9)
    assert next_daily(times, SHANGHAI, utc(23, 9)) == utc(24, 1, 30)
    assert next_daily((), SHANGHAI, utc(23, 9)) is None


def test_an_hour_that_is_left_out_or_comes_twice_is_told_once() -> None:
    spring = next_daily(("02:30",), BERLIN, datetime(2026, 3, 28, 12, tzinfo=UTC))
    autumn = next_daily(("02:30",), BERLIN, datetime(2026, 10, 24, 12, tzinfo=UTC))

    assert spring == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert autumn == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert next_daily(("02:30",), BERLIN, autumn) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=3), timedelta(minutes=30)])
def test_what_is_a_little_late_is_sent(late: timedelta) -> None:
    found = due_moments(("09:30", "17:00"), UTC, utc(23, 9, 30), utc(23, 9, 30) + late)

    assert (found.now, found.missed, found.next_at) == (utc(23, 9, 30), (), utc(23, 17))


def test_what_is_too_late_is_missed() -> None:
    found = due_moments(("09:30", "17:00"), UTC, utc(23, 9, 30), utc(23, 10, 1))

    assert (found.now, found.missed, found.next_at) == (None, (utc(23, 9, 30),), utc(23, 17))


def test_after_a_silence_each_missed_moment_is_named_and_the_last_is_sent_when_it_is_fresh() -> None:
    found = due_moments(("09:30", "17:00"), UTC, utc(21, 17), utc(23, 17, 5))

    assert found.missed == (utc(21, 17), utc(22, 9, 30), utc(22, 17), utc(23, 9, 30))
    assert (found.now, found.next_at) == (utc(23, 17), utc(24, 9, 30))


def test_after_a_very_long_silence_only_the_last_missed_are_named() -> None:
    found = due_moments(("09:30",), UTC, utc(1, 9, 30, month=1), utc(23, 12))

    assert len(found.missed) == 50
    assert found.missed[-1] == utc(23, 9, 30)


def test_a_day_begins_at_midnight_of_the_zone() -> None:
    assert day_of(utc(23, 17), SHANGHAI) == utc(23, 16)
    assert day_of(utc(23, 15), SHANGHAI) == utc(22, 16)
