"""The hot path: a batch of reports becomes events in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import psycopg
from django.db import connection
from django.db.models import Q

from tocsin.core.labels import fingerprint
from tocsin.events.models import Integration
from tocsin.events.rules import (
    LATE_FOR,
    ChangedEvent,
    EventState,
    IntegrationKey,
    Report,
    end_of,
    severity_of,
    start_of,
)

_NOTED_EVERY = timedelta(seconds=30)

# Every lock in the event-to-phone path is taken in this order: events by (fingerprint, integration), then the policies'
# advisory lock, then alerts by id, then deliveries by id. This statement takes the first: its rows come sorted.
#
# `prev_state = e.state` reads the row that the conflict has just locked, so of two posts that re-fire one event exactly
# one sees "resolved" before it. A silenced event that is reported again stays so. A late word about an earlier firing
# (a replica that lags) changes nothing, nor does a firing that comes late, after the recovery of its episode was heard
# (`ends_at <= last_seen_at`: an event whose time ran out had a later end when it was last heard of).
# No indexed column changes in a repeated report, so the update stays HOT: `sweep_at` only ever moves forward in the
# sweep, and here only when the new end lies before it.
_UPSERT = """
WITH reported AS (
    INSERT INTO events_event AS e (
        integration_id, fingerprint, labels, annotations, generator_url, severity, state, prev_state, count,
        starts_at, ends_at, first_seen_at, last_seen_at, changed_at, sweep_at
    )
    SELECT %(integration)s, r.fingerprint, r.labels::jsonb, r.annotations::jsonb, r.generator_url, r.severity, r.state,
           CASE r.state WHEN 'resolved' THEN r.state ELSE '' END, r.count,
           r.starts_at, r.ends_at, %(now)s, %(now)s, %(now)s, CASE r.state WHEN 'active' THEN r.ends_at END
    FROM unnest(
        %(fingerprints)b::uuid[], %(labels)b::text[], %(annotations)b::text[], %(generator_urls)b::text[],
        %(severities)b::smallint[], %(states)b::text[], %(counts)b::int[], %(starts)b::timestamptz[],
        %(ends)b::timestamptz[]
    ) AS r (fingerprint, labels, annotations, generator_url, severity, state, count, starts_at, ends_at)
    ON CONFLICT (integration_id, fingerprint) DO UPDATE SET
        annotations = excluded.annotations,
        generator_url = excluded.generator_url,
        severity = excluded.severity,
        prev_state = e.state,
        state = CASE WHEN e.state = 'silenced' AND excluded.state = 'active' THEN e.state ELSE excluded.state END,
        silenced_by = CASE WHEN e.state <> 'resolved' OR excluded.state <> 'active' THEN e.silenced_by END,
        inhibited_by = CASE WHEN e.state <> 'resolved' OR excluded.state <> 'active' THEN e.inhibited_by END,
        count = e.count + excluded.count,
        starts_at = CASE WHEN e.state = 'resolved' AND excluded.state = 'active' THEN excluded.starts_at
                         ELSE least(e.starts_at, excluded.starts_at) END,
        ends_at = excluded.ends_at,
        last_seen_at = excluded.last_seen_at,
        changed_at = CASE WHEN e.state = excluded.state OR (e.state = 'silenced' AND excluded.state = 'active')
                          THEN e.changed_at ELSE excluded.changed_at END,
        sweep_at = CASE WHEN excluded.state = 'resolved' THEN NULL ELSE least(e.sweep_at, excluded.sweep_at) END
    WHERE NOT (excluded.state = 'resolved' AND excluded.ends_at < e.starts_at
               AND excluded.starts_at < excluded.ends_at)
          AND NOT (%(are_known_by_start)b AND e.state = 'resolved' AND excluded.state = 'active'
                   AND excluded.starts_at = e.starts_at AND e.starts_at <= e.ends_at AND e.ends_at <= e.last_seen_at
                   AND excluded.last_seen_at < e.last_seen_at + %(late_for)s)
    RETURNING id, fingerprint, state, prev_state, starts_at
)
SELECT id, fingerprint, state, starts_at FROM reported WHERE state <> prev_state
"""


@dataclass(slots=True)
class _Row:
    """A report made ready; reports of one event in one batch are folded into one row."""

    fingerprint: UUID
    report: Report
    state: EventState
    starts_at: datetime
    ends_at: datetime
    count: int = 1


def report_events(integration: IntegrationKey, reports: Sequence[Report], now: datetime) -> list[ChangedEvent]:
    """Stores valid reports and returns the events whose state changed, sorted by fingerprint.

    Runs inside the caller's transaction. An unknown event that is already over is stored and not returned.
    """
    rows = _folded(integration, reports, now)
    if not rows:
        return []
    severities = [severity_of(row.report.labels, integration.severity_map) for row in rows]
    with connection.wrap_database_errors:
        # Django's own cursors bind on the client and prepare nothing; planning this costs more than running it.
        connection.connection.prepare_threshold = 0
        cursor = psycopg.Cursor(connection.connection)
        cursor.execute(
            _UPSERT,
            {
                "integration": integration.id,
                "now": now,
                "fingerprints": [row.fingerprint for row in rows],
                "labels": [_json(row.report.labels) for row in rows],
                "annotations": [_json(row.report.annotations) for row in rows],
                "generator_urls": [row.report.generator_url for row in rows],
                "severities": severities,
                "states": [row.state.value for row in rows],
                "counts": [row.count for row in rows],
                "starts": [row.starts_at for row in rows],
                "ends": [row.ends_at for row in rows],
                "are_known_by_start": all(report.is_known_by_start for report in reports),
                "late_for": LATE_FOR,
            },
            prepare=True,
        )
        changed = cursor.fetchall()
    if not changed:
        return []
    known = {row.fingerprint: (row.report.labels, severity) for row, severity in zip(rows, severities, strict=True)}
    return sorted(
        (
            ChangedEvent(pk, integration, key, *known[key], EventState(state), starts_at)
            for pk, key, state, starts_at in changed
        ),
        key=lambda event: event.fingerprint,
    )


def note_reports(*, integration: IntegrationKey, now: datetime) -> None:
    """Moves the integration's *last event*, at most every 30 s and outside the hot statement: its row would be hot."""
    Integration.objects.filter(
        Q(last_event_at__isnull=True) | Q(last_event_at__lt=now - _NOTED_EVERY), pk=integration.id
    ).update(last_event_at=now)


def _folded(integration: IntegrationKey, reports: Sequence[Report], now: datetime) -> list[_Row]:
    rows: dict[UUID, _Row] = {}
    for report in reports:
        key = fingerprint(report.labels)
        starts_at, ends_at = start_of(report, now), end_of(report, integration.auto_resolve_after, now)
        state = EventState.RESOLVED if ends_at <= now else EventState.ACTIVE
        row = _Row(key, report, state, starts_at, ends_at)
        if earlier := rows.get(key):
            row.count, row.starts_at = earlier.count + 1, min(earlier.starts_at, starts_at)
        rows[key] = row
    return sorted(rows.values(), key=lambda row: row.fingerprint.int)


def _json(pairs: dict[str, str]) -> str:
    return msgspec.json.encode(pairs).decode()
