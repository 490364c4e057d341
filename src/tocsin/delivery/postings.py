"""The statements of messages that can be changed: kept when they are posted, due when their alert has changed.

An older state never gets the place of a newer one: of one message at most one change is under way, and what it shows is
read when it begins. A worker that dies leaves it to others after `LEASE`, which is longer than any request.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tocsin.events.retrying import retried
from tocsin.events.statements import execute, run

LEASE = timedelta(seconds=90)

# What a message shows of its alert, in one text: first what its buttons alone name, and names last, cut to what the
# column holds.
_LOOK = """concat('E', a.escalated_count, ' ', a.state, ' P', a.severity, ' by ', left(CASE a.state
    WHEN 'handling' THEN a.claimed_by WHEN 'resolved' THEN a.resolved_by ELSE '' END, 150),
    ' to ', left(a.assigned_name, 64))"""
# As it was posted: nothing but what fires. It is looked at once, since its alert may have changed before this row was.
_KEEP = """
INSERT INTO delivery_posting (delivery_id, alert_id, recipient_id, provider_id, shown, due_at, wanted, tries, changes,
                              failure, is_over)
SELECT d.id, n.alert_id, d.recipient_id, d.provider_id,
       concat('E', n.escalated_count, ' pending P', a.severity, ' by  to '), %(now)s, 1, 0, 0, '', false
FROM delivery_delivery d JOIN delivery_notification n ON n.id = d.notification_id
JOIN alerts_alert a ON a.id = n.alert_id
WHERE d.id = ANY(%(ids)s) AND d.purpose = 'alert' AND d.stands_for = 1 AND d.provider_id <> ''
  AND n.cause <> 'recovered'
ORDER BY d.id
ON CONFLICT DO NOTHING
"""
_CHANGED = """
UPDATE alerts_alert a SET changed_at = NULL
FROM (SELECT id FROM alerts_alert WHERE changed_at IS NOT NULL ORDER BY id LIMIT 500
      FOR NO KEY UPDATE SKIP LOCKED) due
WHERE a.id = due.id RETURNING a.id
"""
_WANT = """
UPDATE delivery_posting p
SET wanted = p.wanted + 1, tries = 0, due_at = CASE WHEN p.taken_at IS NULL THEN %(now)s ELSE p.due_at END
FROM (SELECT delivery_id FROM delivery_posting WHERE alert_id = ANY(%(ids)s) AND NOT is_over
      ORDER BY delivery_id FOR NO KEY UPDATE) u
WHERE p.delivery_id = u.delivery_id
"""
_TAKE = f"""
UPDATE delivery_posting p SET taken_at = %(now)s, due_at = %(until)s
FROM (SELECT delivery_id FROM delivery_posting WHERE due_at <= %(now)s ORDER BY due_at, delivery_id LIMIT %(limit)s
      FOR NO KEY UPDATE SKIP LOCKED) due, alerts_alert a
WHERE p.delivery_id = due.delivery_id AND a.id = p.alert_id
RETURNING p.delivery_id, p.alert_id, p.provider_id, p.shown, p.wanted, p.tries, left({_LOOK}, 400)
"""  # noqa: S608 (parts of the statement, all of them above)
# What was wanted meanwhile is due at once.
_FINISH = """
WITH told AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s) AS x (
        delivery_id bigint, wanted int, shown text, is_changed bool, is_tried bool, due_at timestamptz, is_over bool,
        failure text
    )
), locked AS (
    SELECT p.delivery_id FROM delivery_posting p WHERE p.delivery_id IN (SELECT delivery_id FROM told)
    ORDER BY p.delivery_id FOR NO KEY UPDATE
)
UPDATE delivery_posting p
SET taken_at = NULL, shown = u.shown, is_over = u.is_over,
    due_at = CASE WHEN u.is_over THEN NULL WHEN p.wanted <> u.wanted THEN %(now)s ELSE u.due_at END,
    tries = CASE WHEN NOT u.is_tried THEN p.tries WHEN u.due_at IS NULL THEN 0 ELSE p.tries + 1 END,
    changes = p.changes + CASE WHEN u.is_changed THEN 1 ELSE 0 END,
    changed_at = CASE WHEN u.is_changed THEN %(now)s ELSE p.changed_at END,
    failed_at = CASE WHEN u.is_changed THEN NULL WHEN u.failure <> '' THEN %(now)s ELSE p.failed_at END,
    failure = CASE WHEN u.is_changed THEN '' WHEN u.failure <> '' THEN u.failure ELSE p.failure END
FROM told u JOIN locked USING (delivery_id)
WHERE p.delivery_id = u.delivery_id
"""
_NEXT = "SELECT min(due_at) FROM delivery_posting WHERE due_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class DuePosting:
    """`look`: of the alert now; `shown`: what the message has. `wanted` is given back when it is finished."""

    delivery_id: int
    alert_id: int
    provider_id: str
    shown: str
    wanted: int
    tries: int
    look: str

    def differs(self, *, has_buttons: bool) -> bool:
        """Whether it is to be changed. Only buttons name the next step of the escalation."""
        shown, look = (text if has_buttons else text.partition(" ")[2] for text in (self.shown, self.look))
        return shown != look


class Finished(msgspec.Struct, frozen=True):
    """What came of looking at a posting. `is_tried`: the platform was asked; `is_changed`: and made the change."""

    delivery_id: int
    wanted: int
    shown: str
    is_changed: bool = False
    is_tried: bool = False
    due_at: datetime | None = None
    is_over: bool = False
    failure: str = ""


def keep_postings(delivery_ids: Collection[int], now: datetime) -> None:
    """Those of these messages that are the first of their alert in their group."""
    if delivery_ids:
        run(_KEEP, {"ids": list(delivery_ids), "now": now})


def want_updates(alert_ids: Collection[int], now: datetime) -> None:
    """These alerts have changed, in the caller's transaction."""
    if alert_ids:
        run(_WANT, {"ids": list(alert_ids), "now": now})


@retried
def look_at_changed(now: datetime) -> int:
    """Alerts that people have changed: their messages are due. Returns how many alerts."""
    ids = [pk for (pk,) in execute(_CHANGED, [])]
    want_updates(ids, now)
    return len(ids)


@retried
def take_postings(now: datetime, limit: int) -> list[DuePosting]:
    """Due ones, which nobody else takes before they are finished or the lease is over."""
    return [DuePosting(*row) for row in execute(_TAKE, {"now": now, "until": now + LEASE, "limit": limit})]


@retried
def finish_postings(finished: Sequence[Finished], now: datetime) -> None:
    if finished:
        run(_FINISH, {"rows": msgspec.json.encode(finished).decode(), "now": now})


def next_update_at() -> datetime | None:
    """When the next message is to be looked at."""
    at: datetime | None = execute(_NEXT, [])[0][0]
    return at
