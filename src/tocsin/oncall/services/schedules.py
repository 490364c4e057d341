"""Writes of schedules and their layers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.kinds import PERSONAL_CHANNELS
from tocsin.contacts.models import Contact, NotificationObject, Robot
from tocsin.contacts.rules import DuplicateError, Use
from tocsin.contacts.services.cleaning import (
    clean,
    clean_name,
    clean_time_zone,
    duplicates,
    naming_duplicates,
    refuse_unknown_ids,
)
from tocsin.contacts.services.objects import delete_objects
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, existing, refuse_changed
from tocsin.oncall.models import LayerPerson, Schedule, ScheduleLayer
from tocsin.oncall.rules import LayerDraft, parse_layers, restrictions_as_json

MAX_SCHEDULES = 1000
MAX_CHECK_IN = 90
_FIELDS: Mapping[str, Callable[[object], str | None]] = {"name": clean_name, "time_zone": clean_time_zone}
_KEPT: Any = object()
"""The default of what may become None."""


def create_schedule(
    *,
    by: Actor,
    now: datetime,
    name: str,
    time_zone: str = "",
    layers: Iterable[Mapping[str, Any]] = (),
    lead_id: int | None = None,
    robot_id: int | None = None,
    tells_by: Sequence[str] = ("sms", "email"),
    check_in_minutes: int | None = None,
) -> Schedule:
    """`layers` as `parse_layers` takes them; no zone is the installation's. InvalidInputError names the fields."""
    cleaned = clean({"name": name, "time_zone": time_zone}, _FIELDS)
    drafts = parse_layers(layers)
    _refuse_wrong(tells_by, check_in_minutes, lead_id)
    schedule = Schedule(
        name=cleaned["name"] or "",
        time_zone=cleaned["time_zone"] or settings.TIME_ZONE,
        lead_id=lead_id,
        robot_id=robot_id,
        tells_by=_in_order(tells_by),
        check_in_minutes=check_in_minutes,
        due_at=now,
        created_at=now,
    )
    with transaction.atomic():
        lock_contacts({"layers": _people(drafts), "lead_id": {lead_id} - {None}})
        _refuse_unknown_robot(robot_id)
        if Schedule.objects.count() >= MAX_SCHEDULES:
            raise InvalidInputError({"": _("There are %(count)d schedules already.") % {"count": MAX_SCHEDULES}})
        with naming_duplicates(lambda: _duplicate(schedule)):
            schedule.object = NotificationObject.objects.create(kind=NotificationObject.Kind.SCHEDULE)
            schedule.save(force_insert=True)
        _write_layers(schedule, drafts)
        changes = {field: ("", value) for field, value in _facts(schedule).items() if value}
        changes["layers"] = ("", _described(drafts))
        audit.record(by=by, action=Action.CREATE, instance=schedule, changes=changes)
    return schedule


def update_schedule(
    *,
    by: Actor,
    now: datetime,
    schedule_id: int,
    version: int | None,
    name: str | None = None,
    time_zone: str | None = None,
    layers: Iterable[Mapping[str, Any]] | None = None,
    lead_id: int | None = _KEPT,
    robot_id: int | None = _KEPT,
    tells_by: Sequence[str] | None = None,
    check_in_minutes: int | None = _KEPT,
) -> Schedule:
    """What is not given stays. Layers are replaced as a whole. ConflictError when `version` is not the row's."""
    typed = {field: value for field, value in {"name": name, "time_zone": time_zone}.items() if value is not None}
    wanted: dict[str, Any] = dict(clean(typed, _FIELDS))
    if "time_zone" in wanted:
        wanted["time_zone"] = wanted["time_zone"] or settings.TIME_ZONE
    given = {"lead_id": lead_id, "robot_id": robot_id, "check_in_minutes": check_in_minutes}
    wanted |= {field: value for field, value in given.items() if value is not _KEPT}
    if tells_by is not None:
        wanted["tells_by"] = list(tells_by)
    drafts = parse_layers(layers) if layers is not None else None
    with transaction.atomic():
        lock_contacts({"layers": _people(drafts or ()), "lead_id": {wanted.get("lead_id")} - {None}})
        _refuse_unknown_robot(wanted.get("robot_id"))
        schedule = locked(schedule_id, version)
        before, layers_before = _facts(schedule), stored_layers(schedule)
        for field, value in wanted.items():
            setattr(schedule, field, value)
        _refuse_wrong(schedule.tells_by, schedule.check_in_minutes, schedule.lead_id)
        schedule.tells_by = _in_order(schedule.tells_by)
        after = _facts(schedule)
        changes: dict[str, tuple[Any, Any]] = {
            field: (before[field], after[field]) for field in after if before[field] != after[field]
        }
        if drafts is not None and drafts != layers_before:
            changes["layers"] = (_described(layers_before), _described(drafts))
            schedule.layers.all().delete()
            _write_layers(schedule, drafts)
        if not changes:
            return schedule
        if schedule.check_in_minutes is None:  # whoever has the turn need not say so any more
            waiting = schedule.handovers.filter(awaits_check_in=True)
            waiting.update(awaits_check_in=False, check_in_due_at=None)
        schedule.version += 1
        schedule.due_at = now
        with naming_duplicates(lambda: _duplicate(schedule)):
            schedule.save(update_fields=[*wanted, "tells_by", "due_at", "version"])
        audit.record(by=by, action=Action.UPDATE, instance=schedule, changes=changes)
    return schedule


