"""Statements that run often or carry many values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection


def execute(statement: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Runs inside the caller's transaction, if there is one; returns its rows, [] where it gives none.

    Prepared on the server and sent with its values apart: Django's own cursor writes them into the text, to be read
    and planned anew each time.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors:
        cursor = psycopg.Cursor(connection.connection)
        cursor.execute(statement, parameters, prepare=True)
        return cursor.fetchall() if cursor.description else []
