"""The queue's statements: each reads or moves many deliveries at once. Rows are locked with SKIP LOCKED only."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import Channel
from tocsin.delivery.link_texts import address_digest
from tocsin.delivery.rules import Cause, DeliveryState, Priority, Purpose, Reason
from tocsin.events.statements import execute, run
from tocsin.policies.rules import Window, window_of

_COLUMNS = """
    SELECT d.id, d.purpose, d.recipient_id, d.recipient_name, d.channel, d.content_id, d.language,
           d.mention_ids::text, d.is_legacy_chatbot, d.state, d.attempt_count, d.tried_accounts::text, d.held_since,
           d.verification_id, d.fallback_of_id, n.id, n.number, n.cause, n.alert_id, a.state,
           coalesce(n.reaches_claimed, false), a.muted_until,
           c.id IS NOT NULL, coalesce(c.phone, ''), c.phone_verified_at IS NOT NULL, coalesce(c.email, ''),
           d.reason, a.severity,
           CASE WHEN n.cause = 'escalated' THEN n.sending_window ELSE v.sending_window END::text,
           coalesce(a.is_shadow, false), d.account_id, d.started_at,
           coalesce(p.is_enabled AND p.deleted_at IS NULL, true), a.due_at, v.escalation_id IS NOT NULL,
           coalesce(a.escalated_count, 0), d.stands_for
"""
_JOINS = """
    LEFT JOIN delivery_notification n ON n.id = d.notification_id
    LEFT JOIN alerts_alert a ON a.id = n.alert_id
    LEFT JOIN policies_notificationpolicy p ON p.id = a.policy_id
    LEFT JOIN policies_policyversion v ON v.id = a.policy_version_id
    LEFT JOIN contacts_contact c ON c.id = d.recipient_id
"""
# Each channel is a queue of its own, so that ten thousand mails hold up no text message. The locked rows are those
# that are returned: read again beside the lock, they could be older than it.
_READ_DUE = f"""
{_COLUMNS} FROM unnest(%(channels)s::text[], %(rooms)s::int[]) AS q (channel, room) CROSS JOIN LATERAL (
    SELECT * FROM delivery_delivery w WHERE w.channel = q.channel AND w.next_at <= %(until)s
    ORDER BY w.priority, w.next_at, w.id LIMIT q.room FOR NO KEY UPDATE SKIP LOCKED
) d {_JOINS}
ORDER BY d.priority, d.next_at, d.id LIMIT %(limit)s
"""  # noqa: S608 (parts of the statement, all of them above)
_READ_CALLS = f"""
{_COLUMNS} FROM delivery_delivery d {_JOINS}
WHERE d.channel = 'phone' AND d.purpose = 'alert' AND d.next_at <= %(until)s AND d.recipient_id = ANY(%(people)s)
ORDER BY d.priority, d.next_at, d.id LIMIT 1000 FOR NO KEY UPDATE OF d SKIP LOCKED
"""
_READ_DUE_TO = f"""
{_COLUMNS} FROM delivery_delivery d {_JOINS}
WHERE d.purpose = 'alert' AND d.next_at <= %(until)s
  AND (d.recipient_id, d.channel) IN (SELECT * FROM unnest(%(people)s::bigint[], %(channels)s::text[]))
