"""The ingest door says that it is up, so that an outage of it is not mistaken for recovery."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from tocsin.events.rules import BEAT_EVERY, BEAT_GRACE, outage

# The row's lock makes exactly one process see the old beat: the others see the new one and do nothing.
_BEAT = """
UPDATE events_ingestbeat AS b SET beat_at = %(now)s
FROM (SELECT id, beat_at FROM events_ingestbeat WHERE id = 1 FOR NO KEY UPDATE) AS old
WHERE b.id = old.id AND old.beat_at <= %(before)s
RETURNING old.beat_at
"""
# What was reported by the door that has come back keeps the end it was given. `sweep_at` stays where it is, so that the
# rows are updated in place (HOT); the sweep moves it on.
_EXTEND = """
UPDATE events_event AS e SET ends_at = e.ends_at + make_interval(secs => %(pause)s)
FROM (
    SELECT id FROM events_event WHERE sweep_at IS NOT NULL AND last_seen_at <= %(seen)s
    ORDER BY fingerprint, integration_id FOR NO KEY UPDATE
) AS held
WHERE e.id = held.id
"""
_EXTEND_HEARTBEATS = """
UPDATE events_integration SET heartbeat_due_at = heartbeat_due_at + make_interval(secs => %(pause)s)
WHERE id IN (SELECT id FROM events_integration WHERE heartbeat_due_at IS NOT NULL ORDER BY id FOR NO KEY UPDATE)
"""


@transaction.atomic
def beat(now: datetime) -> timedelta:
    """Called by each ingest door every few seconds; one statement, unless ingest was down.

    After an outage the ends of active events are moved by it. Returns its length (zero: none, or another moved them).
    """
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, {"now": now, "before": now - BEAT_EVERY})
        row = cursor.fetchone()
        if row is None:
            cursor.execute(
                "INSERT INTO events_ingestbeat (id, beat_at) VALUES (1, %s) ON CONFLICT DO NOTHING",
                [now],
            )
            return timedelta(0)
        pause = outage(row[0], now)
        if pause:
            cursor.execute(_EXTEND_HEARTBEATS, {"pause": pause.total_seconds()})
            cursor.execute(_EXTEND, {"pause": pause.total_seconds(), "seen": row[0] + BEAT_GRACE})
    return pause
