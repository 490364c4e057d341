"""Alertmanager's time intervals -> the hours of a policy, where one window of the day can say them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ALL = list(range(1, 8))
_WHOLE_DAY = ("00:00", "24:00")
_TIME = re.compile(r"([01]?\d|2[0-4]):[0-5]\d")


def window_of(
    active: Sequence[str], muted: Sequence[str], known: Mapping[str, Any], zone: str
) -> tuple[dict[str, Any] | None, str]:
    """The sending window of a route, and why there is none although intervals are named ("" when all is carried)."""
    if not active and not muted:
        return None, ""
    if active and muted:
        return None, "both active and mute time intervals: no single window of the day says them"
    named = [known.get(name) for name in (active or muted)]
    if len(named) != 1:
        return None, f"several time intervals ({', '.join(active or muted)}): no single window of the day says them"
    spans = (named[0] or {}).get("time_intervals") or []
    if len(spans) != 1:
        return None, f"the time interval {(active or muted)[0]} is not one span of time"
    return _window(spans[0], is_muted=bool(muted), zone=zone)


def is_local(span: Mapping[str, Any]) -> bool:
    """Whether it goes by the clock of the machine that Alertmanager runs on."""
    return str(span.get("location")) == "Local"


def _window(span: Mapping[str, Any], *, is_muted: bool, zone: str) -> tuple[dict[str, Any] | None, str]:
    if unknown := sorted(set(span) - {"times", "weekdays", "location"}):
        return None, f"a time interval by {', '.join(unknown)} has no form here"
    days, times = _days(span.get("weekdays") or []), span.get("times") or []
    if days is None or len(times) > 1:
        return None, "a time interval with several times of day has no form here"
    start, end = (str(times[0].get("start_time")), str(times[0].get("end_time"))) if times else _WHOLE_DAY
    has_hours = (start, end) != _WHOLE_DAY
    if not (_TIME.fullmatch(start) and _TIME.fullmatch(end)):
        return None, f"{start} to {end} are no times of day"
    if is_muted:
        if has_hours and days != _ALL:
            return None, "what is muted at some hours of some days leaves no single window of the day"
        if has_hours:
            start, end = end, start
        else:
            days = [day for day in _ALL if day not in days]
        if not days:
            return None, "it is muted always"
    start = "00:00" if start == "24:00" else start
    return {
        "start": start,
        "end": end,
        "days": days,
        "zone": zone if is_local(span) or not span.get("location") else str(span["location"]),
        "outside": "hold",
    }, ""


def _days(typed: Sequence[Any]) -> list[int] | None:
    if not typed:
        return list(_ALL)
    found: set[int] = set()
    for item in typed:
        first, _colon, last = str(item).lower().partition(":")
        if first not in _DAYS or (last or first) not in _DAYS:
            return None
        begin, end = _DAYS.index(first), _DAYS.index(last or first)
        if end < begin:
            return None
        found.update(range(begin + 1, end + 2))
    return sorted(found)