ORDER BY d.priority, d.next_at, d.id LIMIT 5000 FOR NO KEY UPDATE OF d SKIP LOCKED
"""  # noqa: S608 (parts of the statement, all of them above)
# What a message stands for has a lower id than it, and is written with it: nobody waits for that in the wrong order.
_STAND_FOR_BUSY = """
WITH free AS (
    SELECT id FROM delivery_delivery WHERE merged_into_id = ANY(%(ids)s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
)
SELECT DISTINCT merged_into_id FROM delivery_delivery
WHERE merged_into_id = ANY(%(ids)s) AND id NOT IN (SELECT id FROM free)
"""
_READ_ROWS = f"{_COLUMNS} FROM delivery_delivery d {_JOINS} WHERE d.id = ANY(%s) ORDER BY d.id"
_NEXT = """
SELECT min(d.next_at) FROM unnest(%(channels)s::text[]) AS c (channel)
CROSS JOIN unnest(%(priorities)s::smallint[]) AS p (priority)
CROSS JOIN LATERAL (
    SELECT next_at FROM delivery_delivery w
    WHERE w.channel = c.channel AND w.priority = p.priority AND w.next_at IS NOT NULL ORDER BY w.next_at LIMIT 1
) d
"""
# In a house without silences this looks at one index, whose pages are in memory.
_QUIET_ALERTS = """
SELECT a.id FROM unnest(%s::bigint[]) AS a (id)
WHERE EXISTS (SELECT FROM events_event WHERE state = 'silenced')
  AND EXISTS (SELECT FROM alerts_alertevent m JOIN events_event e ON e.id = m.event_id
              WHERE m.alert_id = a.id AND e.state = 'silenced')
  AND NOT EXISTS (SELECT FROM alerts_alertevent m JOIN events_event e ON e.id = m.event_id
                  WHERE m.alert_id = a.id AND e.state = 'active')
"""
# As many as a vendor lists at most.
_OTHERS = """
SELECT d.id, o.provider_id FROM delivery_delivery d CROSS JOIN LATERAL (
    SELECT provider_id FROM delivery_delivery w
    WHERE w.recipient_id = d.recipient_id AND w.channel = d.channel AND w.id <> d.id AND w.provider_id <> ''
    ORDER BY w.id DESC LIMIT 100
) o WHERE d.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A due delivery, with what its re-check needs. Everything about alerts is None for other purposes.

    `is_contact`: the recipient is a contact that still exists; phone and email are then what it has now, or "".
    """

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
    reaches_claimed: bool
    muted_until: datetime | None
    is_contact: bool
    phone: str
    is_phone_verified: bool
    email: str
    reason: str
    severity: int | None
    window: Window | None
    """Of the policy; of a step of an escalation its own."""
    is_shadow: bool
    last_account_id: int | None
    last_started_at: datetime | None
    """Of the try before this one."""
    is_policy_enabled: bool
    """One in shadow is not."""
    alert_due_at: datetime | None
    has_escalation: bool
    escalated_count: int
    stands_for: int

    @property
    def is_call(self) -> bool:
        return self.channel == Channel.PHONE

    @property
    def limited_since(self) -> datetime | None:
        """When a limit of its vendor held it first. That of what one person gets in an hour is another matter."""
        return None if self.reason == Reason.PERSON_CAP else self.held_since


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
    reason: Reason | None = None


def read_due(until: datetime, rooms: Mapping[Channel, int], limit: int) -> list[QueueRow]:
    """Locks and returns deliveries due by `until`, the most urgent first, and of each channel as many as given."""
    parameters = {"until": until, "channels": list(rooms), "rooms": list(rooms.values()), "limit": limit}
    return [_row(values) for values in execute(_READ_DUE, parameters)]


def read_calls(until: datetime, people: Collection[int]) -> list[QueueRow]:
    """Locks and returns alert calls to these people due by `until`."""
    return [_row(values) for values in execute(_READ_CALLS, {"until": until, "people": list(people)})]


def with_what_they_stand_for(rows: Sequence[QueueRow]) -> list[QueueRow]:
    """Locks what these locked rows stand for. A row of which somebody else has a part is left out, and stays due."""
    ids = [row.id for row in rows if row.stands_for > 1]
    busy = {pk for (pk,) in execute(_STAND_FOR_BUSY, {"ids": ids})} if ids else set()
    return [row for row in rows if row.id not in busy]


def read_rows(delivery_ids: Collection[int]) -> list[QueueRow]:
    """These deliveries as they are now, whatever their state; nothing is locked."""
    return [_row(values) for values in execute(_READ_ROWS, [list(delivery_ids)])] if delivery_ids else []


def quiet_alerts(alert_ids: Collection[int]) -> set[int]:
    """Those that fire, and whose every firing event is silenced."""
    return {pk for (pk,) in execute(_QUIET_ALERTS, [list(alert_ids)])} if alert_ids else set()


def ids_of_others(delivery_ids: Collection[int]) -> dict[int, frozenset[str]]:
    """By delivery, the vendors' ids of the newest other messages to its recipient over its channel."""
    found: dict[int, set[str]] = {}
    for pk, provider_id in execute(_OTHERS, [list(delivery_ids)]) if delivery_ids else ():
        found.setdefault(pk, set()).add(provider_id)
    return {pk: frozenset(ids) for pk, ids in found.items()}


def read_due_to(pairs: Collection[tuple[int, str]], until: datetime) -> list[QueueRow]:
    """Locks and returns what is due by `until` to these recipients over these channels."""
    people, channels = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return [_row(values) for values in execute(_READ_DUE_TO, {"until": until, "people": people, "channels": channels})]


def next_delivery_at(channels: Collection[Channel]) -> datetime | None:
    """When the next delivery over one of these channels is due, or was."""
    rows = execute(_NEXT, {"channels": list(channels), "priorities": [item.value for item in Priority]})
    at: datetime | None = rows[0][0]
    return at


def _row(values: Sequence[object]) -> QueueRow:
    row = list(values)
    row[7], row[11] = _ids(row[7]), _ids(row[11])
    row[17] = Cause(str(row[17])) if row[17] else None
    row[19] = AlertState(str(row[19])) if row[19] else None
    row[28] = window_of(json.loads(str(row[28]))) if row[28] else None
    return QueueRow(*row)  # type: ignore[arg-type] # the order of _COLUMNS


def _ids(text: object) -> tuple[int, ...]:
    return () if text == "[]" else tuple(json.loads(str(text)))


def mark_sending(claims: Sequence[tuple[QueueRow, int | None, str]], worker_id: int, now: datetime) -> None:
    """(delivery, account, lane): the intent is committed before any provider is called."""
    if not claims:
        return
    rows, accounts, lanes = zip(*claims, strict=True)
    ids, digests = [row.id for row in rows], [_digest(row) for row in rows]
    run(
        """
        UPDATE delivery_delivery d
        SET state = 'sending', reason = '', started_at = %s, next_at = NULL, attempt_count = d.attempt_count + 1,
            held_since = CASE WHEN d.reason = 'person_cap' THEN NULL ELSE d.held_since END,
            worker_id = %s, account_id = u.account_id, lane = u.lane, address_digest = u.digest
        FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bytea[]) AS u(id, account_id, lane, digest)
        WHERE d.id = u.id
        """,
        [now, worker_id, ids, list(accounts), list(lanes), digests],
    )


def _digest(row: QueueRow) -> bytes | None:
    """Of the address that it goes to now: a link in it works while its contact has that, and so does a bounce."""
    if not row.is_contact or row.purpose == Purpose.NOTICE:
        return None
    if row.purpose != Purpose.ALERT and row.channel != Channel.EMAIL:
        return None
    address = {Channel.EMAIL: row.email, Channel.SMS: row.phone, Channel.PHONE: row.phone}.get(Channel(row.channel))
    return address_digest(address) if address else None


def mark_skipped(skips: Sequence[Skip], now: datetime) -> None:
    if not skips:
        return
    run(
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
    run(
        """
        UPDATE delivery_delivery d
        SET state = CASE WHEN d.state = 'ambiguous' THEN d.state ELSE 'held' END, next_at = u.until,
            held_since = CASE WHEN d.reason = 'person_cap' AND u.reason <> d.reason THEN %s
                              ELSE coalesce(d.held_since, %s) END,
            reason = u.reason
        FROM unnest(%s::bigint[], %s::timestamptz[], %s::text[]) AS u(id, until, reason) WHERE d.id = u.id
        """,
        [
            now,
            now,
            [item.row.id for item in held],
            [item.until for item in held],
            [item.reason or "" for item in held],
        ],
    )


def mark_waiting(waits: Mapping[int, datetime], reason: Reason = Reason.OUTSIDE_WINDOW) -> None:
    """Delivery -> when its policy's hours begin, or the mute of its alert ends."""
    if not waits:
        return
    run(
        """
        UPDATE delivery_delivery d
        SET state = CASE WHEN d.state = 'ambiguous' THEN d.state ELSE 'planned' END, reason = %s,
            next_at = u.until, held_since = NULL
        FROM unnest(%s::bigint[], %s::timestamptz[]) AS u(id, until) WHERE d.id = u.id
        """,
        [reason, list(waits), list(waits.values())],
    )


def wake_muted(alert_ids: Collection[int], now: datetime) -> None:
    """What waited for the end of these alerts' mutes is due."""
    if not alert_ids:
        return
    run(
        """
        UPDATE delivery_delivery SET next_at = %s WHERE id IN (
            SELECT d.id FROM delivery_delivery d JOIN delivery_notification n ON n.id = d.notification_id
            WHERE n.alert_id = ANY(%s) AND d.state = 'planned' AND d.reason = 'muted'
            ORDER BY d.id FOR NO KEY UPDATE OF d SKIP LOCKED
        )
        """,
        [now, list(alert_ids)],
    )


def mark_merged(merged: Mapping[int, Sequence[QueueRow]], now: datetime) -> None:
    """Survivor id -> the rows it stands for, itself first. What those stood for themselves is passed on."""
    pairs = [(row.id, survivor) for survivor, rows in merged.items() for row in rows[1:]]
    if not pairs:
        return
    run(
        """
        UPDATE delivery_delivery d
        SET state = 'merged', reason = 'merged', merged_into_id = u.survivor, next_at = NULL, finished_at = %s
        FROM unnest(%s::bigint[], %s::bigint[]) AS u(id, survivor)
        WHERE d.id = u.id OR d.merged_into_id = u.id
        """,
        [now, [pair[0] for pair in pairs], [pair[1] for pair in pairs]],
    )


def release_merged(survivors: Collection[int], now: datetime) -> set[int]:
    """What these deliveries stand for is due by itself. Returns those that stood for anything."""
    if not survivors:
        return set()
    rows = execute(
        """
        UPDATE delivery_delivery d
        SET state = 'planned', reason = '', merged_into_id = NULL, next_at = %s, held_since = NULL, finished_at = NULL
        FROM delivery_delivery s
        WHERE s.id = ANY(%s) AND d.merged_into_id = s.id AND d.state = 'merged' RETURNING s.id
        """,
        [now, list(survivors)],
    )
    left = {pk for (pk,) in rows}
    if left:
        run("UPDATE delivery_delivery SET stands_for = 1 WHERE id = ANY(%s)", [list(left)])
    return left
