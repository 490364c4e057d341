"""Alertmanager's time intervals -> the hours of a policy, where one window of the day can say them.

The minutes of the week in which a route may send are the bits of a number, and so are those of a window: where one is
equal to the other, it is taken.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = 24 * 60
_WEEK = 7 * _DAY
_WHOLE_DAY = (1 << _DAY) - 1
_ALWAYS = (1 << _WEEK) - 1
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|(24):(00)")


class _NoFormError(Exception):
    """Why no window says it."""


def window_of(
    active: Sequence[str], muted: Sequence[str], known: Mapping[str, Any], zone: str
) -> tuple[dict[str, Any] | None, str]:
    """The sending window of a route, and why there is none although intervals are named ("" when all is carried)."""
    try:
        opened = _minutes(active, known) if active else _ALWAYS
        opened &= ~_minutes(muted, known)
        if opened == _ALWAYS:
            return None, ""
        clock = _zone([*active, *muted], known, zone)
        start, length, days = _single(opened, [*active, *muted])
    except _NoFormError as error:
        return None, str(error)
    end = start + length
    return {
        "start": _written(start),
        "end": _written(end if end <= _DAY else end - _DAY),
        "days": days,
        "zone": clock,
        "outside": "hold",
    }, ""


def is_local(span: Mapping[str, Any]) -> bool:
    """Whether it goes by the clock of the machine that Alertmanager runs on."""
    return str(span.get("location")) == "Local"


def _single(opened: int, names: Sequence[str]) -> tuple[int, int, list[int]]:
    """From which minute of the day, for how many minutes, on which days it is open."""
    if not opened:
        raise _NoFormError("it is muted always")
    before = ((opened << 1) | (opened >> (_WEEK - 1))) & _ALWAYS
    begins = opened & ~before
    for start in {0, (begins.bit_length() - 1) % _DAY}:
        turned = ((opened >> start) | (opened << (_WEEK - start))) & _ALWAYS
        parts = [(turned >> (_DAY * day)) & _WHOLE_DAY for day in range(7)]
        shapes = {part for part in parts if part}
        if len(shapes) != 1:
            continue
        (shape,) = shapes
        first = (shape & -shape).bit_length() - 1
        length = shape.bit_length() - first
        if shape == ((1 << length) - 1) << first:
            return start + first, length, [day + 1 for day, part in enumerate(parts) if part]
    raise _NoFormError(f"no single window of the day says its time intervals ({', '.join(names)})")


def _spans(names: Sequence[str], known: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for name in names:
        if name not in known:
            raise _NoFormError(f"there is no time interval {name}")
        found += [span for span in known[name].get("time_intervals") or () if isinstance(span, Mapping)]
    return found


def _zone(names: Sequence[str], known: Mapping[str, Any], zone: str) -> str:
    zones = {
        zone if is_local(span) or not span.get("location") else str(span["location"]) for span in _spans(names, known)
    }
    if len(zones) > 1:
        raise _NoFormError(f"time intervals of several zones ({', '.join(sorted(zones))}) have no form here")
    return zones.pop() if zones else zone


def _minutes(names: Sequence[str], known: Mapping[str, Any]) -> int:
    found = 0
    for span in _spans(names, known):
        given = {key for key, value in span.items() if value}
        if unknown := sorted(given - {"times", "weekdays", "location"}):
            raise _NoFormError(f"a time interval by {', '.join(unknown)} has no form here")
        of_a_day = 0
        for hours in span.get("times") or [{"start_time": "00:00", "end_time": "24:00"}]:
            start, end = (_minute(hours.get(key)) for key in ("start_time", "end_time"))
            of_a_day |= ((1 << max(end - start, 0)) - 1) << start
        for day in _days(span.get("weekdays") or []):
            found |= of_a_day << (_DAY * day)
    return found


def _minute(typed: Any) -> int:
    found = _TIME.fullmatch(str(typed))
    if found is None:
        raise _NoFormError(f"{typed} is no time of day")
    hour, minute = (text for text in found.groups() if text is not None)
    return int(hour) * 60 + int(minute)


def _written(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(typed: Sequence[Any]) -> set[int]:
    """From 0 for Monday; every one when none is typed."""
    found: set[int] = set()
    for item in typed or [f"{_DAYS[0]}:{_DAYS[-1]}"]:
        first, _colon, last = str(item).lower().partition(":")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise _NoFormError(f"{item} is no day of the week")
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        found.update(range(begin, end + 1))
    return found
