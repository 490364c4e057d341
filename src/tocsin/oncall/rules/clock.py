"""A wall clock that never goes back: what schedules are read by, so that changing clocks never hands over twice.

In the hour that comes twice it stands still at its end the second time; over the hour that does not exist it jumps.
A hand-over written for a time of day happens at the first moment at which this clock shows at least that time: the
first 01:30 of two, and the end of the gap for a 02:30 that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

_A_SECOND = timedelta(seconds=1)
_A_MOMENT = timedelta(microseconds=1)


def moment_of(wall: datetime, zone: tzinfo) -> datetime:
    """The first moment (UTC) at which the clock shows at least `wall`, which has no zone."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if _wall(first, zone) == wall:
        return first
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # in a gap: read with the offset that comes after it
    return _first(before, first, lambda moment: _wall(moment, zone) >= wall)


def wall_at(moment: datetime, zone: tzinfo) -> datetime:
    """What the clock shows at a moment, without a zone."""
    local = moment.astimezone(zone)
    if not local.fold:
        return local.replace(tzinfo=None)
    after, before = local.utcoffset(), local.replace(fold=0).utcoffset()
    if after is None or before is None:  # a tzinfo that knows no offsets has no folds either
        return local.replace(tzinfo=None)
    at = moment.astimezone(UTC)
    changed = _first(at - (before - after), at, lambda one: one.astimezone(zone).utcoffset() == after)
    return (changed + before).replace(tzinfo=None) - _A_MOMENT


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _first(low: datetime, high: datetime, holds: Callable[[datetime], bool]) -> datetime:
    """The first whole second after `low` at which it holds; it does not at `low`, does at `high`, and stays so."""
    low = low.replace(microsecond=0)
    while high - low > _A_SECOND:
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high.replace(microsecond=0)
