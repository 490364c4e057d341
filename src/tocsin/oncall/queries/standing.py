"""Who is on duty where, what comes next, and where nobody will be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.contacts.models import Contact
from tocsin.oncall.models import Schedule
from tocsin.oncall.queries.rotas import rotas
from tocsin.oncall.rules import Rota, Shift, gaps, next_change, on_duty, planned_at

LOOKS_AHEAD = timedelta(days=14)
"""How far ahead gaps are warned of."""
_NEXT_WITHIN = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule at one moment. `until`: the next hand-over, None when there is none within 60 days.

    `awaited_name`: whose turn it is without having checked in, so that somebody else is still on duty.
    """

    schedule_id: int
    name: str
    time_zone: str
    contact_id: int | None
    contact_name: str
    until: datetime | None
    next_name: str
    awaited_name: str
    gaps: tuple[Shift, ...]


@dataclass(frozen=True, slots=True)
class ScheduleGaps:
    schedule_id: int
    name: str
    gaps: tuple[Shift, ...]


def standings(at: datetime, ids: Collection[int] | None = None) -> list[Standing]:
    """All schedules, or these, by name: who is on duty at a moment. Three statements."""
    wanted = list(Schedule.objects.values_list("pk", flat=True)) if ids is None else ids
    known = rotas(wanted, at, at + _NEXT_WITHIN)
    found = [
        (rota, on_duty(rota, at), planned_at(rota, at), next_change(rota, at, _NEXT_WITHIN)) for rota in known.values()
    ]
    people = {pk for _rota, *duty, change in found for pk in (*duty, change.contact_id if change else None)}
    names = dict(Contact.objects.filter(pk__in=people - {None}).values_list("pk", "name"))
    return [
        Standing(
            schedule_id=rota.id,
            name=rota.name,
            time_zone=rota.zone.key,
            contact_id=now_on,
            contact_name=names.get(now_on or 0, ""),
            until=change.starts_at if change else None,
            next_name=names.get(change.contact_id or 0, "") if change else "",
            awaited_name=names.get(planned or 0, "") if planned != now_on else "",
            gaps=tuple(gaps(rota, at, at + LOOKS_AHEAD)),
        )
        for rota, now_on, planned, change in found
    ]


def schedules_with_gaps(now: datetime, within: timedelta = LOOKS_AHEAD) -> list[ScheduleGaps]:
    """Schedules that have nobody on duty at some time from now on, with those times; by name. Two statements."""
    known = rotas(list(Schedule.objects.values_list("pk", flat=True)), now, now + within)
    found = ((rota, tuple(gaps(rota, now, now + within))) for rota in known.values())
    return [ScheduleGaps(rota.id, rota.name, holes) for rota, holes in found if holes]


def people_of(rota: Rota, begin: datetime, end: datetime) -> set[int]:
    """Everybody who could be on duty then: in the layers, and as substitutes."""
    placed = {person for layer in rota.layers for person in layer.people}
    return placed | {stand.contact_id for stand in rota.stands if stand.starts_at < end and stand.ends_at > begin}
