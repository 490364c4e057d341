"""Several people on duty at once, as several schedules: whoever was on duty there is on duty in one of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.files.rules.importing.turns import Duty, covers_week, seats, windows
from tocsin.oncall.rules import stored_restrictions

_HOURS = [datetime(2026, 11, 2 + hour // 24, hour % 24, 30) for hour in range(7 * 24)]  # noqa: DTZ001 (a wall clock)


def _layers() -> st.SearchStrategy[Duty]:
    times = st.sampled_from(("00:00", "08:00", "18:00"))
    restriction = st.fixed_dictionaries(
        {"days": st.lists(st.integers(1, 7), min_size=1, max_size=7, unique=True), "from": times, "until": times}
    )
    layer = st.fixed_dictionaries(
        {"people": st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=1)},
        optional={"restrictions": st.lists(restriction, min_size=1, max_size=2)},
    )
    return st.builds(Duty, layer, st.integers(0, 2))


def _is_open(layer: Any, at: datetime) -> bool:
    stored = [{**one, "days": [day - 1 for day in one["days"]]} for one in layer.get("restrictions", ())]
    open_at = [window for one in stored_restrictions(stored) for window in one.windows()]
    return not open_at or any(window.holds(at) for window in open_at)


@given(st.lists(_layers(), max_size=5))
@settings(max_examples=40)
def test_schedules_together_have_on_duty_exactly_those_of_the_highest_level(duties: list[Duty]) -> None:
    rows = seats(duties)

    for at in _HOURS[::7]:
        is_open = [duty for duty in duties if _is_open(duty.layer, at)]
        top = max((duty.level for duty in is_open), default=0)
        wanted = {duty.layer["people"][0] for duty in is_open if duty.level == top}
        found = {next((layer["people"][0] for layer in reversed(row) if _is_open(layer, at)), None) for row in rows} - {
            None
        }
        assert found == wanted


def test_a_time_of_day_on_every_day_is_no_restriction_when_it_is_the_whole_day() -> None:
    starts, day = datetime(2026, 11, 2, 9), timedelta(days=1)  # noqa: DTZ001 (a wall clock)

    assert covers_week(windows(starts, day, range(1, 8)))
    assert not covers_week(windows(starts, day, range(1, 7)))
    assert windows(starts, 2 * day) == [{"days": [1], "from": "09:00", "until": "09:00", "until_day": 3}]
