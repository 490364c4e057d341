"""Hand-overs as they take place: taken once each by a worker, and checked in to."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.contacts.models import Contact
from tocsin.core import crypto
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, NotFoundError
from tocsin.oncall.models import Handover, Schedule, Substitute
from tocsin.oncall.queries import rotas
from tocsin.oncall.queries.links import is_latest
from tocsin.oncall.rules import Rota, shifts
from tocsin.oncall.rules.tokens import check_in_token

LOOK_AGAIN_AFTER = timedelta(hours=1)
"""Also without a hand-over: somebody may have left a layer by being deleted."""
_HORIZON = timedelta(days=35)
_MISSED_KEPT = 50

_LOCK_PEOPLE = """
SELECT 1 FROM contacts_contact WHERE id IN (
    SELECT p.contact_id FROM oncall_layerperson p JOIN oncall_schedulelayer l ON l.id = p.layer_id
    WHERE l.schedule_id = ANY(%(ids)s)
    UNION SELECT contact_id FROM oncall_substitute WHERE schedule_id = ANY(%(ids)s)
    UNION SELECT handed_to_id FROM oncall_schedule WHERE id = ANY(%(ids)s)
    UNION SELECT keeps_id FROM oncall_handover WHERE schedule_id = ANY(%(ids)s) AND awaits_check_in
) ORDER BY id FOR KEY SHARE
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A hand-over that took place. `until`: the end of the turn, None for one that goes on for long."""

    handover: Handover
    schedule: Schedule
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Turn:
    at: datetime
    until: datetime | None
    contact_id: int | None
    before: int | None


def take_due_handovers(*, now: datetime, limit: int = 100) -> tuple[list[Taken], int]:
    """Hand-overs of schedules that are due, and how many schedules were looked at; the next look is set in the caller's
    transaction. Others skip what this one has locked. What passed while nobody worked is marked as missed, but for the
    turn that is still on.
    """
    due = Schedule.objects.filter(due_at__lte=now).order_by("due_at", "pk")
    ids = list(due.values_list("pk", flat=True)[:limit])
    if not ids:
        return [], 0
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_PEOPLE, {"ids": ids})  # contacts before schedules, as everywhere
    rows = list(due.select_for_update(skip_locked=True, no_key=True, of=("self",)).filter(pk__in=ids))
    begins = {row.pk: row.due_at or now for row in rows}
    known = rotas(begins, min(begins.values(), default=now), now + _HORIZON)
    names = dict(Contact.objects.filter(pk__in=_people(known.values())).values_list("pk", "name"))
    taken: list[Taken] = []
    for row in rows:
        turns, next_at = _turns(known[row.pk], row.handed_to_id, begins[row.pk], now)
        taken += _written(row, turns, names, now)
        if turns:
            row.handed_to_id = turns[-1].contact_id
        row.due_at = min(next_at or now + LOOK_AGAIN_AFTER, now + LOOK_AGAIN_AFTER)
    Schedule.objects.bulk_update(rows, ["handed_to", "due_at"])
    return taken, len(rows)


def take_silences(*, now: datetime, limit: int = 100) -> list[Handover]:
    """Turns whose people did not check in in time, each once, in the caller's transaction."""
    due = Handover.objects.select_for_update(skip_locked=True, no_key=True, of=("self",)).filter(
        check_in_due_at__lte=now
    )
    rows = list(due.select_related("schedule__lead", "contact", "keeps").order_by("check_in_due_at", "pk")[:limit])
    for row in rows:
        row.check_in_due_at, row.silence_told_at = None, now
    Handover.objects.bulk_update(rows, ["check_in_due_at", "silence_told_at"])
    return rows


