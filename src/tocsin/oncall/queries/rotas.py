"""Schedules as values: many of them in one statement."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from tocsin.contacts.services.cleaning import zone_of
from tocsin.core.errors import NotFoundError
from tocsin.oncall.models import Handover, Schedule
from tocsin.oncall.rules import Held, Layer, Rota, Stand, compiled, on_duty, stored_restrictions

_ROTAS = """
SELECT s.id, s.name, s.time_zone,
  (SELECT coalesce(json_agg(json_build_array(l.unit, l.every, l.starts_on, l.handover_time, l.restrictions,
        (SELECT coalesce(json_agg(p.contact_id ORDER BY p.position), '[]')
         FROM oncall_layerperson p WHERE p.layer_id = l.id)) ORDER BY l.position), '[]')::text
   FROM oncall_schedulelayer l WHERE l.schedule_id = s.id),
  (SELECT coalesce(json_agg(json_build_array(extract(epoch FROM b.starts_at), extract(epoch FROM b.ends_at),
        b.replaces_id, b.contact_id) ORDER BY b.id), '[]')::text
   FROM oncall_substitute b
   WHERE b.schedule_id = s.id AND b.ends_at > %(begin)s AND b.starts_at <= %(end)s),
  h.at, h.contact_id, h.keeps_id
FROM oncall_schedule s
LEFT JOIN LATERAL (
  SELECT at, contact_id, keeps_id, awaits_check_in FROM oncall_handover
  WHERE schedule_id = s.id AND at <= %(end)s AND NOT is_missed ORDER BY at DESC LIMIT 1
) h ON h.awaits_check_in AND h.contact_id IS NOT NULL AND h.keeps_id IS NOT NULL
WHERE s.id = ANY(%(ids)s) ORDER BY s.name
"""


def rotas(ids: Collection[int], begin: datetime, end: datetime) -> dict[int, Rota]:
    """By id, in the order of their names, with the substitutes of that time; unknown ids are left out."""
    with connection.cursor() as cursor:
        cursor.execute(_ROTAS, {"ids": list(ids), "begin": begin, "end": end})
        return {
            pk: Rota(pk, name, zone_of(zone), _layers(layers), _stands(stands), _held(*held))
            for pk, name, zone, layers, stands, *held in cursor.fetchall()
        }


def rota_of(schedule_id: int, begin: datetime, end: datetime) -> Rota:
    """NotFoundError when there is none."""
    found = rotas([schedule_id], begin, end)
    if schedule_id not in found:
        raise NotFoundError(_("There is no such schedule."))
    return found[schedule_id]


def on_duty_of(ids: Collection[int], at: datetime) -> dict[int, int | None]:
    """Schedule -> the contact on duty at a moment, None for nobody; one statement."""
    return {pk: on_duty(rota, at) for pk, rota in rotas(ids, at, at).items()}


def next_due_at() -> datetime | None:
    """When the worker wants to look at a schedule next, or to tell that nobody checked in."""
    schedules = Schedule.objects.filter(due_at__isnull=False).order_by("due_at")
    silences = Handover.objects.filter(check_in_due_at__isnull=False).order_by("check_in_due_at")
    moments = (
        schedules.values_list("due_at", flat=True).first(),
        silences.values_list("check_in_due_at", flat=True).first(),
    )
    return min((moment for moment in moments if moment is not None), default=None)


def _layers(text: str) -> tuple[Layer, ...]:
    return tuple(_layer(*layer) for layer in json.loads(text))


def _layer(
    unit: str, every: int, starts_on: str, handover: str, restrictions: Sequence[Mapping[str, Any]], people: list[int]
) -> Layer:
    return compiled(
        people=people,
        unit=unit,
        every=every,
        starts_on=date.fromisoformat(starts_on),
        handover_time=time.fromisoformat(handover),
        restrictions=stored_restrictions(restrictions),
    )


def _stands(text: str) -> tuple[Stand, ...]:
    return tuple(
        Stand(datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC), replaces, contact)
        for begin, end, replaces, contact in json.loads(text)
    )


def _held(since: datetime | None, contact_id: int | None, keeps: int | None) -> Held | None:
    return (
        Held(since, contact_id, keeps) if since is not None and contact_id is not None and keeps is not None else None
    )
