"""On-call shifts of Grafana OnCall -> layers.

A shift is written by a wall clock: that of its own zone, else of its `calendar` schedule; those of a `web` schedule are
in UTC. `rolling_users` take turns, one list of them each; a `recurrent_event` has the same people each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.files.rules.importing.drafting import Draft
from tocsin.files.rules.importing.turns import Duty, clock, covers_week, windows

_DAYS = {"MO": 1, "TU": 2, "WE": 3, "TH": 4, "FR": 5, "SA": 6, "SU": 7}
_UNITS = {"hourly": ("hours", timedelta(hours=1)), "daily": ("days", timedelta(days=1)),
          "weekly": ("weeks", timedelta(weeks=1))}  # fmt: skip
_ONCE = ("single_event", "override")
Person = Callable[[Any], str | None]


def duties_of(
    draft: Draft, place: str, schedule: Mapping[str, Any], shifts: Sequence[Mapping[str, Any]], person: Person,
    now: datetime,
) -> tuple[str, list[Duty]]:  # fmt: skip
    """The schedule's zone, and its layers. `person`: a user's ID -> the contact's name, None for nobody known."""
    default = "UTC" if schedule.get("type") == "web" else str(schedule.get("time_zone") or "UTC")
    lasting = [shift for shift in shifts if shift.get("type") not in _ONCE]
    zones = {str(shift.get("time_zone") or default) for shift in lasting}
    zone = zones.pop() if len(zones) == 1 else default
    reading = _Reading(draft, place, zone, default, person, now)
    if due := [shift for shift in shifts if shift.get("type") in _ONCE and reading.is_ahead(shift)]:
        draft.note(place, f"{len(due)} single shifts or overrides are not carried; substitutes have their place here")
    return zone, [duty for shift in lasting for duty in reading.duties(shift)]


class _Reading:
    def __init__(self, draft: Draft, place: str, zone: str, default: str, person: Person, now: datetime) -> None:
        self._draft, self._place, self._person, self._now = draft, place, person, now
        self._zone, self._default = zone, default

    def is_ahead(self, shift: Mapping[str, Any]) -> bool:
        return self._moment(shift, "start") + timedelta(seconds=int(shift.get("duration") or 0)) > self._now

    def duties(self, shift: Mapping[str, Any]) -> list[Duty]:
        name = str(shift.get("name") or shift.get("id"))
        if shift.get("until"):
            if self._moment(shift, "until") <= self._now:
                return []  # what it was once
            self._note(name, f"ends on {str(shift['until'])[:10]}; here it does not end")
        frequency = str(shift.get("frequency") or "")
        if frequency not in _UNITS or shift.get("by_monthday"):
            self._note(name, f"repeats {frequency or 'never'} on days of the month and is not carried")
            return []
        if shift.get("by_month"):
            self._note(name, "holds in some months only; here all year")
        if shift.get("rotation_start") and self._moment(shift, "rotation_start") > self._now:
            self._note(name, f"begins on {str(shift['rotation_start'])[:10]}; here its turns count from its start")
        starts = self._starts(name, shift)
        turns = self._turns(name, shift)
        if not turns:
            self._note(name, "has nobody who is known, and is not carried")
            return []
        layer = self._layer(name, shift, frequency, starts)
        seats = range(max(map(len, turns)))
        level = int(shift.get("level") or 0)
        return [
            Duty({"name": name[:64], "people": [turn[min(seat, len(turn) - 1)] for turn in turns], **layer}, level)
            for seat in seats
        ]

    def _turns(self, name: str, shift: Mapping[str, Any]) -> list[list[str]]:
        if shift.get("type") == "recurrent_event":
            people = [self._person(user) for user in shift.get("users") or ()]
            return [found] if (found := [one for one in people if one]) else []
        listed = list(shift.get("rolling_users") or ())
        begin = int(shift.get("start_rotation_from_user_index") or 0)
        turns = [[one for user in users if (one := self._person(user))] for users in listed[begin:] + listed[:begin]]
        if not all(turns):
            self._note(name, "has a turn that nobody known has; the others follow one another without it")
        return [turn for turn in turns if turn]

    def _layer(self, name: str, shift: Mapping[str, Any], frequency: str, starts: datetime) -> dict[str, Any]:
        unit, length = _UNITS[frequency]
        every = int(shift.get("interval") or 1)
        lasts = timedelta(seconds=int(shift.get("duration") or 0))
        days = [_DAYS[day] for day in shift.get("by_day") or () if day in _DAYS]
        begins = starts
        if frequency == "weekly" and days:  # turns pass at the beginning of a week
            first = _DAYS.get(str(shift.get("week_start") or "MO"), 1)
            begins = starts - timedelta(days=(starts.isoweekday() - first) % 7)
        layer: dict[str, Any] = {"unit": unit, "every": every, "starts_on": f"{begins:%Y-%m-%d}",
                                 "handover_time": clock(begins)}  # fmt: skip
        if lasts >= every * length and not days:
            return layer
        if frequency == "hourly":
            self._note(name, "is on duty for a part of each turn of hours; here for all of it")
            return layer
        if every > 1 and lasts < every * length:
            self._note(name, f"is on duty at the beginning of each turn of {every} {unit} only; here all through it")
        if frequency == "daily" and days and shift.get("type") == "rolling_users":
            self._note(name, "hands over on some days only; here turns pass on every day: see who is on duty when")
        if frequency == "daily" and not days:
            days = list(range(1, 8))
        restrictions = windows(starts, lasts, days)
        return layer if covers_week(restrictions) else {**layer, "restrictions": restrictions}

    def _starts(self, name: str, shift: Mapping[str, Any]) -> datetime:
        """By the wall clock of the schedule."""
        own = str(shift.get("time_zone") or self._default)
        starts = datetime.fromisoformat(str(shift["start"])).replace(tzinfo=None)
        if own == self._zone:
            return starts
        self._note(name, f"goes by the clock of {own}; its times are carried as they are in {self._zone} at its start")
        return starts.replace(tzinfo=ZoneInfo(own)).astimezone(ZoneInfo(self._zone)).replace(tzinfo=None)

    def _moment(self, shift: Mapping[str, Any], key: str) -> datetime:
        at = datetime.fromisoformat(str(shift[key]))
        return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(str(shift.get("time_zone") or self._default)))

    def _note(self, name: str, text: str) -> None:
        self._draft.note(f"{self._place}, shift {name}", text)
