"""Alerts that were resolved by hand and whose events still fire: which of them open again when their time has come.

An alert opens again for what no newer alert of its group has. While a newer one is open, that takes what is left.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from tocsin.alerts.linking import DUE_FOR_NEWS
from tocsin.alerts.memberships import events_of_each
from tocsin.events.statements import execute

_LEFT = f"""
SELECT m.alert_id, array_agg(m.event_id ORDER BY m.event_id)
FROM {events_of_each("%s")} JOIN alerts_alert a ON a.id = m.alert_id
WHERE e.state = 'active' AND NOT EXISTS (
    SELECT FROM alerts_alertevent o JOIN alerts_alert newer ON newer.id = o.alert_id
    WHERE o.event_id = m.event_id AND newer.id > a.id AND newer.policy_id = a.policy_id
      AND newer.group_key = a.group_key
)
GROUP BY m.alert_id
"""  # noqa: S608 (a part of the statement)
_OPEN = """
SELECT a.id, newer.id FROM alerts_alert a
JOIN alerts_alert newer ON newer.policy_id = a.policy_id AND newer.group_key = a.group_key
WHERE a.id = ANY(%s) AND newer.id <> a.id AND newer.resolved_at IS NULL
"""
# Who has one of these locked is about to decide of it: no place in the order of locks, so nobody waits here.
_HAND_OVER = f"""
WITH newer AS (
    SELECT id FROM alerts_alert WHERE id = ANY(%(newer)s::bigint[]) AND resolved_at IS NULL
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
), joined AS (
    INSERT INTO alerts_alertevent (alert_id, event_id, joined_at, told_state)
    SELECT newer.id, p.event_id, %(now)s, ''
    FROM unnest(%(alerts)s::bigint[], %(events)s::bigint[]) AS p (alert_id, event_id)
    JOIN newer ON newer.id = p.alert_id
    ON CONFLICT (alert_id, event_id) DO NOTHING
)
UPDATE alerts_alert a SET {DUE_FOR_NEWS}
FROM newer, policies_policyversion v WHERE a.id = newer.id AND v.id = a.policy_version_id
RETURNING a.id
"""  # noqa: S608 (a part of the statement)


def events_left(alert_ids: Sequence[int]) -> dict[int, list[int]]:
    """By alert, the ids of its active events that no newer alert of its group has; alerts without any are missing."""
    return {pk: list(events) for pk, events in execute(_LEFT, [list(alert_ids)])} if alert_ids else {}


def open_beside(alert_ids: Collection[int]) -> dict[int, int]:
    """By alert, the open one of its group."""
    return dict(execute(_OPEN, [list(alert_ids)])) if alert_ids else {}


def hand_over(events: Mapping[int, Sequence[int]], now: datetime) -> set[int]:
    """Open alert -> events that it gets, as news. Returns those that got theirs; another worker has the others."""
    if not events:
        return set()
    pairs = [(alert_id, event_id) for alert_id, ids in events.items() for event_id in ids]
    values = {
        "newer": list(events),
        "alerts": [alert_id for alert_id, _ in pairs],
        "events": [event_id for _, event_id in pairs],
        "now": now,
    }
    return {pk for (pk,) in execute(_HAND_OVER, values)}
