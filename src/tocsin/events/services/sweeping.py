"""Events that nobody reports any more resolve by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec
from django.db import connection

from tocsin.events.models import IngestBeat
from tocsin.events.queries import integration_keys
from tocsin.events.rules import ChangedEvent, EventState, sweep_clock

# SKIP LOCKED: a row that is just being reported is left to the next sweep, so no order of locks is needed here.
_SWEEP = """
WITH due AS (
    SELECT id FROM events_event WHERE sweep_at <= %(clock)s ORDER BY sweep_at LIMIT %(limit)s
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE events_event AS e SET
    prev_state = e.state,
    state = CASE WHEN e.ends_at <= %(clock)s THEN 'resolved' ELSE e.state END,
    changed_at = CASE WHEN e.ends_at <= %(clock)s THEN %(now)s ELSE e.changed_at END,
    sweep_at = CASE WHEN e.ends_at <= %(clock)s THEN NULL ELSE e.ends_at END
FROM due WHERE e.id = due.id
RETURNING e.id, e.integration_id, e.fingerprint, e.labels::text, e.severity, e.state, e.starts_at
"""


@dataclass(frozen=True, slots=True)
class Swept:
    """Events that resolved, sorted by fingerprint. `is_done`: no more are due now."""

    resolved: list[ChangedEvent]
    is_done: bool


def sweep_events(now: datetime, limit: int = 1000) -> Swept:
    """Resolves what has not been reported in time, and moves `sweep_at` on for what has.

    Time during which no ingest door was up does not count. Runs inside the caller's transaction.
    """
    beat_at = IngestBeat.objects.values_list("beat_at", flat=True).first()
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP, {"clock": sweep_clock(now, beat_at), "now": now, "limit": limit})
        rows = cursor.fetchall()
    resolved = sorted((row for row in rows if row[5] == EventState.RESOLVED), key=lambda row: row[2])
    keys = integration_keys({row[1] for row in resolved}) if resolved else {}
    events = [
        ChangedEvent(
            id=pk,
            integration=keys[integration_id],
            fingerprint=fingerprint,
            labels=msgspec.json.decode(labels, type=dict[str, str]),
            severity=severity,
            state=EventState(state),
            starts_at=starts_at,
        )
        for pk, integration_id, fingerprint, labels, severity, state, starts_at in resolved
    ]
    return Swept(events, is_done=len(rows) < limit)
