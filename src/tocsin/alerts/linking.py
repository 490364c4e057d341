"""Accepted events become members of alerts. Only a worker decides an alert's state; here it is only made due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from tocsin.events.rules import ChangedEvent
from tocsin.events.statements import run
from tocsin.policies.rules import Matcher, group_of

_MAX_TITLE = 200
_IN_SHADOW = 1
_END_SHADOWS = """
WITH ended AS (
    UPDATE alerts_alert a SET state = 'resolved', resolved_at = %(now)s, due_at = NULL
    WHERE a.id IN (
        SELECT o.id FROM alerts_alert o JOIN policies_notificationpolicy p ON p.id = o.policy_id
        WHERE o.is_shadow AND o.resolved_at IS NULL AND (NOT p.is_shadow OR p.deleted_at IS NOT NULL)
        ORDER BY o.id FOR NO KEY UPDATE OF o
    )
    RETURNING a.id
)
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT id, 'resolved', %(now)s, '', '', '{"by": "shadow"}' FROM ended
"""

# Alerts are locked by id before anything else touches them (the order of locks is written down in
# events/services/reporting.py). The upsert below then only waits for alerts that came into being in between, in the
# order of its sorted rows; should that cross with somebody's order by id, accept runs again.
_LOCK = """
SELECT id, policy_id, group_key FROM alerts_alert
WHERE resolved_at IS NULL AND id IN (
    SELECT m.alert_id FROM alerts_alertevent m WHERE m.event_id = ANY(%(ended)s::bigint[])
    UNION
    SELECT a.id FROM unnest(%(policies)s::bigint[], %(keys)s::uuid[]) AS k (policy_id, group_key)
    JOIN alerts_alert a ON a.policy_id = k.policy_id AND a.group_key = k.group_key AND a.resolved_at IS NULL
)
ORDER BY id FOR NO KEY UPDATE
"""
# Most events of a storm join an alert that is due already: its row is read, and not written again.
_ADD = """
UPDATE alerts_alert a SET severity = w.severity, due_at = w.due_at
FROM (
    SELECT o.id,
           CASE WHEN o.chosen_severity IS NULL THEN least(o.severity, n.severity) ELSE o.severity END AS severity,
           CASE WHEN o.notified_at IS NULL THEN least(o.due_at, %(now)s + make_interval(secs => n.wait))
               ELSE least(o.due_at, greatest(%(now)s, o.notified_at + make_interval(secs => v.group_interval_seconds)))
           END AS due_at
    FROM unnest(%(alerts)s::bigint[], %(severities)s::smallint[], %(waits)s::int[]) AS n (id, severity, wait)
    JOIN alerts_alert o ON o.id = n.id JOIN policies_policyversion v ON v.id = o.policy_version_id
) w
WHERE a.id = w.id AND (a.severity, a.due_at) IS DISTINCT FROM (w.severity, w.due_at)
"""
# When the open alert is being resolved at this moment, the conflict waits, finds no open one any more and inserts.
_OPEN = """
INSERT INTO alerts_alert AS a (
    policy_id, policy_version_id, group_key, group_labels, title, severity, state, opened_at, due_at,
    active_count, event_count, claimed_by, resolved_by, reasons, is_shadow
)
SELECT n.policy_id, n.version_id, n.group_key, n.group_labels::jsonb, n.title, n.severity, 'pending', %(now)s,
       %(now)s + make_interval(secs => n.wait), 0, 0, '', '', '[]', n.is_shadow
FROM unnest(
    %(policies)s::bigint[], %(versions)s::bigint[], %(keys)s::uuid[], %(labels)s::text[], %(titles)s::text[],
    %(severities)s::smallint[], %(waits)s::int[], %(shadows)s::bool[]
) AS n (policy_id, version_id, group_key, group_labels, title, severity, wait, is_shadow)
ON CONFLICT (policy_id, group_key) WHERE resolved_at IS NULL DO UPDATE SET
    severity = CASE WHEN a.chosen_severity IS NULL THEN least(a.severity, excluded.severity) ELSE a.severity END,
    due_at = CASE WHEN a.notified_at IS NULL THEN least(a.due_at, excluded.due_at)
        ELSE least(a.due_at, greatest(%(now)s, a.notified_at + (
            SELECT make_interval(secs => v.group_interval_seconds)
            FROM policies_policyversion v WHERE v.id = a.policy_version_id
        ))) END
RETURNING id, policy_id, group_key
"""
_JOIN = """
INSERT INTO alerts_alertevent (alert_id, event_id, joined_at, told_state)
SELECT n.alert_id, n.event_id, %(now)s, ''
FROM unnest(%(alerts)s::bigint[], %(events)s::bigint[]) AS n (alert_id, event_id)
ON CONFLICT (alert_id, event_id) DO NOTHING
"""
_TELL_OPENED = """
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT n.id, 'opened', %(now)s, '', '', jsonb_build_object('events', n.events)
FROM unnest(%(alerts)s::bigint[], %(events)s::int[]) AS n (id, events)
WHERE NOT EXISTS (SELECT FROM alerts_activity t WHERE t.alert_id = n.id AND t.kind = 'opened')
RETURNING alert_id
"""
DUE_FOR_NEWS = """
    due_at = CASE WHEN a.notified_at IS NULL THEN coalesce(a.due_at, %(now)s)
        ELSE least(a.due_at, greatest(%(now)s, a.notified_at + make_interval(secs => v.group_interval_seconds))) END"""
"""Of an alert `a` and its policy's version `v`."""
_MAKE_DUE = f"""
UPDATE alerts_alert AS a SET {DUE_FOR_NEWS}
FROM policies_policyversion v
WHERE v.id = a.policy_version_id AND a.id = ANY(%(alerts)s) AND a.resolved_at IS NULL
"""  # noqa: S608 (a part of the statement)


