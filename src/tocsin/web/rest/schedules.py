"""`/schedules`: who is on duty when, and who stands in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, NotFoundError, existing
from tocsin.oncall import services
from tocsin.oncall.models import Schedule, Substitute
from tocsin.oncall.queries import Standing, rota_of, standings
from tocsin.oncall.rules import Unit, restrictions_as_json, shifts
from tocsin.oncall.services.schedules import stored_layers
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, TypedMoment, Versioned, taken
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName, Deleted, Named, deleted
from tocsin.web.rest.versions import expected_version

schedules = Resource("On-call schedules", reads=Scope.SCHEDULES_READ, writes=Scope.SCHEDULES_WRITE)
_LONGEST = timedelta(days=100)


class LayerRestriction(Typed):
    """The layer counts only then. Days: 1 (Monday) to 7."""

    days: list[Annotated[int, Field(ge=1, le=7)]] = Field(max_length=7, examples=[[1, 2, 3, 4, 5]])
    from_: str = Field(alias="from", max_length=8, examples=["09:00"])
    until: str = Field(max_length=8, examples=["18:00"])
    until_day: Annotated[int, Field(ge=1, le=7)] | None = None


class LayerTyped(Typed):
    """People who take turns; later layers take precedence."""

    name: str = Field("", max_length=100)
    people: list[Id] = Field(max_length=1000, description="Ids of contacts, in the order of their turns.")
    unit: Unit = Field(examples=["weeks"])
    every: int = Field(1, ge=0, le=100_000)
    starts_on: date = Field(examples=["2026-11-02"])
    handover_time: time = Field(time(9), examples=["09:00:00"])
    restrictions: list[LayerRestriction] = Field([], max_length=100)


class ScheduleOut(Versioned):
    name: str = Field(examples=["Database on call"])
    time_zone: str = Field(examples=["Asia/Shanghai"])
    layers: list[dict[str, Any]]
    lead_id: int | None = Field(description="The contact who is told when nobody checks in.")
    robot_id: int | None
    tells_by: list[str] = Field(description="Channels of the hand-over notice.", examples=[["sms", "email"]])
    check_in_minutes: int | None
    has_feed: bool
    created_at: Moment


class ScheduleChanges(Typed):
    """What is left out stays; layers are replaced as a whole."""

    name: str = Field("", max_length=200, examples=["Database on call"])
    time_zone: str = Field("", max_length=64, examples=["Asia/Shanghai"])
    layers: list[LayerTyped] = Field([], max_length=100)
    lead_id: Id | None = None
    robot_id: Id | None = None
    tells_by: list[Channel] = Field([Channel.SMS, Channel.EMAIL], max_length=10)
    check_in_minutes: int | None = Field(None, ge=0, le=10_000)


class NewSchedule(ScheduleChanges):
    name: str = Field(max_length=200, examples=["Database on call"])


class At(BaseModel):
    at: datetime | None = Field(None, description="RFC 3339; now unless given.", examples=["2026-11-23T12:00:00Z"])


class OnDuty(BaseModel):
    """Who is on duty on a schedule at a moment; `contact` is null where nobody is."""

    schedule: Named
    contact: Named | None
    until: Moment | None = Field(description="The next hand-over within 60 days.")
    next_name: str
    awaited_name: str = Field(description="Whose turn it is without having checked in.")


class OnDutyNow(BaseModel):
    at: Moment
    on_duty: list[OnDuty]


class Span(BaseModel):
    starts_at: datetime | None = Field(None, description="Now unless given.")
    ends_at: datetime | None = Field(None, description="14 days later unless given; at most 100.")


class ShiftOut(BaseModel):
    starts_at: Moment
    ends_at: Moment
    contact: Named | None
    is_substitute: bool


class Shifts(BaseModel):
    shifts: list[ShiftOut]


class SubstituteOut(BaseModel):
    id: int
    contact_id: int
    replaces_id: int | None
    starts_at: Moment
    ends_at: Moment
    created_by: str


class NewSubstitute(Typed):
    contact_id: Id
    replaces_id: Id | None = Field(None, description="Whose turns are taken; null: the whole schedule.")
    starts_at: TypedMoment
    ends_at: TypedMoment


class Feed(BaseModel):
    url: str = Field(description="Of the calendar (iCalendar). A secret; the one before is worth nothing now.")


@schedules.get("", Page[ScheduleOut])
def list_schedules(request: HttpRequest, asked: Query[ByName]) -> Any:
    found = asked.among(Schedule.objects.all())
    rows, following = one_page(found.order_by("pk"), ("pk",), asked)
    return Page[ScheduleOut](items=[_out(row) for row in rows], next=following)


@schedules.creation("", ScheduleOut)
def create_schedule(request: HttpRequest, typed: NewSchedule) -> Any:
    return _out(services.create_schedule(by=actor_of(request), now=utc_now(), **_given(typed)))


@schedules.get("/on-duty", OnDutyNow)
def list_on_duty(request: HttpRequest, asked: Query[At]) -> Any:
    """On every schedule."""
    at = _moment("at", asked.at) or utc_now()
    return OnDutyNow(at=at, on_duty=[_on_duty(each) for each in standings(at)])


@schedules.get("/{int:schedule_id}", ScheduleOut)
def read_schedule(request: HttpRequest, schedule_id: Id) -> Any:
    return _out(_schedule(schedule_id))


@schedules.patch("/{int:schedule_id}", ScheduleOut)
def update_schedule(request: HttpRequest, schedule_id: Id, typed: ScheduleChanges, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    return _out(
        services.update_schedule(
            by=actor_of(request), now=utc_now(), schedule_id=schedule_id, version=version, **_given(typed)
        )
    )


@schedules.removal("/{int:schedule_id}", Deleted)
def delete_schedule(request: HttpRequest, schedule_id: Id, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    row = _schedule(schedule_id)
    return deleted(
        [row.name], services.delete_schedules(by=actor_of(request), now=utc_now(), ids=[schedule_id], version=version)
    )


@schedules.get("/{int:schedule_id}/on-duty", OnDuty)
def read_on_duty(request: HttpRequest, schedule_id: Id, asked: Query[At]) -> Any:
    _schedule(schedule_id)
    return _on_duty(standings(_moment("at", asked.at) or utc_now(), [schedule_id])[0])


@schedules.get("/{int:schedule_id}/shifts", Shifts)
def list_shifts(request: HttpRequest, schedule_id: Id, asked: Query[Span]) -> Any:
    """The plan without a hole, substitutes included."""
    begin = _moment("starts_at", asked.starts_at) or utc_now()
    end = _moment("ends_at", asked.ends_at) or begin + timedelta(days=14)
    if not begin < end <= begin + _LONGEST:
        raise InvalidInputError({"ends_at": "At most 100 days after the beginning, and later than it."})
    found = shifts(rota_of(schedule_id, begin, end), begin, end)
    ids = {shift.contact_id for shift in found} - {None}
    names = dict(Contact.objects.filter(pk__in=ids).values_list("pk", "name"))
    return Shifts(
        shifts=[
            ShiftOut(
                starts_at=shift.starts_at,
                ends_at=shift.ends_at,
                contact=_named(shift.contact_id, names.get(shift.contact_id or 0, "")),
                is_substitute=shift.is_substitute,
            )
            for shift in found
        ]
    )


@schedules.get("/{int:schedule_id}/substitutes", Page[SubstituteOut])
def list_substitutes(request: HttpRequest, schedule_id: Id, asked: Query[PageQuery]) -> Any:
    rows, following = one_page(_schedule(schedule_id).substitutes.order_by("pk"), ("pk",), asked)
    return Page[SubstituteOut](items=[_substitute(row) for row in rows], next=following)


@schedules.creation("/{int:schedule_id}/substitutes", SubstituteOut)
def create_substitute(request: HttpRequest, schedule_id: Id, typed: NewSubstitute) -> Any:
    row = services.substitute(by=actor_of(request), now=utc_now(), schedule_id=schedule_id, **typed.model_dump())
    return _substitute(row)


@schedules.removal("/{int:schedule_id}/substitutes/{int:substitute_id}")
def end_substitute(request: HttpRequest, schedule_id: Id, substitute_id: Id, if_match: IfMatch = None) -> Any:
    """Removes one that has not begun, ends one that has. `If-Match` is of the schedule."""
    version = expected_version(if_match)
    if not _schedule(schedule_id).substitutes.filter(pk=substitute_id).exists():
        raise NotFoundError("There is no such substitute (any more).")
    services.end_substitute(by=actor_of(request), now=utc_now(), substitute_id=substitute_id, version=version)


@schedules.act("/{int:schedule_id}/check-in", OnDuty, needs=Permission.RESPOND)
def check_in_to_schedule(request: HttpRequest, schedule_id: Id) -> Any:
    """To the turn that waits for it."""
    turn = existing(
        _schedule(schedule_id).handovers.filter(awaits_check_in=True).order_by("-at").first(),
        "No turn of this schedule waits for a check-in.",
    )
    services.check_in(by=actor_of(request), now=utc_now(), handover_id=turn.pk, via="console")
    return _on_duty(standings(utc_now(), [schedule_id])[0])


@schedules.act("/{int:schedule_id}/feed", Feed)
def renew_schedule_feed(request: HttpRequest, schedule_id: Id) -> Any:
    """A new secret address of its calendar."""
    token = services.renew_feed(by=actor_of(request), now=utc_now(), schedule_id=schedule_id)
    return Feed(url=f"{settings.PUBLIC_URL}/calendar/{token}.ics")


@schedules.removal("/{int:schedule_id}/feed")
def remove_schedule_feed(request: HttpRequest, schedule_id: Id, if_match: IfMatch = None) -> Any:
    """`If-Match` is of the schedule."""
    version = expected_version(if_match)
    services.remove_feed(by=actor_of(request), now=utc_now(), schedule_id=schedule_id, version=version)


def _schedule(schedule_id: int) -> Schedule:
    return existing(Schedule.objects.filter(pk=schedule_id).first(), "There is no such schedule.")


def _moment(field: str, typed: datetime | None) -> datetime | None:
    """Years far away overflow what calendars can count."""
    if typed is None:
        return None
    if typed.tzinfo is None or not 2000 <= typed.year <= 2200:
        raise InvalidInputError({field: "Write it with an offset, and between the years 2000 and 2200."})
    return typed.astimezone(UTC)


def _given(typed: ScheduleChanges) -> dict[str, Any]:
    given = typed.model_dump(exclude_unset=True, by_alias=True)
    if "tells_by" in given:
        given["tells_by"] = [channel.value for channel in given["tells_by"]]
    for layer in given.get("layers", ()):
        layer["restrictions"] = _moved(layer.get("restrictions", ()), -1)
    return given


def _moved(restrictions: Iterable[Mapping[str, Any]], by: int) -> list[dict[str, Any]]:
    """Services count days from 0."""
    return [
        {
            **each,
            "days": [day + by for day in each["days"]],
            "until_day": None if (until := each.get("until_day")) is None else until + by,
        }
        for each in restrictions
    ]


def _out(row: Schedule) -> ScheduleOut:
    layers = [
        {
            "name": layer.name,
            "people": list(layer.people),
            "unit": layer.unit.value,
            "every": layer.every,
            "starts_on": layer.starts_on.isoformat(),
            "handover_time": layer.handover_time.isoformat(),
            "restrictions": _moved(restrictions_as_json(layer.restrictions), 1),
        }
        for layer in stored_layers(row)
    ]
    names = ("version", "name", "time_zone", "lead_id", "robot_id", "tells_by", "check_in_minutes", "created_at")
    facts = taken(row, names)
    return ScheduleOut(id=row.pk, layers=layers, has_feed=row.feed_digest is not None, **facts)


def _on_duty(each: Standing) -> OnDuty:
    return OnDuty(
        schedule=Named(id=each.schedule_id, name=each.name),
        contact=_named(each.contact_id, each.contact_name),
        until=each.until,
        next_name=each.next_name,
        awaited_name=each.awaited_name,
    )


def _named(pk: int | None, name: str) -> Named | None:
    return Named(id=pk, name=name) if pk is not None else None


def _substitute(row: Substitute) -> SubstituteOut:
    return SubstituteOut(id=row.pk, **taken(row, set(SubstituteOut.model_fields) - {"id"}))
