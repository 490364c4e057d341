"""Hours of a policy, held against a look at the clock minute by minute, in zones whose clocks are put on and back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.core.errors import InvalidInputError
from tocsin.policies.rules import Moment, Outside, Window, parse_window, when_to_send, window_as_json, window_of

ZONES = ["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
EVERY_DAY = frozenset(range(1, 8))

clocks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45, 59]))
windows = st.builds(
    Window, clocks, clocks, st.frozensets(st.integers(1, 7), min_size=1), st.sampled_from(ZONES),
    st.sampled_from(Outside),
)  # fmt: skip
days = [(3, 8), (3, 29), (4, 5), (7, 1), (10, 4), (10, 25), (11, 1)]
around_changes = st.sampled_from([datetime(2026, month, day, tzinfo=UTC) for month, day in days])
moments = st.builds(lambda day, minutes: day + timedelta(minutes=minutes), around_changes, st.integers(-1500, 1500))


def naively_open(window: Window, at: datetime) -> bool:
    """Walks back on the wall's clock to the start that the moment belongs to, one minute at a time."""
    local = at.astimezone(ZoneInfo(window.zone)).replace(tzinfo=None, second=0, microsecond=0)
    length = (datetime.combine(local, window.end) - datetime.combine(local, window.start)) % timedelta(days=1)
    minutes = int((length or timedelta(days=1)).total_seconds()) // 60
    return any(
        (begun := local - timedelta(minutes=passed)).time() == window.start and begun.isoweekday() in window.days
        for passed in range(minutes)
    )


@given(windows, moments, st.sampled_from([None, "start", "end"]), st.integers(-1, 1))
@settings(max_examples=200)
def test_a_window_is_open_when_the_clock_on_the_wall_says_so(
    window: Window, at: datetime, edge: str | None, minutes: int
) -> None:
    if edge is not None:  # its first and its last minute, and those around them
        clock = getattr(window, edge)
        wall = at.astimezone(ZoneInfo(window.zone)).replace(hour=clock.hour, minute=clock.minute)
        at = wall.astimezone(UTC) + timedelta(minutes=minutes)

    assert window.is_open(at) is naively_open(window, at)


@given(windows, moments)
@settings(max_examples=60)
def test_it_opens_at_the_first_open_minute(window: Window, at: datetime) -> None:
    opens = window.opens_at(at)

    assert opens is not None
    assert window.is_open(opens)
    passed = at
    while passed < min(opens, at + timedelta(days=2)):
        assert not window.is_open(passed)
        passed += timedelta(minutes=1)


@given(windows, moments, st.integers(1, 6))
@settings(max_examples=300)
def test_nothing_is_ever_sent_outside_its_window_but_what_is_urgent(
    window: Window, now: datetime, severity: int
) -> None:
    moment = when_to_send(window, severity, now)

    if not moment.is_dropped:
        sent_at = moment.at or now
        may_pass = window.outside is Outside.URGENT and severity <= 2
        assert window.is_open(sent_at) or may_pass
        assert sent_at >= now
    else:
        assert window.outside is Outside.DROP
        assert not window.is_open(now)


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday_nights = Window(time(22), time(6), frozenset({5}), "Asia/Shanghai")

    assert friday_nights.is_open(at("2026-11-27T22:00", "Asia/Shanghai"))
    assert friday_nights.is_open(at("2026-11-28T05:59:59", "Asia/Shanghai"))
    assert not friday_nights.is_open(at("2026-11-28T06:00", "Asia/Shanghai"))
    assert not friday_nights.is_open(at("2026-11-28T23:00", "Asia/Shanghai"))
    assert not friday_nights.is_open(at("2026-11-27T05:00", "Asia/Shanghai"))
    sunday_nights = Window(time(22), time(6), frozenset({7}), "Asia/Shanghai")
    assert sunday_nights.is_open(at("2026-11-30T05:00", "Asia/Shanghai"))  # Monday
    assert not sunday_nights.is_open(at("2026-11-29T05:00", "Asia/Shanghai"))


def test_what_would_open_in_the_hour_that_is_skipped_opens_with_the_next() -> None:
    """In Berlin, 29 March 2026 has no 02:00 to 03:00."""
    window = Window(time(2, 30), time(8), EVERY_DAY, "Europe/Berlin")

    assert window.opens_at(at("2026-03-29T01:30", "Europe/Berlin")) == at("2026-03-29T03:00", "Europe/Berlin")


def test_a_window_that_lies_in_the_skipped_hour_waits_for_the_next_day() -> None:
    window = Window(time(2, 15), time(2, 45), EVERY_DAY, "Europe/Berlin")

    assert window.opens_at(at("2026-03-29T01:30", "Europe/Berlin")) == at("2026-03-30T02:15", "Europe/Berlin")


def test_an_hour_that_comes_twice_is_open_twice() -> None:
    """In Berlin, 25 October 2026 has 02:00 to 03:00 twice."""
    window = Window(time(1), time(2, 30), EVERY_DAY, "Europe/Berlin")
    first = datetime(2026, 10, 25, 0, 15, tzinfo=UTC)  # 02:15 summer time
    between = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45 summer time
    second = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15 winter time

    assert [window.is_open(moment) for moment in (first, between, second)] == [True, False, True]
    assert window.opens_at(between) == datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outside", "severity", "moment"),
    [
        (Outside.HOLD, 1, Moment(datetime(2026, 11, 24, 9, tzinfo=UTC))),
        (Outside.DROP, 1, Moment(is_dropped=True)),
        (Outside.URGENT, 1, Moment()),
        (Outside.URGENT, 2, Moment()),
        (Outside.URGENT, 3, Moment(datetime(2026, 11, 24, 9, tzinfo=UTC))),
    ],
)
def test_what_happens_outside_is_chosen(outside: Outside, severity: int, moment: Moment) -> None:
    window = Window(time(9), time(17), EVERY_DAY, "UTC", outside)

    assert when_to_send(window, severity, datetime(2026, 11, 23, 20, tzinfo=UTC)) == moment


def test_a_window_survives_being_stored() -> None:
    typed = {"start": "9:00", "end": "24:00", "days": [7, 1], "zone": " Asia/Shanghai ", "outside": "drop"}

    stored = parse_window(typed)

    assert window_of(stored) == Window(time(9), time(0), frozenset({1, 7}), "Asia/Shanghai", Outside.DROP)
    assert parse_window(stored) == stored
    assert parse_window(None) is None
    assert window_of(None) is None
    to_the_minute = Window(time(22, 30), time(6), frozenset({5}), "Europe/Berlin", Outside.URGENT)
    assert window_of(window_as_json(to_the_minute)) == to_the_minute


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"start": "25:00"}, "window_start"),
        ({"end": "noon"}, "window_end"),
        ({"days": []}, "window_days"),
        ({"zone": "Mars/Olympus"}, "window_zone"),
        ({"zone": "../etc/passwd"}, "window_zone"),
        ({"zone": ""}, "window_zone"),
        ({"outside": "shout"}, "window_outside"),
    ],
)
def test_a_wrong_window_is_named_by_its_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_window({"start": "09:00", "end": "17:00", "zone": "UTC", **wrong})

    assert error.value.fields.keys() == {field}
