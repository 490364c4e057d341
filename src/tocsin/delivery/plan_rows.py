"""The statements of planning. Rows travel as one JSON document: ten thousand of them are one value."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.delivery.render import Text
from tocsin.delivery.rules import Cause, DeliveryState
from tocsin.events.statements import execute, run
from tocsin.policies.models import NotificationPolicy

_DUE_COLUMNS = (
    "id", "policy_id", "policy_version_id", "group_key", "group_labels", "title", "severity", "state", "opened_at",
    "notified_at", "claimed_at", "claimed_by", "handler_id", "resolved_at", "resolved_by", "reasons", "lapses_at",
    "muted_until", "chosen_severity", "assigned_to_id", "assigned_name", "escalation", "asked", "is_shadow",
    "escalated_count",
)  # fmt: skip
_DUE = f"""
SELECT {", ".join(f"a.{name}" for name in _DUE_COLUMNS)}, p.name, p.is_enabled, p.is_shadow, p.deleted_at
FROM alerts_alert a JOIN policies_notificationpolicy p ON p.id = a.policy_id
WHERE a.due_at <= %(now)s AND (%(only)s::bigint IS NULL OR a.id = %(only)s) AND a.id <> ALL (%(aside)s::bigint[])
ORDER BY a.due_at, a.id LIMIT %(limit)s FOR NO KEY UPDATE OF a SKIP LOCKED
"""  # noqa: S608 (the names above)
# The next numbers of each alert: its row is locked, so nobody else takes them.
_NOTIFICATIONS = """
WITH n AS (
    SELECT u.*, row_number() OVER (PARTITION BY u.alert_id ORDER BY u.at)
                + coalesce((SELECT max(o.number) FROM delivery_notification o WHERE o.alert_id = u.alert_id), 0)
                AS number
    FROM json_to_recordset(%(rows)s) AS u (
        at int, alert_id bigint, cause text, active_count int, escalated_count int, reaches_claimed bool,
        sending_window jsonb
    )
), made AS (
    INSERT INTO delivery_notification (
        alert_id, cause, number, created_at, active_count, escalated_count, reaches_claimed, sending_window
    )
    SELECT alert_id, cause, number, %(now)s, active_count, escalated_count, reaches_claimed, sending_window
    FROM n ORDER BY at
    RETURNING alert_id, number, id
)
SELECT n.at, made.id FROM made JOIN n ON n.alert_id = made.alert_id AND n.number = made.number
"""
_CONTENTS = """
INSERT INTO delivery_content (id, subject, text, html, markdown, data)
SELECT u.* FROM json_to_recordset(%s) AS u (id bigint, subject text, text text, html text, markdown text, data text)
"""
_CONTENT_IDS = "SELECT nextval(pg_get_serial_sequence('delivery_content', 'id')) FROM generate_series(1, %s)"
_DELIVERIES = """
INSERT INTO delivery_delivery (
    purpose, notification_id, recipient_id, recipient_name, address_masked, channel, content_id, language, mention_ids,
    is_legacy_chatbot, priority, state, reason, next_at, finished_at, planned_at, attempt_count, tried_accounts,
    stands_for, detail, provider_id, lane, answer, pressed_key
)
SELECT 'alert', u.notification_id, u.recipient_id, u.recipient_name, u.address_masked, u.channel, u.content_id,
       u.language, u.mention_ids, u.is_legacy_chatbot, u.priority, u.state, u.reason, u.next_at,
       CASE WHEN u.next_at IS NULL THEN %(now)s END, %(now)s, 0, '[]', 1, '', '', '', '', ''
FROM json_to_recordset(%(rows)s) AS u (
    notification_id bigint, recipient_id bigint, recipient_name text, address_masked text, channel text,
    content_id bigint, language text, mention_ids jsonb, is_legacy_chatbot bool, priority smallint,
    state text, reason text, next_at timestamptz
)
"""
# What waits for its moment goes out by itself.
_STOPPED = """
SELECT n.alert_id, d.recipient_id
FROM delivery_notification n JOIN delivery_delivery d ON d.notification_id = n.id
WHERE n.alert_id = ANY(%s) AND n.cause <> 'recovered'
GROUP BY n.alert_id, d.recipient_id
HAVING bool_and(d.state IN ('skipped', 'failed', 'cancelled')) AND bool_or(d.reason IN ('claimed', 'recovered'))
"""
_HEARD = """
SELECT DISTINCT n.alert_id, d.recipient_id, d.channel
FROM delivery_notification n JOIN delivery_delivery d ON d.notification_id = n.id
WHERE n.alert_id = ANY(%s) AND n.cause <> 'recovered'
  AND (d.state NOT IN ('skipped', 'failed', 'cancelled') OR d.reason = 'shadow')
"""
_ALERTS = """
UPDATE alerts_alert a SET
    state = u.state, severity = u.severity, notified_at = u.notified_at, due_at = u.due_at,
    active_count = u.active_count, event_count = u.event_count, claimed_at = u.claimed_at, claimed_by = u.claimed_by,
    handler_id = u.handler_id, resolved_at = u.resolved_at, resolved_by = u.resolved_by, reasons = u.reasons,
    lapses_at = u.lapses_at, muted_until = u.muted_until, escalation = u.escalation, asked = u.asked,
    escalated_count = u.escalated_count
