"""Somebody stands in for somebody else, or takes a whole schedule, for a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, existing
from tocsin.oncall.models import Schedule, Substitute
from tocsin.oncall.services.schedules import lock_contacts, locked

MAX_SUBSTITUTES = 200
_LONGEST = timedelta(days=366)


def substitute(
    *,
    by: Actor,
    now: datetime,
    schedule_id: int,
    contact_id: int,
    starts_at: datetime,
    ends_at: datetime,
    replaces_id: int | None = None,
) -> Substitute:
    """`contact_id` stands in for `replaces_id` whenever it is the latter's turn, or (None) takes the whole schedule.

    What has passed of the time already is left as it was.
    """
    starts_at = max(starts_at, now)
    _refuse_wrong(starts_at, ends_at, contact_id, replaces_id)
    with transaction.atomic():
        lock_contacts({"contact_id": {contact_id}, "replaces_id": {replaces_id} - {None}})
        schedule = locked(schedule_id, None)
        if schedule.substitutes.filter(ends_at__gt=now).count() >= MAX_SUBSTITUTES:
            raise InvalidInputError({"": _("There are %(count)d substitutes already.") % {"count": MAX_SUBSTITUTES}})
        row = Substitute.objects.create(
            schedule=schedule, replaces_id=replaces_id, contact_id=contact_id, starts_at=starts_at, ends_at=ends_at,
            created_at=now, created_by=by.name,
        )  # fmt: skip
        _look_again(schedule, now)
        audit.record(by=by, action=Action.UPDATE, instance=schedule, changes={"substitute": ("", _described(row))})
    return row


def end_substitute(*, by: Actor, now: datetime, substitute_id: int, version: int | None = None) -> None:
    """Removes one that has not begun, ends one that has. NotFoundError when there is none (any more).

    ConflictError when `version` is not the schedule's.
    """
    with transaction.atomic():
        row = existing(
            Substitute.objects.filter(pk=substitute_id, ends_at__gt=now).first(),
            _("There is no such substitute (any more)."),
        )
        schedule = locked(row.schedule_id, version)
        before = _described(row)
        if row.starts_at >= now:
            row.delete()
        else:
            row.ends_at = now
            row.save(update_fields=["ends_at"])
        _look_again(schedule, now)
        audit.record(by=by, action=Action.UPDATE, instance=schedule, changes={"substitute": (before, "")})


def _look_again(schedule: Schedule, now: datetime) -> None:
    schedule.version += 1
    schedule.due_at = now
    schedule.save(update_fields=["version", "due_at"])


def _refuse_wrong(starts_at: datetime, ends_at: datetime, contact_id: int, replaces_id: int | None) -> None:
    if ends_at <= starts_at:
        raise InvalidInputError({"ends_at": _("This must be later than the beginning, and than now.")})
    if ends_at - starts_at > _LONGEST:
        raise InvalidInputError({"ends_at": _("At most a year.")})
    if contact_id == replaces_id:
        raise InvalidInputError({"contact_id": _("Choose somebody else.")})


def _described(row: Substitute) -> str:
    whom = f"contact {row.replaces_id}" if row.replaces_id else "everybody"
    return f"contact {row.contact_id} for {whom}, {row.starts_at.isoformat()} to {row.ends_at.isoformat()}"
