"""`ListEscalationPolicies`, `ListOnCallSchedules` and `GetOnCallSchedulesDetail`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tocsin.accounts.rules import Permission
from tocsin.contacts.queries import names_of
from tocsin.core.errors import existing
from tocsin.oncall.models import Schedule
from tocsin.oncall.queries import people_of, rota_of
from tocsin.oncall.rules import Layer, Rota, Unit, shifts
from tocsin.policies.queries import existing_escalations
from tocsin.web.arms.errors import invalid
from tocsin.web.arms.moments import read_moment
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import among, page_of
from tocsin.web.arms.parameters import Id, Paged, Request

_SHOWN_FOR = timedelta(days=7)
_MOST_DAYS = timedelta(days=92)
_CLOCK = "%Y-%m-%d %H:%M"
_HOURS = {Unit.HOURS: 1, Unit.DAYS: 24, Unit.WEEKS: 24 * 7}


class ListEscalationPolicies(Paged):
    name: str = ""


class ListOnCallSchedules(Paged):
    name: str = ""


class GetOnCallSchedulesDetail(Request):
    id: Id
    start_time: str = ""
    end_time: str = ""


def list_escalations(asked: ListEscalationPolicies, caller: Caller) -> Answer:
    found = among(existing_escalations().order_by("pk"), asked.name)
    return page_of(found, asked, "EscalationPolicies", lambda rows: [{"Id": row.pk, "Name": row.name} for row in rows])


def list_schedules(asked: ListOnCallSchedules, caller: Caller) -> Answer:
    found = among(Schedule.objects.order_by("pk"), asked.name)
    return page_of(
        found,
        asked,
        "OnCallSchedules",
        lambda rows: [{"Id": row.pk, "Name": row.name, "Description": ""} for row in rows],
    )


def schedule_detail(asked: GetOnCallSchedulesDetail, caller: Caller) -> Answer:
    """Both days included, by the schedule's clocks; the next seven days unless given."""
    schedule = existing(
        Schedule.objects.prefetch_related("layers__people").filter(pk=asked.id).first(), "There is no such schedule."
    )
    begin = read_moment("StartTime", asked.start_time, schedule.time_zone) or caller.now
    last = read_moment("EndTime", asked.end_time, schedule.time_zone)
    end = last + timedelta(days=1) if last is not None else begin + _SHOWN_FOR
    if not begin < end <= begin + _MOST_DAYS:
        raise invalid("EndTime", f"EndTime is within {_MOST_DAYS.days} days after StartTime.")
    rota = rota_of(schedule.pk, begin, end)
    names = {pk: named.name for pk, named in names_of(people_of(rota, begin, end)).items()}
    stands = [(stand.contact_id, max(stand.starts_at, begin), min(stand.ends_at, end)) for stand in rota.stands]
    return {
        "Data": {
            "Id": schedule.pk,
            "Name": schedule.name,
            "Description": "",
            "AlertRobotId": schedule.robot_id,
            "ScheduleLayers": [_layer(row) for row in schedule.layers.all()],
            "RenderedLayerEntries": [_entries(_alone(rota, layer), begin, end, names) for layer in rota.layers],
            "RenderedSubstitudeEntries": _shown(stands, rota, names),
            "RenderedFinnalEntries": _entries(rota, begin, end, names),
        }
    }


def _alone(rota: Rota, layer: Layer) -> Rota:
    return replace(rota, layers=(layer,), stands=(), held=None)


def _entries(rota: Rota, begin: datetime, end: datetime, names: Mapping[int, str]) -> list[dict[str, Any]]:
    found = ((shift.contact_id, shift.starts_at, shift.ends_at) for shift in shifts(rota, begin, end))
    return _shown(((pk, starts, ends) for pk, starts, ends in found if pk is not None), rota, names)


def _shown(
    entries: Iterable[tuple[int, datetime, datetime]], rota: Rota, names: Mapping[int, str]
) -> list[dict[str, Any]]:
    return [
        {
            "Start": starts.astimezone(rota.zone).strftime(_CLOCK),
            "End": ends.astimezone(rota.zone).strftime(_CLOCK),
            "SimpleContact": {"Id": pk, "Name": names.get(pk, "")},
        }
        for pk, starts, ends in entries
        if starts < ends
    ]


def _layer(row: Any) -> dict[str, Any]:
    unit = Unit(row.unit)
    kind = {Unit.DAYS: "DAY", Unit.WEEKS: "WEEK"}.get(unit, "CUSTOM") if row.every == 1 else "CUSTOM"
    return {
        "ContactIds": [place.contact_id for place in row.people.all()],
        "RotationType": kind,
        "ShiftLength": row.every * _HOURS[unit],
        "StartTime": f"{row.starts_on:%Y-%m-%d} {row.handover_time:%H:%M}",
        "Restrictions": [
            {
                "RestrictionType": "daily_restriction" if len(item["days"]) == len(range(7)) else "weekly_restriction",
                "StartTimeOfDay": item["from"],
                "EndTimeOfDay": item["until"],
            }
            for item in row.restrictions
        ],
    }


OPERATIONS = (
    Operation(ListEscalationPolicies, Permission.VIEW, list_escalations),
    Operation(ListOnCallSchedules, Permission.VIEW, list_schedules),
    Operation(GetOnCallSchedulesDetail, Permission.VIEW, schedule_detail),
)
