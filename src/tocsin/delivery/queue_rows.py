"""The queue's statements: each reads or moves many deliveries at once. Rows are locked with SKIP LOCKED only."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import Channel
from tocsin.delivery.rules import Cause, DeliveryState, Reason

_COLUMNS = """
    SELECT d.id, d.purpose, d.recipient_id, d.recipient_name, d.channel, d.content_id, d.language,
           d.mention_ids::text, d.is_legacy_chatbot, d.state, d.attempt_count, d.tried_accounts::text, d.held_since,
           d.verification_id, d.fallback_of_id, n.id, n.number, n.cause, n.alert_id, a.state
    FROM delivery_delivery d
    LEFT JOIN delivery_notification n ON n.id = d.notification_id
    LEFT JOIN alerts_alert a ON a.id = n.alert_id
"""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A due delivery, with what its re-check needs. Everything about alerts is None for other purposes."""

    id: int
    purpose: str
    recipient_id: int
    recipient_name: str
    channel: str
    content_id: int | None
    language: str
    mention_ids: tuple[int, ...]
    is_legacy_chatbot: bool
    state: str
    attempt_count: int
    tried_accounts: tuple[int, ...]
    held_since: datetime | None
    verification_id: int | None
    fallback_of_id: int | None
    notification_id: int | None
    notification_number: int | None
    cause: Cause | None
    alert_id: int | None
    alert_state: AlertState | None

    @property
    def is_call(self) -> bool:
        return self.channel == Channel.PHONE


@dataclass(frozen=True, slots=True)
class Skip:
    """A delivery that ends without being sent."""

    id: int
    state: DeliveryState
    reason: Reason


@dataclass(slots=True)
class Held:
    row: QueueRow
    until: datetime


def read_due(until: datetime, limit: int, *, calls_to: Collection[int] | None = None) -> list[QueueRow]:
    """Locks and returns deliveries due by `until`, the most urgent first; only alert calls to these people if given."""
    only = "AND d.channel = 'phone' AND d.purpose = 'alert' AND d.recipient_id = ANY(%s)" if calls_to else ""
    arguments: list[Any] = [until, *([list(calls_to)] if calls_to else []), limit]
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_COLUMNS} WHERE d.next_at <= %s {only} "
            "ORDER BY d.priority, d.next_at, d.id LIMIT %s FOR NO KEY UPDATE OF d SKIP LOCKED",
            arguments,
        )
        return [_row(values) for values in cursor.fetchall()]


def _row(values: Sequence[object]) -> QueueRow:
    row = list(values)
    row[7], row[11] = tuple(json.loads(str(row[7]))), tuple(json.loads(str(row[11])))
    row[17] = Cause(str(row[17])) if row[17] else None
    row[19] = AlertState(str(row[19])) if row[19] else None
    return QueueRow(*row)  # type: ignore[arg-type] # the order of _COLUMNS


def mark_sending(claims: Sequence[tuple[int, int | None, str]], worker_id: int, now: datetime) -> None:
    """(delivery, account, lane): the intent is committed before any provider is called."""
    if not claims:
        return
    ids, accounts, lanes = zip(*claims, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_delivery d
            SET state = 'sending', reason = '', started_at = %s, next_at = NULL, attempt_count = d.attempt_count + 1,
                worker_id = %s, account_id = u.account_id, lane = u.lane
            FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS u(id, account_id, lane) WHERE d.id = u.id
            """,
            [now, worker_id, list(ids), list(accounts), list(lanes)],
        )


def mark_skipped(skips: Sequence[Skip], now: datetime) -> None:
    if not skips:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_delivery d
            SET state = u.state, reason = u.reason, next_at = NULL, deadline_at = NULL, finished_at = %s
            FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS u(id, state, reason) WHERE d.id = u.id
            """,
            [now, [skip.id for skip in skips], [skip.state for skip in skips], [skip.reason for skip in skips]],
        )


def mark_held(held: Sequence[Held], now: datetime) -> None:
    if not held:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_delivery d
            SET state = CASE WHEN d.state = 'ambiguous' THEN d.state ELSE 'held' END, next_at = u.until,
                held_since = coalesce(d.held_since, %s)
            FROM unnest(%s::bigint[], %s::timestamptz[]) AS u(id, until) WHERE d.id = u.id
            """,
            [now, [item.row.id for item in held], [item.until for item in held]],
        )


def mark_merged(merged: Mapping[int, Sequence[QueueRow]], now: datetime) -> None:
    """Survivor id -> the rows it stands for, itself first. What those stood for themselves is passed on."""
    pairs = [(row.id, survivor) for survivor, rows in merged.items() for row in rows[1:]]
    if not pairs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_delivery d
            SET state = 'merged', reason = 'merged', merged_into_id = u.survivor, next_at = NULL, finished_at = %s
            FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, survivor)
            WHERE d.id = u.id OR d.merged_into_id = u.id
            """,
            [now, [pair[0] for pair in pairs], [pair[1] for pair in pairs]],
        )
