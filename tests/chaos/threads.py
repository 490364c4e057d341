"""Threads that write at once, each with a connection of its own, and what PostgreSQL says of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connection


def at_once(*works: Callable[[], Any], within: float = 120) -> list[Any]:
    """Runs each in a thread of its own, begun together; returns their results or raises their first error."""
    ready = threading.Barrier(len(works))

    def one(work: Callable[[], Any]) -> Any:
        ready.wait(60)
        return then_close(work)

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result(within) for future in [pool.submit(one, work) for work in works]]


def then_close(work: Callable[[], Any]) -> Any:
    """For threads: the connection ends with the work."""
    try:
        return work()
    finally:
        connection.close()


def is_anybody_waiting_for_a_lock() -> bool:
    return how_many_wait_for_a_lock() > 0


def how_many_wait_for_a_lock() -> int:
    """Also asked inside a transaction, which would otherwise see the same answer for as long as it lasts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


def deadlocks() -> int:
    """That PostgreSQL has ended in this database so far, also those that were tried again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def other_connections(query_like: str = "%") -> list[int]:
    """Process ids of this database's servers for others than the one who asks, by what they did last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' AND query LIKE %s",
            [query_like],
        )
        return [pid for (pid,) in cursor.fetchall()]
