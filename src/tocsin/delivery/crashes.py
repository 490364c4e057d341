"""Sends whose worker is gone: nobody will record them, so they are ambiguous, and the timeline says so."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection, transaction

from tocsin.channels.base import Outcome
from tocsin.delivery.fallbacks import follow_failed_calls
from tocsin.delivery.models import Attempt
from tocsin.delivery.rules import Reason

WORKER_LOCKS = 0x70C51
"""First half of the advisory lock that a living worker holds; its id is the second."""
_GRACE = timedelta(seconds=10)
"""A living worker whose connection was cut comes back within this and takes its lock again."""
_SEND_AT_MOST = timedelta(minutes=5)
_TRY_AGAIN_AFTER = timedelta(seconds=5)
_ENDED = "The worker ended before the reply was recorded."


@transaction.atomic
def release_crashed(now: datetime) -> int:
    """Returns how many sends it gave up. What may be sent again is, for an alert said twice is better than never."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT worker_id FROM delivery_delivery WHERE state = 'sending'")
        dead = [worker_id for (worker_id,) in cursor.fetchall() if worker_id is None or _is_dead(worker_id)]
        cursor.execute(
            """
            UPDATE delivery_delivery d
            SET state = CASE WHEN d.channel = 'phone' AND d.purpose = 'alert' THEN 'failed' ELSE 'ambiguous' END,
                reason = %s, detail = %s, worker_id = NULL,
                next_at = CASE WHEN d.purpose = 'alert' AND d.channel <> 'phone' AND d.attempt_count < 2
                               THEN %s::timestamptz END,
                finished_at = CASE WHEN d.purpose = 'alert' AND d.channel <> 'phone' AND d.attempt_count < 2
                                   THEN NULL ELSE %s::timestamptz END
            FROM (SELECT id FROM delivery_delivery WHERE state = 'sending'
                  AND ((worker_id = ANY(%s) AND started_at < %s) OR started_at < %s)
                  ORDER BY id FOR UPDATE SKIP LOCKED) lost
            WHERE d.id = lost.id
            RETURNING d.id, d.attempt_count, d.started_at, d.state
            """,
            [Reason.OUTCOME_UNKNOWN, _ENDED, now + _TRY_AGAIN_AFTER, now, dead, now - _GRACE, now - _SEND_AT_MOST],
        )
        rows = cursor.fetchall()
    Attempt.objects.bulk_create(
        [
            Attempt(
                delivery_id=pk, number=number, started_at=started_at or now, finished_at=now,
                outcome=Outcome.AMBIGUOUS, code="worker", detail=_ENDED,
            )
            for pk, number, started_at, _state in rows
        ]
    )  # fmt: skip
    follow_failed_calls([pk for pk, _number, _started_at, state in rows if state == "failed"], now)
    return len(rows)


@transaction.atomic
def return_unsent(worker_id: int, in_flight: Collection[int], now: datetime) -> int:
    """After a claim whose commit was in doubt: what this worker holds and never received was certainly not sent."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_delivery SET state = 'planned', next_at = %s, attempt_count = attempt_count - 1,
                   worker_id = NULL
            WHERE state = 'sending' AND worker_id = %s AND id <> ALL(%s)
            """,
            [now, worker_id, list(in_flight)],
        )
        return int(cursor.rowcount)


def _is_dead(worker_id: int) -> bool:
    """Nobody holds its lock. (Taken for this transaction only, in case two look at once.)"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [WORKER_LOCKS, worker_id])
        row = cursor.fetchone()
    return bool(row and row[0])
