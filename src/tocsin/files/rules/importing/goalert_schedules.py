"""Rotations and schedules of GoAlert -> layers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.files.rules.importing.drafting import Draft
from tocsin.files.rules.importing.turns import Duty, clock, covers_week

_UNITS = {"hourly": ("hours", timedelta(hours=1)), "daily": ("days", timedelta(days=1)),
          "weekly": ("weeks", timedelta(weeks=1))}  # fmt: skip
_ALWAYS = {"unit": "weeks", "every": 1, "starts_on": "2020-01-06", "handover_time": "00:00"}
_FROM_SUNDAY = (7, 1, 2, 3, 4, 5, 6)
Row = Mapping[str, Any]


class Turns:
    """`people`: contacts by user ID; `rotations` by ID."""

    def __init__(self, draft: Draft, people: Mapping[str, str], rotations: Mapping[str, Row]) -> None:
        self._draft, self._people, self._rotations = draft, people, rotations

    def of_schedule(self, place: str, schedule: Row) -> list[Duty]:
        zone = str(schedule.get("timeZone") or "UTC")
        duties = []
        for listed in schedule.get("targets") or ():
            target = listed.get("target") or {}
            layer = self._layer(place, zone, target)
            rules = listed.get("rules") or []
            if layer is None or not rules:
                continue
            restrictions = [one for rule in rules if (one := _restriction(rule))["days"]]
            if not restrictions:
                continue
            duties.append(Duty(layer if covers_week(restrictions) else {**layer, "restrictions": restrictions}))
        return duties

    def of_rotation(self, place: str, rotation: Row) -> list[Duty]:
        layer = self._rotation(place, str(rotation.get("timeZone") or "UTC"), rotation)
        return [Duty(layer)] if layer else []

    def _layer(self, place: str, zone: str, target: Row) -> dict[str, Any] | None:
        kind, key = str(target.get("type")), str(target.get("id"))
        name = str(target.get("name") or key)
        if kind == "user" and key in self._people:
            return {"name": name[:64], "people": [self._people[key]], **_ALWAYS}
        if kind == "rotation" and key in self._rotations:
            return self._rotation(place, zone, self._rotations[key])
        self._draft.note(place, f"{kind} {name} is not carried and is not on duty")
        return None

    def _rotation(self, place: str, zone: str, rotation: Row) -> dict[str, Any] | None:
        name = str(rotation["name"])
        where = f"{place}, rotation {name}" if place != f"rotation {name}" else place
        users = [str(user) for user in rotation.get("userIDs") or ()]
        unknown = [user for user in users if user not in self._people]
        if unknown:
            self._draft.note(where, f"{len(unknown)} of its people are not carried; the others take turns without them")
        if len(unknown) == len(users):
            return None
        kind = str(rotation.get("type"))
        if kind not in _UNITS:
            self._draft.note(where, f"its turns are {kind}, which has no form here; it is not carried")
            return None
        unit, length = _UNITS[kind]
        every = max(1, int(rotation.get("shiftLength") or 1))
        own = str(rotation.get("timeZone") or "UTC")
        if own != zone:
            self._draft.note(where, f"goes by the clock of {own}; here by that of the schedule, {zone}")
        starts = _wall(str(rotation["start"]), own)
        turn, first = every * length, int(rotation.get("activeUserIndex") or 0)
        if handoffs := rotation.get("nextHandoffTimes"):  # who is on duty now decides who was first
            first -= round((_wall(str(handoffs[0]), own) - turn - starts) / turn)
        ordered = [users[(first + number) % len(users)] for number in range(len(users))]
        at = starts.replace(tzinfo=ZoneInfo(own)).astimezone(ZoneInfo(zone))
        return {"name": name[:64], "people": [self._people[user] for user in ordered if user in self._people],
                "unit": unit, "every": every, "starts_on": f"{at:%Y-%m-%d}", "handover_time": clock(at)}  # fmt: skip


def _restriction(rule: Row) -> dict[str, Any]:
    days = sorted(
        day for day, is_on in zip(_FROM_SUNDAY, rule.get("weekdayFilter") or [True] * 7, strict=False) if is_on
    )
    return {"days": days, "from": str(rule.get("start") or "00:00"), "until": str(rule.get("end") or "00:00")}


def _wall(text: str, zone: str) -> datetime:
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo is None else at.astimezone(ZoneInfo(zone))).replace(tzinfo=None)