@dataclass(frozen=True, slots=True)
class Taken:
    """An active event and a policy that takes it."""

    policy: Matcher
    event: ChangedEvent


@dataclass(frozen=True, slots=True)
class Linked:
    """Ids of alerts that were opened, and of all (these among them) that were made due."""

    opened: frozenset[int] = frozenset()
    due: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Group:
    policy: Matcher
    shared: dict[str, str]
    events: list[ChangedEvent]


def link_events(taken: Sequence[Taken], ended_ids: Sequence[int], now: datetime) -> Linked:
    """Puts taken events into the open alert of their group, or a new one; makes the alerts of ended events due.

    Runs inside the caller's transaction, which has locked the events.
    """
    groups = _grouped(taken)
    if not groups and not ended_ids:
        return Linked()
    keys = sorted(groups)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"ended": list(ended_ids), **_named(keys)})
        found = {(policy_id, key): pk for pk, policy_id, key in cursor.fetchall()}
        joined = {found[key]: groups[key] for key in keys if key in found}
        opened: set[int] = set()
        if joined:
            cursor.execute(_ADD, {"now": now, "alerts": list(joined), **_moved(list(joined.values()))})
        if new := [key for key in keys if key not in found]:
            fresh = [groups[key] for key in new]
            cursor.execute(_OPEN, {"now": now, **_named(new), **_columns(fresh), **_moved(fresh)})
            begun = {pk: groups[policy_id, key] for pk, policy_id, key in cursor.fetchall()}
            sizes = [len(group.events) for group in begun.values()]
            cursor.execute(_TELL_OPENED, {"now": now, "alerts": list(begun), "events": sizes})
            opened = {row[0] for row in cursor.fetchall()}
            joined |= begun
        if pairs := [(pk, event.id) for pk, group in joined.items() for event in group.events]:
            cursor.execute(
                _JOIN, {"now": now, "alerts": [pk for pk, _ in pairs], "events": [event for _, event in pairs]}
            )
        if ended := set(found.values()) - joined.keys():
            cursor.execute(_MAKE_DUE, {"now": now, "alerts": list(ended)})
    return Linked(frozenset(opened), frozenset(joined.keys() | ended))


def policies_that_have(event_ids: Sequence[int]) -> set[tuple[int, int]]:
    """(policy id, event id) of events in an alert of the policy that is open, or was ended by hand while they fire."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT a.policy_id, m.event_id
            FROM alerts_alertevent m JOIN alerts_alert a ON a.id = m.alert_id JOIN events_event e ON e.id = m.event_id
            JOIN policies_notificationpolicy p ON p.id = a.policy_id
            WHERE m.event_id = ANY(%s) AND a.is_shadow = p.is_shadow
              AND (a.resolved_at IS NULL OR a.resolved_at >= e.changed_at)
            """,
            [list(event_ids)],
        )
        return set(cursor.fetchall())


def shadow_key(key: UUID) -> UUID:
    """Beside every key: an open alert in shadow and a real one of the same group do not know of each other."""
    return UUID(int=key.int ^ _IN_SHADOW)


def end_left_shadows(now: datetime) -> None:
    """Open alerts in shadow end with the shadow: when their policy is enabled, disabled or deleted."""
    run(_END_SHADOWS, {"now": now})


def alert_title(shared: Mapping[str, str], labels: Mapping[str, str], policy_name: str) -> str:
    """From what the events share; else what the first event is called; else the policy's name."""
    name = shared.get("alertname") or labels.get("alertname") or policy_name
    rest = ", ".join(f"{key}={value}" for key, value in shared.items() if key != "alertname")
    title = f"{name} ({rest})" if rest else name
    return title if len(title) <= _MAX_TITLE else title[: _MAX_TITLE - 1] + "…"


def _grouped(taken: Sequence[Taken]) -> dict[tuple[int, UUID], _Group]:
    groups: dict[tuple[int, UUID], _Group] = {}
    for item in taken:
        key, shared = group_of(item.policy.group_by, item.event.match_labels)
        if item.policy.is_shadow:
            key = shadow_key(key)
        groups.setdefault((item.policy.policy_id, key), _Group(item.policy, shared, [])).events.append(item.event)
    return groups


def _named(keys: Sequence[tuple[int, UUID]]) -> dict[str, list[Any]]:
    return {"policies": [policy_id for policy_id, _key in keys], "keys": [key for _policy_id, key in keys]}


def _moved(groups: Sequence[_Group]) -> dict[str, list[Any]]:
    return {
        "severities": [min(event.severity for event in group.events) for group in groups],
        "waits": [int(group.policy.group_wait.total_seconds()) for group in groups],
    }


def _columns(groups: Sequence[_Group]) -> dict[str, list[Any]]:
    return {
        "versions": [group.policy.version_id for group in groups],
        "labels": [msgspec.json.encode(group.shared).decode() for group in groups],
        "titles": [alert_title(group.shared, group.events[0].labels, group.policy.name) for group in groups],
        "shadows": [group.policy.is_shadow for group in groups],
    }