def delete_schedules(*, by: Actor, now: datetime, ids: Collection[int], version: int | None = None) -> tuple[Use, ...]:
    """Returns what used them: it tells nobody by them any more. ConflictError when `version` is not the row's."""
    with transaction.atomic():
        schedules = list(Schedule.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        return delete_objects(by=by, rows=schedules, version=version)


def stored_layers(schedule: Schedule) -> tuple[LayerDraft, ...]:
    """As they would be typed again."""
    return parse_layers(
        {
            "name": layer.name,
            "unit": layer.unit,
            "every": layer.every,
            "starts_on": layer.starts_on,
            "handover_time": layer.handover_time,
            "restrictions": layer.restrictions,
            "people": [person.contact_id for person in layer.people.all()],
        }
        for layer in schedule.layers.prefetch_related("people")
        if layer.people.all()
    )


def locked(schedule_id: int, version: int | None) -> Schedule:
    schedule = existing(
        Schedule.objects.select_for_update(no_key=True).filter(pk=schedule_id).first(), _("There is no such schedule.")
    )
    refuse_changed(version, [schedule])
    return schedule


def lock_contacts(fields: Mapping[str, Collection[Any]]) -> None:
    """So that none is deleted before what names it is committed: all in one order, and before schedules everywhere.

    `fields`: the contacts that each field names.
    """
    wanted = {pk for ids in fields.values() for pk in ids}
    locked = Contact.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
    known = list(locked.values_list("pk", flat=True))
    for field, ids in fields.items():
        refuse_unknown_ids(field, ids, known, _("There is no contact %(ids)s (any more)."))


def _people(drafts: Iterable[LayerDraft]) -> set[int]:
    return {person for draft in drafts for person in draft.people}


def _write_layers(schedule: Schedule, drafts: Sequence[LayerDraft]) -> None:
    layers = ScheduleLayer.objects.bulk_create(
        ScheduleLayer(
            schedule=schedule,
            position=position,
            name=draft.name,
            unit=draft.unit,
            every=draft.every,
            starts_on=draft.starts_on,
            handover_time=draft.handover_time,
            restrictions=restrictions_as_json(draft.restrictions),
        )
        for position, draft in enumerate(drafts, start=1)
    )
    LayerPerson.objects.bulk_create(
        LayerPerson(layer=layer, position=position, contact_id=contact_id)
        for layer, draft in zip(layers, drafts, strict=True)
        for position, contact_id in enumerate(draft.people, start=1)
    )


def _refuse_wrong(tells_by: Sequence[str], check_in_minutes: int | None, lead_id: int | None) -> None:
    problems = {}
    if not set(tells_by).issubset(PERSONAL_CHANNELS):
        problems["tells_by"] = _("Choose one of: %(choices)s.") % {"choices": ", ".join(PERSONAL_CHANNELS)}
    if check_in_minutes is not None:
        if not 1 <= check_in_minutes <= MAX_CHECK_IN:
            problems["check_in_minutes"] = _("From 1 to %(most)d minutes.") % {"most": MAX_CHECK_IN}
        if lead_id is None:
            problems["lead_id"] = _("Name the lead who is told when nobody checks in.")
        if not tells_by:
            problems["tells_by"] = _("Choose how the new person is asked to check in.")
    if problems:
        raise InvalidInputError(problems)


def _refuse_unknown_robot(robot_id: int | None) -> None:
    if robot_id is not None and not Robot.objects.filter(pk=robot_id).exists():
        raise InvalidInputError({"robot_id": _("There is no such robot.")})


def _in_order(tells_by: Collection[str]) -> list[str]:
    return [channel.value for channel in PERSONAL_CHANNELS if channel in tells_by]


def _facts(schedule: Schedule) -> dict[str, Any]:
    """As an audit entry keeps them."""
    return {
        "name": schedule.name,
        "time_zone": schedule.time_zone,
        "lead": schedule.lead_id or "",
        "robot": schedule.robot_id or "",
        "tells_by": ", ".join(schedule.tells_by),
        "check_in_minutes": schedule.check_in_minutes or "",
    }


def _described(drafts: Sequence[LayerDraft]) -> str:
    """As an audit entry keeps it."""
    return "; ".join(
        f"{draft.name or number}: {', '.join(map(str, draft.people))} every {draft.every} {draft.unit} from "
        f"{draft.starts_on} {draft.handover_time:%H:%M}" + (" restricted" if draft.restrictions else "")
        for number, draft in enumerate(drafts, start=1)
    )


def _duplicate(schedule: Schedule) -> DuplicateError:
    other = Schedule.objects.exclude(pk=schedule.pk).filter(name=schedule.name).only("name").first()
    return duplicates({"name": (schedule.name, (other.pk, other.name) if other else None)})