def check_in(*, by: Actor, now: datetime, handover_id: int, via: str) -> Handover:
    """The turn is theirs from now on. `via`: "key", "link" or "console". ConflictError when it is over or done."""
    with transaction.atomic():
        row = (
            Handover.objects.select_for_update(no_key=True, of=("self",))
            .select_related("schedule", "contact")
            .filter(pk=handover_id)
            .first()
        )
        if row is None or row.contact is None:
            raise NotFoundError(_("There is no such turn (any more)."))
        if row.checked_in_at is not None:
            raise ConflictError(_("Somebody has checked in to this turn already."))
        if not row.awaits_check_in or not is_latest(row):
            raise ConflictError(_("This turn is over."))
        row.awaits_check_in, row.check_in_due_at = False, None
        row.checked_in_at, row.checked_in_by, row.checked_in_via = now, by.name[:150], via
        row.save(
            update_fields=["awaits_check_in", "check_in_due_at", "checked_in_at", "checked_in_by", "checked_in_via"]
        )
        changes = {"check_in": ("", f"{row.contact_name} ({via})")}
        audit.record(by=by, action=Action.UPDATE, instance=row.schedule, changes=changes)
    return row


def forget_handovers(*, before: datetime, limit: int = 200) -> int:
    """Those of the past, and substitutes that ended then; the last turn of each schedule stays while it is awaited."""
    old = Handover.objects.filter(at__lt=before, awaits_check_in=False).order_by("pk").values_list("pk", flat=True)
    ids = list(old[:limit])
    Handover.objects.filter(pk__in=ids).delete()
    ended = list(Substitute.objects.filter(ends_at__lt=before).order_by("pk").values_list("pk", flat=True)[:limit])
    Substitute.objects.filter(pk__in=ended).delete()
    return len(ids) + len(ended)


def _turns(rota: Rota, last: int | None, begin: datetime, now: datetime) -> tuple[list[_Turn], datetime | None]:
    """Changes of person from `begin` to `now`, given who had it before, and when the next one is."""
    merged = [
        (contact_id, list(group))
        for contact_id, group in groupby(shifts(rota, begin, now + _HORIZON), key=lambda shift: shift.contact_id)
    ]
    turns: list[_Turn] = []
    for number, (contact_id, parts) in enumerate(merged):
        if parts[0].starts_at > now:
            return turns, parts[0].starts_at
        if contact_id != last:
            until = parts[-1].ends_at if number + 1 < len(merged) else None
            turns.append(_Turn(parts[0].starts_at, until, contact_id, last))
        last = contact_id
    return turns, None


def _written(schedule: Schedule, turns: Sequence[_Turn], names: dict[int, str], now: datetime) -> list[Taken]:
    if not turns:
        return []
    latest = schedule.handovers.filter(is_missed=False).order_by("-at").first()
    Handover.objects.filter(schedule=schedule, check_in_due_at__isnull=False).update(check_in_due_at=None)
    kept = turns[-_MISSED_KEPT:]
    moments = set(schedule.handovers.filter(at__gte=kept[0].at).values_list("at", flat=True))
    taken = []
    for turn in kept:
        at = turn.at
        while at in moments:  # changed twice at one moment
            at += timedelta(microseconds=1)
        moments.add(at)
        row = Handover(
            schedule=schedule, at=at, contact_id=turn.contact_id, contact_name=names.get(turn.contact_id or 0, ""),
            is_missed=turn is not kept[-1],
        )  # fmt: skip
        if not row.is_missed:
            _ask_for_check_in(schedule, row, turn, latest, now)
        row.save(force_insert=True)
        if row.awaits_check_in:
            row.token_digest = crypto.hash_token(check_in_token(settings.SECRET_KEYS[0], row.pk, row.nonce))
            row.save(update_fields=["token_digest"])
        taken.append(Taken(row, schedule, turn.until))
    return taken


def _ask_for_check_in(schedule: Schedule, row: Handover, turn: _Turn, latest: Handover | None, now: datetime) -> None:
    """Who had the turn before stays until the new person checks in, or whoever has stayed for that one already."""
    if schedule.check_in_minutes is None or turn.contact_id is None:
        return
    keeps = turn.before
    if latest is not None and latest.awaits_check_in and latest.contact_id == keeps and latest.keeps_id is not None:
        keeps = latest.keeps_id
    if keeps == turn.contact_id:  # has been on duty all the time
        return
    row.keeps_id, row.awaits_check_in, row.nonce = keeps, True, secrets.token_hex(16)
    row.check_in_due_at = now + timedelta(minutes=schedule.check_in_minutes)


def _people(known: Iterable[Rota]) -> set[int]:
    return {
        person
        for rota in known
        for person in [
            *(person for layer in rota.layers for person in layer.people),
            *(stand.contact_id for stand in rota.stands),
        ]
    }
