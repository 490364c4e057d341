"""Migrations, one process at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

_LOCK_KEY = 0x746F6373696E  # "tocsin"
_LOCK_TIMEOUT = "10s"
_LOCK_PAUSE = 0.2


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Processes that start at once on one database take turns; inside another one it does nothing more.

    Asked for again and again: a statement that waits for the lock is one that CREATE INDEX CONCURRENTLY waits for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY])
        while not cursor.fetchone()[0]:
            time.sleep(_LOCK_PAUSE)
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK_KEY])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK_KEY])


def migrate() -> int:
    """Applies what is missing and returns how many.

    A statement that waits too long for a table in use fails instead of holding everybody up behind it: try again.
    """
    with one_at_a_time():
        count = len(pending_migrations())
        if count:
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_LOCK_TIMEOUT])
                call_command("migrate", interactive=False, verbosity=0)
                cursor.execute("RESET lock_timeout")
    return count


def pending_migrations() -> list[str]:
    """Names like `contacts.0002_...`, in the order in which they apply."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
