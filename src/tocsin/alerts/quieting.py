"""What alerts say of events that are kept quiet, and of those that are no longer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from tocsin.events.statements import run

_SILENCED = """
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT a.id, 'silenced', %(now)s, '', '', jsonb_build_object('by', n.name, 'events', count(*))
FROM unnest(%(events)s::bigint[], %(names)s::text[]) AS n (event_id, name)
JOIN alerts_alertevent m ON m.event_id = n.event_id
JOIN alerts_alert a ON a.id = m.alert_id AND a.resolved_at IS NULL
GROUP BY a.id, n.name
"""
_UNSILENCED = """
WITH woken AS (
    UPDATE alerts_alertevent m SET told_state = ''
    FROM alerts_alert a WHERE a.id = m.alert_id AND a.resolved_at IS NULL AND m.event_id = ANY(%(events)s)
    RETURNING m.alert_id
)
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT alert_id, 'unsilenced', %(now)s, '', '', jsonb_build_object('events', count(*)) FROM woken GROUP BY alert_id
"""


def tell_silenced(names: Mapping[int, str], now: datetime) -> None:
    """Event id -> what keeps it quiet from now on: a line on the timeline of each open alert that has it."""
    if names:
        run(_SILENCED, {"events": list(names), "names": list(names.values()), "now": now})


def forget_told(event_ids: Sequence[int], now: datetime) -> None:
    """Woken events are news again in the open alerts that have them; `link_events` has locked those."""
    if event_ids:
        run(_UNSILENCED, {"events": list(event_ids), "now": now})
