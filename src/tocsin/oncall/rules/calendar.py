"""Shifts as the days of a calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tocsin.oncall.rules.clock import moment_of
from tocsin.oncall.rules.rotation import Shift

_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Piece:
    """The part of a shift that falls on a day."""

    shift: Shift
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    pieces: tuple[Piece, ...]


def month_days(day: date) -> tuple[date, int]:
    """The Monday of the first week that a month has part of, and how many days are shown from there: whole weeks."""
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    monday = first - _A_DAY * first.weekday()
    return monday, -(-(following - monday).days // 7) * 7


def week_days(day: date) -> tuple[date, int]:
    return day - _A_DAY * day.weekday(), 7


def span_of(first: date, count: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From the beginning of the first day to the end of the last, also when clocks change at midnight."""
    return _midnight(first, zone), _midnight(first + _A_DAY * count, zone)


def days_of(shifts: Sequence[Shift], first: date, count: int, zone: ZoneInfo) -> list[Day]:
    """Every day, with its pieces in order. `shifts` are in order, as `shifts()` gives them."""
    days = []
    for number in range(count):
        day = first + _A_DAY * number
        begin, end = _midnight(day, zone), _midnight(day + _A_DAY, zone)
        touching = (shift for shift in shifts if shift.starts_at < end and shift.ends_at > begin)
        pieces = (Piece(shift, max(shift.starts_at, begin), min(shift.ends_at, end)) for shift in touching)
        days.append(Day(day, tuple(pieces)))
    return days


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return moment_of(datetime.combine(day, time()), zone).astimezone(UTC)
