"""Schedules of systems that may have several people on duty at once -> schedules here, which have one each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.files.rules.importing.drafting import Draft
from tocsin.oncall.rules import MAX_LAYERS, MAX_PEOPLE, stored_restrictions

_WEEK = 10_080
_WHOLE = (1 << _WEEK) - 1


@dataclass(frozen=True, slots=True)
class Duty:
    """A layer as files have it. Where layers overlap, those of the highest `level` are on duty, all of them."""

    layer: Mapping[str, Any]
    level: int = 0


def seats(duties: Sequence[Duty]) -> list[list[Mapping[str, Any]]]:
    """Layers of as many schedules as people may be on duty at once: together they have on duty exactly those people.

    Each schedule has all layers, so that a higher level is on top in each of them; within a level its own are last.
    """
    levels = [
        _apart([duty.layer for duty in duties if duty.level == level])
        for level in sorted({duty.level for duty in duties})
    ]
    found = []
    for seat in range(max(map(len, levels), default=1)):
        layers: list[Mapping[str, Any]] = []
        for rows in levels:
            own = rows[seat] if seat < len(rows) else rows[0]
            layers += [layer for row in rows if row is not own for layer in row]
            layers += own
        found.append(layers)
    return found


def add_schedules(draft: Draft, place: str, values: Mapping[str, Any], duties: Sequence[Duty]) -> list[str]:
    """The names of the schedules that stand for this one."""
    rows = seats(duties)
    if len(rows) > 1:
        draft.note(place, f"has up to {len(rows)} people on duty at once; as many schedules stand for it, and all "
                   "of them are told")  # fmt: skip
    names = []
    for layers in rows:
        if len(layers) > MAX_LAYERS:
            draft.note(place, f"only the {MAX_LAYERS} layers of the highest levels are carried")
        kept = [_short(draft, place, layer) for layer in layers[-MAX_LAYERS:]]
        names.append(draft.add("schedules", {**values, "layers": kept}))
    return names


def clock(at: datetime) -> str:
    return f"{at:%H:%M}"


def windows(starts: datetime, lasts: timedelta, days: Sequence[int] = ()) -> list[dict[str, Any]]:
    """Restrictions of a layer: from this time of day, on these days (1 is Monday; none: the day of `starts`)."""
    ends = starts + lasts
    if lasts <= timedelta(days=1):
        return [{"days": sorted(days) or [starts.isoweekday()], "from": clock(starts), "until": clock(ends)}]
    moved = ends.date() - starts.date()
    return [
        {"days": [day], "from": clock(starts), "until": clock(ends), "until_day": (day - 1 + moved.days) % 7 + 1}
        for day in sorted(days) or [starts.isoweekday()]
    ]


def covers_week(restrictions: Sequence[Mapping[str, Any]]) -> bool:
    return _mask(restrictions) == _WHOLE


def channels_for(
    draft: Draft, place: str, people: Sequence[str], channels_of: Callable[[str], Sequence[str]]
) -> list[str]:
    """What these people, who are told together, are told by."""
    each = [tuple(channels_of(name)) for name in people]
    found = [channel for channel in ("phone", "sms", "email") if any(channel in own for own in each)]
    if len({tuple(sorted(own)) for own in each}) > 1:
        draft.note(place, f"its people are told in different ways there; here all are told by {', '.join(found)}")
    return found or ["email"]


def _apart(layers: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """In as few rows as possible, in none of which two overlap."""
    rows: list[tuple[int, list[Mapping[str, Any]]]] = []
    for layer in layers:
        mask = _mask(layer.get("restrictions") or ())
        for number, (taken, row) in enumerate(rows):
            if not taken & mask:
                rows[number] = (taken | mask, [*row, layer])
                break
        else:
            rows.append((mask, [layer]))
    return [row for _taken, row in rows]


def _mask(restrictions: Sequence[Mapping[str, Any]]) -> int:
    """A bit for each minute of the week."""
    if not restrictions:
        return _WHOLE
    stored = [
        {
            **one,
            "days": [day - 1 for day in one["days"]],
            "until_day": one["until_day"] - 1 if one.get("until_day") else None,
        }
        for one in restrictions
    ]
    mask = 0
    for restriction in stored_restrictions(stored):
        for window in restriction.windows():
            starts, lasts = (int(part.total_seconds()) // 60 for part in (window.starts, window.lasts))
            bits = ((1 << min(lasts, _WEEK)) - 1) << starts
            mask |= (bits | bits >> _WEEK) & _WHOLE
    return mask


def _short(draft: Draft, place: str, layer: Mapping[str, Any]) -> dict[str, Any]:
    if len(layer["people"]) > MAX_PEOPLE:
        draft.note(place, f"only the first {MAX_PEOPLE} people of a layer are carried")
    return {**layer, "people": layer["people"][:MAX_PEOPLE]}
