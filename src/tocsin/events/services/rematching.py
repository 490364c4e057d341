"""Looking again at what is firing, after something changed what it matches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection

from tocsin.events.models import Event, Rematch
from tocsin.events.queries import integration_keys
from tocsin.events.rules import ChangedEvent, EventState, severity_of
from tocsin.events.statements import execute

_LOCK = """
SELECT id, integration_id, fingerprint, labels::text, severity, state, starts_at
FROM events_event WHERE id = ANY(%(ids)s) AND state <> 'resolved'
ORDER BY fingerprint, integration_id FOR NO KEY UPDATE
"""
_TAKE_LOOKS = """
DELETE FROM events_eventlook WHERE id IN (SELECT id FROM events_eventlook ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING event_id
"""
_SET_SEVERITY = """
UPDATE events_event AS e SET severity = n.severity
FROM unnest(%(ids)s::bigint[], %(severities)s::smallint[]) AS n (id, severity) WHERE e.id = n.id
"""
_SET_MATCHED = """
UPDATE events_event AS e SET matched_policies = n.count
FROM unnest(%(ids)s::bigint[], %(counts)s::smallint[]) AS n (id, count)
WHERE e.id = n.id AND e.matched_policies IS DISTINCT FROM n.count
"""


@dataclass(frozen=True, slots=True)
class Look:
    """A part of a re-match: active and silenced events, locked, sorted by fingerprint. `events` may be empty."""

    rematch: Rematch
    events: list[ChangedEvent]
    last_id: int | None
    """Where the next part begins; None when this was the last one."""


def begin_look(now: datetime, limit: int) -> Look | None:
    """The next part of the oldest re-match that nobody works on, or None. Runs inside the caller's transaction.

    Re-matches that have not begun are one: whichever pass begins now sees what all of them ask for.
    """
    waiting = list(Rematch.objects.select_for_update(skip_locked=True).filter(requested_at__lte=now).order_by("id"))
    if not waiting:
        return None
    rematch, *others = waiting
    fresh = [other.pk for other in others if other.cursor == 0]
    if superfluous := fresh if rematch.cursor == 0 else fresh[1:]:
        Rematch.objects.filter(pk__in=superfluous).delete()
    ids = sorted([*_after(rematch, EventState.ACTIVE, limit), *_after(rematch, EventState.SILENCED, limit)])[:limit]
    return Look(rematch, lock_events(ids), ids[-1] if len(ids) == limit else None)


def _after(rematch: Rematch, state: EventState, limit: int) -> list[int]:
    """One state at a time: so the index gives them in order."""
    rows = Event.objects.filter(state=state, pk__gt=rematch.cursor)
    return list(rows.order_by("pk").values_list("pk", flat=True)[:limit])


def take_looks(limit: int) -> list[ChangedEvent] | None:
    """Events that somebody asked to look at again, locked; None when nobody does. Inside the caller's transaction."""
    rows = execute(_TAKE_LOOKS, [limit])
    return lock_events(sorted({event_id for (event_id,) in rows})) if rows else None


def end_look(look: Look) -> None:
    """Remembers how far the re-match has come."""
    if look.last_id is None:
        look.rematch.delete()
    else:
        look.rematch.cursor = look.last_id
        look.rematch.save(update_fields=["cursor"])


def request_rematch(*, now: datetime, because: str) -> None:
    """Left by a transaction that changes what events match; the look begins at `now`, which may be still to come."""
    Rematch.objects.create(requested_at=now, because=because)


def record_matches(counts: Mapping[int, int]) -> None:
    """How many policies took each event (id -> count); the events are locked by the caller."""
    if counts:
        with connection.cursor() as cursor:
            cursor.execute(_SET_MATCHED, {"ids": list(counts), "counts": list(counts.values())})


def lock_events(ids: list[int]) -> list[ChangedEvent]:
    """Those that have not resolved, sorted by fingerprint. Their severities follow the integrations' maps."""
    if not ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"ids": ids})
        rows = cursor.fetchall()
    keys = integration_keys({row[1] for row in rows})
    events, stale = [], {}
    for pk, integration_id, fingerprint, text, severity, state, starts_at in rows:
        labels = msgspec.json.decode(text, type=dict[str, str])
        right = severity_of(labels, keys[integration_id].severity_map)
        if right != severity:
            stale[pk] = right
        events.append(ChangedEvent(pk, keys[integration_id], fingerprint, labels, right, EventState(state), starts_at))
    if stale:
        with connection.cursor() as cursor:
            cursor.execute(_SET_SEVERITY, {"ids": list(stale), "severities": list(stale.values())})
    return events
