"""Events that are kept quiet, and those that are no longer. The caller has locked them, in the written order."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from tocsin.events.rules import Quiet
from tocsin.events.statements import execute, run

_QUIETEN = """
UPDATE events_event AS e SET
    state = 'silenced', silenced_by = n.silence, inhibited_by = n.inhibition,
    changed_at = CASE WHEN e.state = 'silenced' THEN e.changed_at ELSE %(now)s END
FROM unnest(%(ids)s::bigint[], %(silences)s::bigint[], %(inhibitions)s::bigint[]) AS n (id, silence, inhibition)
WHERE e.id = n.id AND e.state <> 'resolved' AND
      (e.state, e.silenced_by, e.inhibited_by) IS DISTINCT FROM ('silenced', n.silence, n.inhibition)
RETURNING e.id, n.silence
"""
_WAKE = """
UPDATE events_event SET state = 'active', silenced_by = NULL, inhibited_by = NULL, changed_at = %(now)s
WHERE id = ANY(%(ids)s) AND state = 'silenced'
"""


def quieten_events(quiet: Mapping[int, Quiet], now: datetime) -> list[tuple[int, int]]:
    """Event id -> what keeps it quiet. Returns (event, silence) of those that this silence has just begun to hide."""
    if not quiet:
        return []
    ids = list(quiet)
    parameters = {
        "ids": ids,
        "silences": [quiet[pk].silence_id for pk in ids],
        "inhibitions": [quiet[pk].inhibition_id for pk in ids],
        "now": now,
    }
    return [(pk, silence) for pk, silence in execute(_QUIETEN, parameters) if silence is not None]


def wake_events(ids: Collection[int], now: datetime) -> None:
    """They fire as if they had begun now."""
    if ids:
        run(_WAKE, {"ids": list(ids), "now": now})
