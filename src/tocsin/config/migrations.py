"""Migrations, one process at a time."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

_LOCK_KEY = 0x746F6373696E  # "tocsin"
_LOCK_TIMEOUT = "10s"


def migrate() -> int:
    """Applies what is missing and returns how many; processes that start at once wait for each other.

    A statement that waits too long for a table in use fails instead of holding everybody up behind it: try again.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK_KEY])
        try:
            count = len(pending_migrations())
            if count:
                cursor.execute("SELECT set_config('lock_timeout', %s, false)", [_LOCK_TIMEOUT])
                call_command("migrate", interactive=False, verbosity=0)
                cursor.execute("RESET lock_timeout")
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK_KEY])
    return count


def pending_migrations() -> list[str]:
    """Names like `contacts.0002_...`, in the order in which they apply."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
