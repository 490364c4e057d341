"""Who is on duty, against a naive interpreter that walks through the time minute by minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.oncall.rules import (
    Held,
    Layer,
    Restriction,
    Rota,
    Shift,
    Stand,
    Unit,
    compiled,
    gaps,
    next_change,
    on_duty,
    shifts,
)
from tocsin.oncall.rules.calendar import days_of, month_days, span_of

ANN, BOB, CEM, DAN = 1, 2, 3, 4
BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)


def daily(*people: int, at: str = "09:00", on: str = "2026-11-02", restrictions: tuple[Restriction, ...] = ()) -> Layer:
    return compiled(
        people=people, unit=Unit.DAYS, every=1, starts_on=date.fromisoformat(on), handover_time=time.fromisoformat(at),
        restrictions=restrictions,
    )  # fmt: skip


def berlin(*layers: Layer, stands: tuple[Stand, ...] = (), held: Held | None = None) -> Rota:
    return Rota(9, "Database", BERLIN, layers, stands, held)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def told(found: list[Shift]) -> list[tuple[str, str, int | None]]:
    return [(f"{one.starts_at:%d %H:%M}", f"{one.ends_at:%d %H:%M}", one.contact_id) for one in found]


def test_people_take_turns_in_order_and_begin_again() -> None:
    rota = berlin(daily(ANN, BOB, CEM))

    found = shifts(rota, at("2026-11-02 08:00"), at("2026-11-06 08:00"))

    assert told(found) == [
        ("02 08:00", "03 08:00", ANN),
        ("03 08:00", "04 08:00", BOB),
        ("04 08:00", "05 08:00", CEM),
        ("05 08:00", "06 08:00", ANN),
    ]


def test_nobody_is_on_duty_before_the_first_turn() -> None:
    rota = berlin(daily(ANN))

    assert (on_duty(rota, at("2026-11-02 07:59")), on_duty(rota, at("2026-11-02 08:00"))) == (None, ANN)


def test_weeks_change_over_at_the_same_time_of_day_in_winter_and_in_summer() -> None:
    layer = compiled(people=(ANN, BOB), unit="weeks", every=1, starts_on=date(2026, 10, 19),
                     handover_time=time(9), restrictions=())  # fmt: skip

    found = shifts(berlin(layer), at("2026-10-19 07:00"), at("2026-11-02 08:00"))

    assert told(found) == [("19 07:00", "26 08:00", ANN), ("26 08:00", "02 08:00", BOB)]


def test_a_hand_over_in_the_hour_that_does_not_exist_happens_when_the_clocks_jump() -> None:
    rota = berlin(daily(ANN, BOB, at="02:30", on="2026-03-27"))

    found = shifts(rota, at("2026-03-28 01:30"), at("2026-03-30 00:30"))

    assert told(found) == [("28 01:30", "29 01:00", BOB), ("29 01:00", "30 00:30", ANN)]


def test_a_hand_over_in_the_hour_that_comes_twice_happens_the_first_time_and_not_again() -> None:
    rota = berlin(daily(ANN, BOB, at="02:30", on="2026-10-23"))

    found = shifts(rota, at("2026-10-24 00:30"), at("2026-10-26 01:30"))

    assert told(found) == [("24 00:30", "25 00:30", BOB), ("25 00:30", "26 01:30", ANN)]
    assert on_duty(rota, at("2026-10-25 01:10")) == ANN  # 02:10 once more, before 02:30


def test_later_layers_take_precedence_while_they_have_somebody() -> None:
    office = Restriction(days=(0, 1, 2, 3, 4), starts=time(9), ends=time(18))
    rota = berlin(daily(ANN), daily(BOB, restrictions=(office,)))

    found = shifts(rota, at("2026-11-06 06:00"), at("2026-11-09 10:00"))

    assert told(found) == [
        ("06 06:00", "06 08:00", ANN), ("06 08:00", "06 17:00", BOB), ("06 17:00", "09 08:00", ANN),
        ("09 08:00", "09 10:00", BOB),
    ]  # fmt: skip


def test_a_night_and_a_weekend_are_restrictions_across_midnight() -> None:
    night = Restriction(days=(0,), starts=time(22), ends=time(6))
    weekend = Restriction(days=(4,), starts=time(18), ends=time(9), until_day=0)

    found = shifts(berlin(daily(ANN, restrictions=(night, weekend))), at("2026-11-06 12:00"), at("2026-11-10 12:00"))

    assert [(one.starts_at, one.ends_at) for one in found if one.contact_id] == [
        (at("2026-11-06 17:00"), at("2026-11-09 08:00")),
        (at("2026-11-09 21:00"), at("2026-11-10 05:00")),
    ]


def test_a_restriction_that_began_last_week_ends_in_this_one() -> None:
    weekend = Restriction(days=(4,), starts=time(18), ends=time(9), until_day=0)

    found = shifts(berlin(daily(ANN, restrictions=(weekend,))), at("2026-11-09 00:00"), at("2026-11-09 12:00"))

    assert told(found) == [("09 00:00", "09 08:00", ANN), ("09 08:00", "09 12:00", None)]


def test_a_substitute_of_one_person_leaves_the_others_turns_alone() -> None:
    away = Stand(at("2026-11-02 00:00"), at("2026-11-04 20:00"), ANN, DAN)
    rota = berlin(daily(ANN, BOB), stands=(away,))

    found = shifts(rota, at("2026-11-02 08:00"), at("2026-11-05 08:00"))

    assert told(found) == [
        ("02 08:00", "03 08:00", DAN), ("03 08:00", "04 08:00", BOB), ("04 08:00", "04 20:00", DAN),
        ("04 20:00", "05 08:00", ANN),
    ]  # fmt: skip
    assert (found[0].replaces, found[1].replaces) == (ANN, None)


def test_two_people_can_swap_and_the_newest_substitute_wins() -> None:
    begin, end = at("2026-11-02 00:00"), at("2026-12-01 00:00")
    swap = (Stand(begin, end, ANN, BOB), Stand(begin, end, BOB, ANN))
    rota = berlin(daily(ANN, BOB), stands=swap)
    newer = berlin(daily(ANN, BOB), stands=(*swap, Stand(begin, end, ANN, CEM)))

    assert [on_duty(rota, at(f"2026-11-0{day} 12:00")) for day in (2, 3)] == [BOB, ANN]
    assert [on_duty(newer, at(f"2026-11-0{day} 12:00")) for day in (2, 3)] == [CEM, ANN]


def test_a_substitute_of_the_whole_schedule_also_fills_a_gap() -> None:
    rota = berlin(stands=(Stand(at("2026-11-02 00:00"), at("2026-11-03 00:00"), None, DAN),))

    assert [one.contact_id for one in shifts(rota, at("2026-11-01 00:00"), at("2026-11-04 00:00"))] == [None, DAN, None]


def test_a_layer_whose_people_are_gone_is_a_gap_that_a_lower_layer_fills() -> None:
    assert on_duty(berlin(daily(ANN), daily()), at("2026-11-02 12:00")) == ANN
    assert gaps(berlin(daily()), at("2026-11-02 00:00"), at("2026-11-03 00:00"))


def test_who_has_not_checked_in_is_not_on_duty_and_the_one_before_stays() -> None:
    rota = berlin(daily(ANN, BOB, CEM), held=Held(at("2026-11-03 08:00"), BOB, ANN))

    assert on_duty(rota, at("2026-11-03 12:00")) == ANN
    assert on_duty(rota, at("2026-11-04 08:00")) == CEM  # another turn
    assert on_duty(rota, at("2026-11-06 12:00")) == BOB  # his next turn, to which he may well check in
    assert shifts(rota, at("2026-11-03 08:00"), at("2026-11-03 12:00"))[0].contact_id == BOB  # the plan stays the plan


def test_an_edit_that_makes_a_turn_begin_later_checks_nobody_in() -> None:
    edited = berlin(daily(ANN, BOB, CEM, at="12:00"), held=Held(at("2026-11-03 08:00"), BOB, ANN))

    assert on_duty(edited, at("2026-11-03 12:30")) == ANN
    assert on_duty(edited, at("2026-11-06 12:30")) == BOB


def test_the_next_change_is_the_next_other_person() -> None:
    rota = berlin(
        daily(ANN), daily(ANN, at="10:00"), stands=(Stand(at("2026-11-05 10:00"), at("2026-11-06 10:00"), ANN, BOB),)
    )

    found = next_change(rota, at("2026-11-02 12:00"), WEEK)

    assert found is not None
    assert (found.starts_at, found.contact_id) == (at("2026-11-05 10:00"), BOB)
    assert next_change(rota, at("2026-11-07 12:00"), WEEK) is None


# against the naive interpreter

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo",
         "Asia/Shanghai", "UTC", "Antarctica/Troll", "America/Santiago", "Asia/Gaza"]  # fmt: skip
people = st.integers(1, 4)
times = st.integers(0, 24 * 4 - 1).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))


@st.composite
def restrictions(draw: st.DrawFn) -> Restriction:
    if draw(st.booleans()):
        days = tuple(sorted(draw(st.sets(st.integers(0, 6), min_size=1))))
        return Restriction(days, draw(times), draw(times))
    return Restriction((draw(st.integers(0, 6)),), draw(times), draw(times), draw(st.integers(0, 6)))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[Rota, datetime, datetime]:
    """A schedule, and a day near a change of the clocks (or anywhere), in which most layers begin, change or end."""
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    changes = _changes(zone)
    begin = draw(st.sampled_from(changes)) if changes else datetime(2026, 3, 1, tzinfo=UTC)
    begin += MINUTE * draw(st.integers(-1200, 100))
    end = begin + MINUTE * draw(st.integers(1, 1440))
    layers = [
        compiled(
            people=draw(st.lists(people, min_size=1, max_size=4) | st.just([])),
            unit=(unit := draw(st.sampled_from(list(Unit)))),
            every=draw(st.integers(1, 30 if unit is Unit.HOURS else 3)),
            starts_on=begin.date() + DAY * draw(st.sampled_from([0, 1, -1, -2, -20])),
            handover_time=draw(times),
            restrictions=draw(st.lists(restrictions(), min_size=1, max_size=3) | st.just([])),
        )
        for _ in range(draw(st.sampled_from([1, 2, 3, 0])))
    ]
    stands = []
    for _ in range(draw(st.integers(0, 3))):
        starts_at = begin + MINUTE * draw(st.integers(-300, 1440))
        ends_at = starts_at + MINUTE * draw(st.integers(1, 1000))
        stands.append(Stand(starts_at, ends_at, draw(st.none() | people), draw(people)))
    return Rota(1, "any", zone, tuple(layers), tuple(stands)), begin, end


@lru_cache
def _changes(zone: ZoneInfo) -> list[datetime]:
    hours = (datetime(2026, 1, 1, tzinfo=UTC) + HOUR * hour for hour in range(24 * 365))
    return [hour for hour in hours if hour.astimezone(zone).utcoffset() != (hour + HOUR).astimezone(zone).utcoffset()]


def naive(rota: Rota, begin: datetime, end: datetime) -> Iterator[tuple[datetime, int | None]]:
    """Looks at the clock on the wall every minute, and does not believe it when it goes back."""
    shown = datetime.min  # noqa: DTZ901 (a wall clock has no zone)
    moment = begin - 4 * HOUR
    while moment < end:
        shown = max(shown, moment.astimezone(rota.zone).replace(tzinfo=None))
        if moment >= begin:
            yield moment, _naive_duty(rota, moment, shown)
        moment += MINUTE


def _naive_duty(rota: Rota, moment: datetime, shown: datetime) -> int | None:
    found = None
    for layer in rota.layers:  # each one over those before it
        if not layer.people or shown < layer.starts:
            continue
        week = datetime.combine(shown.date() - DAY * shown.weekday(), time())
        is_open = not layer.windows or any(
            monday + window.starts <= shown < monday + window.starts + window.lasts
            for window in layer.windows
            for monday in (week, week - WEEK)
        )
        if is_open:
            turn, handed_over = 0, layer.starts + layer.every
            while handed_over <= shown:
                turn, handed_over = turn + 1, handed_over + layer.every
            found = layer.people[turn % len(layer.people)]
    fitting = [one for one in rota.stands if one.starts_at <= moment < one.ends_at and one.replaces in (None, found)]
    return fitting[-1].contact_id if fitting else found


@settings(max_examples=300)
@given(scenes())
def test_the_rotation_covers_every_minute_exactly_once_and_as_the_naive_interpreter_says(
    scene: tuple[Rota, datetime, datetime],
) -> None:
    rota, begin, end = scene

    found = shifts(rota, begin, end)

    assert (found[0].starts_at, found[-1].ends_at) == (begin, end)
    assert all(one.starts_at < one.ends_at for one in found)
    assert all(one.ends_at == other.starts_at for one, other in pairwise(found))
    shift = iter(found)
    now = next(shift)
    for moment, expected in naive(rota, begin, end):
        if moment >= now.ends_at:
            now = next(shift)
        assert (now.contact_id, on_duty(rota, moment)) == (expected, expected), moment


@settings(max_examples=20)
@given(scenes(), st.integers(0, 1440))
def test_asking_for_two_halves_is_asking_for_the_whole(scene: tuple[Rota, datetime, datetime], minute: int) -> None:
    rota, begin, end = scene
    middle = min(begin + MINUTE * minute, end)

    halves = (shifts(rota, begin, middle) if begin < middle else []) + (
        shifts(rota, middle, end) if middle < end else []
    )

    assert _by_minute(halves) == _by_minute(shifts(rota, begin, end))


def _by_minute(found: list[Shift]) -> list[int | None]:
    return [one.contact_id for one in found for _ in range((one.ends_at - one.starts_at) // MINUTE)]


@pytest.mark.parametrize(
    ("days", "starts", "ends", "until_day", "hours"),
    [((0,), "09:00", "18:00", None, 9), ((0, 1), "00:00", "00:00", None, 48), ((6,), "22:00", "06:00", None, 8),
     ((4,), "18:00", "09:00", 0, 63), ((0,), "09:00", "09:00", 0, 168), ((0,), "10:00", "09:00", 0, 167)],
)  # fmt: skip
def test_how_much_of_a_week_a_restriction_leaves(
    days: tuple[int, ...], starts: str, ends: str, until_day: int | None, hours: int
) -> None:
    restriction = Restriction(days, time.fromisoformat(starts), time.fromisoformat(ends), until_day)

    assert sum((window.lasts for window in restriction.windows()), timedelta()) == hours * HOUR


def test_a_month_is_shown_in_whole_weeks_and_each_day_has_its_pieces() -> None:
    first, count = month_days(date(2026, 11, 15))
    begin, end = span_of(first, count, BERLIN)

    days = days_of(shifts(berlin(daily(ANN, BOB)), begin, end), first, count, BERLIN)

    assert (first, count, len(days)) == (date(2026, 10, 26), 42, 42)
    tuesday = days[8]
    assert tuesday.date == date(2026, 11, 3)
    pieces = [(one.shift.contact_id, f"{one.starts_at:%H:%M}", f"{one.ends_at:%H:%M}") for one in tuesday.pieces]
    assert pieces == [(ANN, "23:00", "08:00"), (BOB, "08:00", "23:00")]
    assert all(day.pieces for day in days)