FROM json_to_recordset(%s) AS u (
    id bigint, state text, severity smallint, notified_at timestamptz, due_at timestamptz, active_count int,
    event_count int, claimed_at timestamptz, claimed_by text, handler_id bigint, resolved_at timestamptz,
    resolved_by text, reasons jsonb, lapses_at timestamptz, muted_until timestamptz, escalation jsonb, asked jsonb,
    escalated_count int
)
WHERE a.id = u.id
"""


class NewNotification(msgspec.Struct, frozen=True):
    """`at`: its place among those that are made together; of one alert the earlier ones are told first."""

    at: int
    alert_id: int
    cause: Cause
    active_count: int
    escalated_count: int
    reaches_claimed: bool = False
    sending_window: dict[str, Any] | None = None
    """Of a step of an escalation that has hours of its own."""


class NewDelivery(msgspec.Struct, frozen=True):
    """One message, planned for `next_at`; or, with None there, one that ends as it is planned."""

    notification_id: int
    recipient_id: int
    recipient_name: str
    address_masked: str
    channel: Channel
    content_id: int
    language: str
    mention_ids: tuple[int, ...]
    is_legacy_chatbot: bool
    priority: int
    next_at: datetime | None
    state: DeliveryState = DeliveryState.PLANNED
    reason: str = ""


def lock_due_alerts(now: datetime, limit: int, only: int | None = None, aside: Collection[int] = ()) -> list[Alert]:
    """With their policies, but without what a decision does not look at. Those that another worker has are left out,
    and those in `aside`.
    """
    values = {"now": now, "limit": limit, "only": only, "aside": list(aside)}
    return [_alert(row) for row in execute(_DUE, values)]


def _alert(values: Sequence[Any]) -> Alert:
    *own, name, is_enabled, is_shadow, deleted_at = values
    fields = dict(zip(_DUE_COLUMNS, own, strict=True))
    for field in ("group_labels", "reasons", "escalation", "asked"):
        fields[field] = json.loads(fields[field])
    policy = NotificationPolicy(
        id=fields.pop("policy_id"), name=name, is_enabled=is_enabled, is_shadow=is_shadow, deleted_at=deleted_at
    )
    return Alert(policy=policy, **fields)


def insert_notifications(rows: Sequence[NewNotification], now: datetime) -> Mapping[int, int]:
    """Place -> the id of the new notification."""
    return dict(execute(_NOTIFICATIONS, {"rows": _json(rows), "now": now}))


def reserve_contents(count: int) -> list[int]:
    """Ids for `insert_contents`."""
    return [pk for (pk,) in execute(_CONTENT_IDS, [count])] if count else []


def insert_contents(texts: Mapping[int, Text]) -> None:
    """By their ids."""
    rows = [
        {
            "id": pk,
            "subject": text.subject,
            "text": text.text,
            "html": text.html,
            "markdown": text.markdown,
            "data": text.data,
        }
        for pk, text in texts.items()
    ]
    run(_CONTENTS, [_json(rows)])


def insert_deliveries(rows: Sequence[NewDelivery], now: datetime) -> None:
    """In one statement."""
    run(_DELIVERIES, {"rows": _json(rows), "now": now})


def update_alerts(alerts: Sequence[Alert]) -> None:
    """What a decision may change."""
    names = (
        "id", "state", "severity", "notified_at", "due_at", "active_count", "event_count", "claimed_at", "claimed_by",
        "handler_id", "resolved_at", "resolved_by", "reasons", "lapses_at", "muted_until", "escalation", "asked",
        "escalated_count",
    )  # fmt: skip
    run(_ALERTS, [_json([{name: getattr(alert, name) for name in names} for alert in alerts])])


def stopped_by_people(alert_ids: Collection[int]) -> dict[int, frozenset[int]]:
    """By alert, those who would have been told, but for a claim or a resolution, and who have heard nothing of it."""
    found: dict[int, set[int]] = {}
    for alert_id, recipient_id in execute(_STOPPED, [list(alert_ids)]) if alert_ids else ():
        found.setdefault(alert_id, set()).add(recipient_id)
    return {alert_id: frozenset(ids) for alert_id, ids in found.items()}


def heard_of(alert_ids: Collection[int]) -> dict[int, set[tuple[int, Channel]]]:
    """By alert, to whom and over what it was told, or is about to be, that it fires."""
    found: dict[int, set[tuple[int, Channel]]] = {}
    for alert_id, recipient_id, channel in execute(_HEARD, [list(alert_ids)]) if alert_ids else ():
        found.setdefault(alert_id, set()).add((recipient_id, Channel(channel)))
    return found


def mark_told(membership_ids: Collection[int], told_state: str) -> None:
    """What people were last told of these events."""
    if membership_ids:
        run("UPDATE alerts_alertevent SET told_state = %s WHERE id = ANY(%s)", [told_state, list(membership_ids)])


def commit_without_waiting() -> None:
    """For a transaction whose loss in a crash of the database changes nothing: it is done again."""
    run("SET LOCAL synchronous_commit = off")


def _json(rows: object) -> str:
    return msgspec.json.encode(rows, enc_hook=str.__str__).decode()  # for texts that Django marks as safe
