"""When a policy's messages may go out: hours of the day, on days of the week, by the clocks of a place. Pure.

The clock on the wall decides. Where it is set back, an hour that comes twice is open both times; where it is put
forward, what would open in the hour that does not exist opens with the next one, and a window that lies wholly in it
does not open that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.core.errors import InvalidInputError
from tocsin.core.sentences import Sentence

URGENT = 2
"""P1 and P2."""
_BAD_TIME = Sentence("Write a time of day like 09:00.")
_NO_DAY = Sentence("Choose one or more days of the week.")
_BAD_ZONE = Sentence("There is no time zone %(zone)s; write one like Asia/Shanghai.")
_BAD_CHOICE = Sentence("Choose what happens outside the window.")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_MIDNIGHT = time(0, 0)
_HORIZON = timedelta(days=15)
"""A weekly window may fall into an hour that does not exist."""


class Outside(StrEnum):
    """What becomes of a message while the window is closed."""

    HOLD = "hold"
    """It waits until the window opens."""
    DROP = "drop"
    URGENT = "urgent"
    """P1 and P2 go out at once, all others wait."""


@dataclass(frozen=True, slots=True)
class Window:
    """Open from `start` to `end` (without that minute) on `days`, 1 for Monday to 7.

    `end` at or before `start` is on the next day; the days are those on which it opens.
    """

    start: time
    end: time
    days: frozenset[int]
    zone: str
    outside: Outside = Outside.HOLD

    def is_open(self, at: datetime) -> bool:
        local = at.astimezone(_zone(self.zone))
        clock, day = local.time().replace(tzinfo=None, fold=0), local.isoweekday()
        if self.start < self.end:
            return day in self.days and self.start <= clock < self.end
        day_before = day - 1 or 7
        return (day in self.days and clock >= self.start) or (day_before in self.days and clock < self.end)

    def opens_at(self, at: datetime) -> datetime | None:
        """The first moment from `at` on at which it is open; None when there is none in sight."""
        if self.is_open(at):
            return at
        return _opening(self, at.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class Moment:
    """When a message may go out: at once (`at` None), at `at`, or not at all."""

    at: datetime | None = None
    is_dropped: bool = False


def when_to_send(window: Window | None, severity: int, now: datetime) -> Moment:
    """For a message of an alert of this severity."""
    if window is None or window.is_open(now):
        return Moment()
    if window.outside is Outside.URGENT and severity <= URGENT:
        return Moment()
    opens = window.opens_at(now) if window.outside is not Outside.DROP else None
    return Moment(opens) if opens is not None else Moment(is_dropped=True)


def parse_window(typed: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is stored of `start`, `end` ("24:00" too), `days`, `zone` and `outside`; None for no window.

    InvalidInputError names the field as `window_start` and so on.
    """
    if typed is None:
        return None
    zone = str(typed.get("zone", "")).strip()
    days = sorted({day for day in typed.get("days", range(1, 8)) if day in range(1, 8)})
    if not days:
        raise InvalidInputError({"window_days": _NO_DAY})
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInputError({"window_zone": _BAD_ZONE % {"zone": zone[:64]}}) from error
    if typed.get("outside", Outside.HOLD) not in list(Outside):
        raise InvalidInputError({"window_outside": _BAD_CHOICE})
    return {
        "start": _parse_time(typed.get("start", ""), "window_start").strftime("%H:%M"),
        "end": _parse_time(typed.get("end", ""), "window_end").strftime("%H:%M"),
        "days": days,
        "zone": zone,
        "outside": Outside(typed.get("outside", Outside.HOLD)).value,
    }


def window_of(stored: Mapping[str, Any] | None) -> Window | None:
    """What `parse_window` let in once."""
    if stored is None:
        return None
    return Window(
        start=time.fromisoformat(stored["start"]),
        end=time.fromisoformat(stored["end"]),
        days=frozenset(stored["days"]),
        zone=stored["zone"],
        outside=Outside(stored["outside"]),
    )


def window_as_json(window: Window) -> dict[str, Any]:
    """What `window_of` reads."""
    return {
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "days": sorted(window.days),
        "zone": window.zone,
        "outside": window.outside.value,
    }


def _parse_time(typed: object, field: str) -> time:
    text = str(typed).strip()
    if text in ("24:00", "23:59") and field == "window_end":
        return _MIDNIGHT  # to the end of the day, as people write it
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidInputError({field: _BAD_TIME})
    return time(int(found[1]), int(found[2]))


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    """UTC for one that this machine does not know any more."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=1024)
def _next_opening(window: Window, hour: datetime) -> tuple[datetime, ...]:
    """The moments from this full hour on at which it may open: its starts, and where the clock is put on or back."""
    zone = _zone(window.zone)
    first = hour.astimezone(zone).date()
    starts = (
        datetime.combine(first + timedelta(days=number), window.start, zone).replace(fold=fold).astimezone(UTC)
        for number in range(-1, _HORIZON.days + 1)
        for fold in (0, 1)
    )
    return tuple(sorted({*starts, *_changes(zone, hour)}))


def _opening(window: Window, at: datetime) -> datetime | None:
    hour = at.replace(minute=0, second=0, microsecond=0)
    return next((moment for moment in _next_opening(window, hour) if moment > at and window.is_open(moment)), None)


def _changes(zone: ZoneInfo, begin: datetime) -> Iterator[datetime]:
    """Where the clock is put on or back, to the second."""
    for number in range(int(_HORIZON / timedelta(hours=1))):
        early, late = begin + timedelta(hours=number), begin + timedelta(hours=number + 1)
        before = early.astimezone(zone).utcoffset()
        if before == late.astimezone(zone).utcoffset():
            continue
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) // 2
            middle = middle.replace(microsecond=0)
            if middle.astimezone(zone).utcoffset() == before:
                early = middle
            else:
                late = middle
        yield late
