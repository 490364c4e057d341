"""When a silence is in force, and when that next changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.policies.rules.silencing import Effect, Phase, Times, Window, parse_windows

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def nightly(start: str, end: str, zone: ZoneInfo = BERLIN) -> Times:
    return Times(Effect.DAILY, windows=(Window(start, end),), zone=zone)


def test_always_is_always_and_never_changes() -> None:
    always = Times(Effect.ALWAYS)

    assert always.in_force(at("2026-01-01T00:00Z"))
    assert always.next_change(at("2026-01-01T00:00Z")) is None


def test_a_period_begins_ends_and_is_over() -> None:
    begin, end = at("2026-01-01T00:00Z"), at("2026-01-02T00:00Z")
    period = Times(Effect.PERIOD, begin, end)

    assert [period.phase(moment) for moment in (begin - MINUTE, begin, end - MINUTE, end)] == [
        Phase.WAITING, Phase.IN_FORCE, Phase.IN_FORCE, Phase.ENDED,
    ]  # fmt: skip
    assert [period.next_change(moment) for moment in (begin - MINUTE, begin, end)] == [begin, end, None]


def test_a_window_over_midnight_belongs_to_both_days() -> None:
    night = nightly("22:00", "06:00", ZoneInfo("UTC"))

    assert not night.in_force(at("2026-01-01T21:59Z"))
    assert night.in_force(at("2026-01-01T22:00Z"))
    assert night.in_force(at("2026-01-02T05:59Z"))
    assert not night.in_force(at("2026-01-02T06:00Z"))
    assert night.next_change(at("2026-01-02T01:00Z")) == at("2026-01-02T06:00Z")
    assert night.next_change(at("2026-01-02T06:00Z")) == at("2026-01-02T22:00Z")


def test_a_weekend_goes_from_friday_evening_to_monday_morning() -> None:
    weekend = Times(Effect.WEEKLY, windows=(Window("18:00", "08:00", 5, 1),), zone=ZoneInfo("UTC"))

    assert not weekend.in_force(at("2026-01-02T17:59Z"))  # a Friday
    assert weekend.in_force(at("2026-01-02T18:00Z"))
    assert weekend.in_force(at("2026-01-05T07:59Z"))
    assert not weekend.in_force(at("2026-01-05T08:00Z"))
    assert weekend.next_change(at("2026-01-05T08:00Z")) == at("2026-01-09T18:00Z")


def test_windows_that_touch_are_one() -> None:
    times = Times(Effect.DAILY, windows=(Window("08:00", "12:00"), Window("12:00", "13:00")), zone=ZoneInfo("UTC"))

    assert times.next_change(at("2026-01-01T09:00Z")) == at("2026-01-01T13:00Z")


def test_the_hour_that_a_day_leaves_out_begins_and_ends_with_the_jump() -> None:
    jump = at("2026-03-29T01:00Z")  # 02:00 becomes 03:00

    assert nightly("02:30", "04:00").next_change(jump - MINUTE) == jump
    assert nightly("01:00", "02:30").next_change(jump - MINUTE) == jump
    assert nightly("02:10", "02:50").next_change(jump - MINUTE) == at("2026-03-30T02:10+02:00")


def test_the_hour_that_comes_twice_is_in_the_window_both_times() -> None:
    times = nightly("02:15", "02:45")

    assert times.next_change(at("2026-10-25T00:00Z")) == at("2026-10-25T00:15Z")  # 02:15, summer
    assert times.next_change(at("2026-10-25T00:15Z")) == at("2026-10-25T01:45Z")  # 02:45, winter


@pytest.mark.parametrize("text", ["24:30", "8", "", "12:60", "12-30"])
def test_what_is_no_time_of_day_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=text or "-"):
        parse_windows([{"start": "08:00", "end": text}], Effect.DAILY)


def test_midnight_may_be_written_as_the_end_of_a_day() -> None:
    assert parse_windows([{"start": "8:00", "end": "24:00"}], Effect.DAILY) == (Window("08:00", "00:00"),)


clocks = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
days = st.integers(1, 7)
moments = st.integers(1_767_225_600, 1_830_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe"])


@given(st.lists(st.tuples(days, clocks, days, clocks), min_size=1, max_size=4), zones, moments)
def test_between_two_changes_nothing_changes(
    typed: list[tuple[int, str, int, str]], zone: str, moment: datetime
) -> None:
    windows = tuple(
        Window(start, end, day, end_day) for day, start, end_day, end in typed if (day, start) != (end_day, end)
    )
    times = Times(Effect.WEEKLY, windows=windows, zone=ZoneInfo(zone))

    change = times.next_change(moment)

    if change is None:
        assert not windows
        return
    assert change > moment
    between = [moment + (change - moment) * part / 7 for part in range(7)]
    assert {times.in_force(point) for point in between} == {times.in_force(moment)}
    assert times.in_force(change - timedelta(microseconds=1)) == times.in_force(moment)
    if change - moment < timedelta(days=7):
        assert times.in_force(change) != times.in_force(moment)


@given(clocks, clocks, moments)
def test_where_clocks_never_change_the_wall_clock_decides(start: str, end: str, moment: datetime) -> None:
    times = nightly(start, end, ZoneInfo("Asia/Shanghai"))
    wall = f"{moment.astimezone(ZoneInfo('Asia/Shanghai')):%H:%M}"

    inside = start <= wall < end if start < end else wall >= start or wall < end

    assert times.in_force(moment) == inside
