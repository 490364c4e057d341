"""Sends whose worker is gone: nobody will record them, so they are ambiguous, and the timeline says so."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import connection

from tocsin.channels.base import Outcome
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Attempt
from tocsin.delivery.rules import Reason
from tocsin.delivery.rules.sending import MAX_AMBIGUOUS_TRIES, UNKNOWN_ASKED_AFTER, UNKNOWN_CALL_WITHIN
from tocsin.delivery.rules.told import WORKER_ENDED
from tocsin.events.retrying import retried
from tocsin.events.statements import execute

WORKER_LOCKS = 0x70C51
"""First half of the advisory lock that a living worker holds; its id is the second."""
_GRACE = timedelta(seconds=10)
"""A living worker whose connection was cut comes back within this and takes its lock again."""
_SEND_AT_MOST = timedelta(minutes=5)
_TRY_AGAIN_AFTER = timedelta(seconds=5)


@retried
def release_crashed(now: datetime) -> int:
    """Returns how many sends it gave up. An alert's text goes out again: said twice is better than never. A call waits
    for a receipt, and its fallback follows when none comes.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT worker_id FROM delivery_delivery WHERE state = 'sending'")
        dead = [worker_id for (worker_id,) in cursor.fetchall() if worker_id is None or _is_dead(worker_id)]
        cursor.execute(
            """
            UPDATE delivery_delivery d
            SET state = 'ambiguous', reason = %s, detail = %s, worker_id = NULL,
                next_at = CASE WHEN lost.again THEN %s::timestamptz END,
                deadline_at = CASE WHEN d.channel = 'phone' THEN %s::timestamptz END,
                ask_at = CASE WHEN d.channel = 'phone' THEN %s::timestamptz END,
                finished_at = CASE WHEN NOT lost.again AND d.channel <> 'phone' THEN %s::timestamptz END
            FROM (SELECT id, purpose = 'alert' AND channel <> 'phone' AND attempt_count < %s AS again
                  FROM delivery_delivery WHERE state = 'sending'
                  AND ((worker_id = ANY(%s) AND started_at < %s) OR started_at < %s)
                  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED) lost
            WHERE d.id = lost.id
            RETURNING d.id, d.attempt_count, d.started_at
            """,
            [
                Reason.OUTCOME_UNKNOWN,
                WORKER_ENDED,
                now + _TRY_AGAIN_AFTER,
                now + UNKNOWN_CALL_WITHIN,
                now + UNKNOWN_ASKED_AFTER,
                now,
                MAX_AMBIGUOUS_TRIES,
                dead,
                now - _GRACE,
                now - _SEND_AT_MOST,
            ],
        )
        rows = cursor.fetchall()
    Attempt.objects.bulk_create(
        [
            Attempt(
                delivery_id=pk, number=number, started_at=started_at or now, finished_at=now,
                outcome=Outcome.AMBIGUOUS, code="worker", detail=WORKER_ENDED,
            )
            for pk, number, started_at in rows
        ]
    )  # fmt: skip
    return len(rows)


@retried
def return_unsent(worker_id: int, in_flight: Collection[int], now: datetime) -> int:
    """What this worker holds and has not in hand was certainly not sent: its claim was in doubt, or the worker ends."""
    returned = execute(
        """
        UPDATE delivery_delivery SET state = 'planned', next_at = %s, attempt_count = attempt_count - 1,
               worker_id = NULL, started_at = NULL
        WHERE state = 'sending' AND worker_id = %s AND id <> ALL(%s) RETURNING id
        """,
        [now, worker_id, list(in_flight)],
    )
    if returned:
        ring_send()
    return len(returned)


def is_worker_running() -> bool:
    """Whether any worker lives: each holds a lock as long as its connection does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [WORKER_LOCKS],
        )
        return bool(cursor.fetchone()[0])


def _is_dead(worker_id: int) -> bool:
    """Nobody holds its lock. (Taken for this transaction only, in case two look at once.)"""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [WORKER_LOCKS, worker_id])
        row = cursor.fetchone()
    return bool(row and row[0])
