"""When a robot tells of the day. Times are "hh:mm" in a zone; each comes once a day, also when clocks change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

MAX_DAILY_TIMES = 12
LATE_AT_MOST = timedelta(minutes=30)
"""What comes later says nothing of the hour it was asked for: it is left out, and that is kept."""
_TOLD_OF_AT_MOST = 50
"""Missed moments that are kept after a long silence, the last ones."""
_TIME = re.compile(r"(\d{1,2})[:：](\d{2})")


@dataclass(frozen=True, slots=True)
class DailyMoments:
    """What became due: `now` is sent, `missed` is kept as missed. `next_at` is what follows."""

    now: datetime | None
    missed: tuple[datetime, ...]
    next_at: datetime | None


def parse_times(texts: Sequence[str]) -> tuple[str, ...]:
    """Sorted, each once, as "hh:mm". ValueError holds the text that is no time of day."""
    found = set()
    for text in texts:
        match = _TIME.fullmatch(text.strip())
        if match is None or not (int(match[1]) < 24 and int(match[2]) < 60):
            raise ValueError(text.strip())
        found.add(f"{int(match[1]):02d}:{match[2]}")
    return tuple(sorted(found))


def next_daily(times: Sequence[str], zone: tzinfo, after: datetime) -> datetime | None:
    """The first moment after this one; None without times."""
    return next(_moments(times, zone, after), None)


def due_moments(times: Sequence[str], zone: tzinfo, due_at: datetime, now: datetime) -> DailyMoments:
    """From `due_at` on, which is one of the moments, up to `now`: the last one is sent unless it is too late for it."""
    passed = [due_at]
    for moment in _moments(times, zone, due_at):
        if moment > now:
            break
        passed.append(moment)
    is_timely = now - passed[-1] <= LATE_AT_MOST
    missed = passed[:-1] if is_timely else passed
    sent = passed[-1] if is_timely else None
    return DailyMoments(sent, tuple(missed[-_TOLD_OF_AT_MOST:]), next_daily(times, zone, now))


def day_of(moment: datetime, zone: tzinfo) -> datetime:
    """When the day began that holds this moment, in the zone."""
    local = moment.astimezone(zone)
    return datetime.combine(local.date(), time(), zone)


def _moments(times: Sequence[str], zone: tzinfo, after: datetime) -> Iterator[datetime]:
    """In order, from the day of `after` on. An hour that a clock change leaves out is told at the hour it becomes."""
    if not times:
        return
    day = after.astimezone(zone).date()
    while True:
        for moment in sorted(_at(day, text, zone) for text in times):
            if moment > after:
                yield moment
        day += timedelta(days=1)


def _at(day: date, text: str, zone: tzinfo) -> datetime:
    hour, minute = map(int, text.split(":"))
    moment = datetime.combine(day, time(hour, minute), zone)
    return moment.astimezone(UTC)
