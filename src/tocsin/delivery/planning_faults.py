"""Alerts that cannot be planned: their own timeline says so and why, once, however often it is tried."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from tocsin.alerts.rules import ActivityKind
from tocsin.core.redact import redact_prose
from tocsin.core.storable import storable
from tocsin.events.retrying import retried
from tocsin.events.statements import execute, run

_LONGEST = 300
_LOCK = "SELECT due_at FROM alerts_alert WHERE id = %s AND due_at IS NOT NULL FOR NO KEY UPDATE"
# An alert that cannot be planned stays due since the same moment: what was written after it is of this very trouble.
_NOTE = """
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT %(alert)s, %(kind)s::text, %(now)s, '', '', %(data)s::jsonb
WHERE NOT EXISTS (
    SELECT FROM alerts_activity f WHERE f.alert_id = %(alert)s AND f.kind = %(kind)s::text AND f.at >= %(due_at)s
)
"""
_FAULTS = """
SELECT a.id, a.title, f.at, f.data ->> 'problem', count(*) OVER ()
FROM alerts_alert a CROSS JOIN LATERAL (
    SELECT f.at, f.data FROM alerts_activity f WHERE f.alert_id = a.id AND f.kind = %(kind)s::text AND f.at >= a.due_at
    ORDER BY f.at DESC LIMIT 1
) f
WHERE a.due_at <= %(now)s AND (%(ids)s::bigint[] IS NULL OR a.id = ANY(%(ids)s))
ORDER BY f.at, a.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class PlanningFault:
    """`problem`: what the planner met, in the words of the code or the database. `since`: when it met it first."""

    alert_id: int
    title: str
    since: datetime
    problem: str


@retried
def note_planning_fault(alert_id: int, error: Exception, now: datetime) -> None:
    """One entry of its timeline until it is planned."""
    for (due_at,) in execute(_LOCK, [alert_id]):
        told = {"problem": problem_of(error)}
        values = {"alert": alert_id, "kind": ActivityKind.PLANNING_FAILED.value, "data": json.dumps(told)}
        run(_NOTE, {**values, "due_at": due_at, "now": now})


def planning_faults(
    now: datetime, *, alert_ids: Collection[int] | None = None, shown: int = 100
) -> tuple[list[PlanningFault], int]:
    """Those that cannot be planned now, the oldest trouble first, and how many they are; of these alerts, or of all."""
    ids = None if alert_ids is None else list(alert_ids)
    rows = execute(_FAULTS, {"kind": ActivityKind.PLANNING_FAILED.value, "now": now, "ids": ids, "most": shown})
    return [PlanningFault(*row[:4]) for row in rows], rows[0][4] if rows else 0


def problem_of(error: Exception) -> str:
    """What kind of error, and its first line; of the database's not the row, which holds what people wrote."""
    diagnosis = getattr(error.__cause__, "diag", None)
    said = getattr(diagnosis, "message_primary", None) or str(error)
    line = next(iter(said.strip().splitlines()), "")
    return storable(": ".join(filter(None, (type(error).__name__, redact_prose(line)))), _LONGEST)
