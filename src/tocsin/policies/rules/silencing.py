"""When a silence is in force, without a database.

A cycle's times are read on the wall clock of its zone. Where clocks change: a time that the day leaves out is the
moment of the jump; of a time that comes twice, a window begins with the first and ends with the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

_TIME = re.compile(r"(\d{1,2})[:：](\d{2})")
_DAY = timedelta(days=1)
MAX_WINDOWS = 21


class Effect(StrEnum):
    """When a silence policy acts."""

    ALWAYS = "always"
    PERIOD = "period"
    DAILY = "daily"
    WEEKLY = "weekly"


class Phase(StrEnum):
    """Where a silence is in its life."""

    IN_FORCE = "in_force"
    WAITING = "waiting"
    ENDED = "ended"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Window:
    """From a time of day to another, the end not included; over midnight when the end is not later.

    `day` and `end_day`: 1 (Monday) to 7 for a weekly window, 0 for a daily one.
    """

    start: str
    end: str
    day: int = 0
    end_day: int = 0

    def as_json(self) -> dict[str, str | int]:
        return {"start": self.start, "end": self.end, "day": self.day, "end_day": self.end_day}


@dataclass(frozen=True, slots=True)
class Times:
    """`starts_at` and `ends_at` are those of a period (None: open), `windows` those of a cycle, read in `zone`."""

    effect: Effect
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    windows: tuple[Window, ...] = ()
    zone: tzinfo = UTC

    def in_force(self, at: datetime) -> bool:
        match self.effect:
            case Effect.ALWAYS:
                return True
            case Effect.PERIOD:
                return (self.starts_at is None or self.starts_at <= at) and (self.ends_at is None or at < self.ends_at)
            case _:
                return any(start <= at < end for start, end in self._spans(at))

    def next_change(self, at: datetime) -> datetime | None:
        """The first moment after `at` at which `in_force` may turn; None when it never will."""
        match self.effect:
            case Effect.ALWAYS:
                return None
            case Effect.PERIOD:
                return min(
                    (end for end in (self.starts_at, self.ends_at) if end is not None and end > at), default=None
                )
        until: datetime | None = None
        for start, end in sorted(self._spans(at)):
            if until is not None and start > until:
                break  # a gap: it ends there
            if start <= (until or at) and end > (until or at):
                until = end
            elif until is None and start > at:
                return start
        return until

    def occurrence(self, at: datetime) -> tuple[datetime | None, datetime | None]:
        """From when to when it is in force: the span that holds `at`, else the next, else the last. None: open."""
        if self.effect in (Effect.ALWAYS, Effect.PERIOD):
            return self.starts_at, self.ends_at
        found: tuple[datetime, datetime] | None = None
        for start, end in sorted(self._spans(at)):
            if found is None or (start > found[1] and found[1] <= at):
                found = (start, end)
            elif start <= found[1]:
                found = (found[0], max(found[1], end))
        return found or (None, None)

    def spans(self, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
        """When it was in force between the two moments, in order."""
        found, at = [], since
        while at < until:
            change = min(self.next_change(at) or until, until)
            if self.in_force(at):
                found.append((at, change))
            at = change
        return tuple(found)

    def phase(self, at: datetime) -> Phase:
        if self.in_force(at):
            return Phase.IN_FORCE
        return Phase.WAITING if self.next_change(at) is not None else Phase.ENDED

    def _spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Every window's moments from those that may still hold `at` to those of the next days."""
        today = at.astimezone(self.zone).date()
        for window in self.windows:
            if window.day:
                days = [today + timedelta(days=off) for off in range(-8, 9)]
                days = [day for day in days if day.isoweekday() == window.day]
            else:
                days = [today + timedelta(days=off) for off in range(-2, 3)]
            for day in days:
                start = _moment(day, window.start, self.zone)
                end = _moment(_end_day(day, window), window.end, self.zone, is_end=True)
                if start < end:
                    yield start, end


def parse_windows(typed: Sequence[Mapping[str, object]], effect: Effect) -> tuple[Window, ...]:
    """Windows as typed or stored -> values. ValueError: the text that is no time, or "" for the days."""
    windows = []
    for item in typed:
        start, end = _clock(str(item.get("start", ""))), _clock(str(item.get("end", "")))
        day, end_day = (int(str(item.get(name) or 0)) for name in ("day", "end_day"))
        if effect is Effect.DAILY:
            day = end_day = 0
        elif not (1 <= day <= 7 and 1 <= end_day <= 7) or (day, start) == (end_day, end):
            raise ValueError("")
        windows.append(Window(start, end, day, end_day))
    return tuple(dict.fromkeys(windows))


def _clock(text: str) -> str:
    match = _TIME.fullmatch(text.strip())
    if match is None or not (int(match[1]) < 24 and int(match[2]) < 60):
        if text.strip() == "24:00":
            return "00:00"
        raise ValueError(text.strip() or "-")
    return f"{int(match[1]):02d}:{match[2]}"


def _end_day(day: date, window: Window) -> date:
    if not window.day:
        return day + _DAY if window.end <= window.start else day
    days = (window.end_day - window.day) % 7
    if days == 0 and window.end <= window.start:
        days = 7
    return day + timedelta(days=days)


def _moment(day: date, text: str, zone: tzinfo, *, is_end: bool = False) -> datetime:
    hour, minute = map(int, text.split(":"))
    wall = datetime.combine(day, time(hour, minute), zone)
    first, second = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if second < first:
        return _jump(second, first, zone)
    return second if is_end else first


def _jump(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """When clocks are put forward, between these two moments."""
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
