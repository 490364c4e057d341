"""Statements that run often or carry many values: prepared on the server, their values sent apart.

Django's own cursor writes the values into the text, to be read and planned anew each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def execute(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Runs inside the caller's transaction, if there is one; returns its rows."""
    with connection.wrap_database_errors:
        return _sent(statement, parameters).fetchall()


def run(statement: str, parameters: Parameters = ()) -> None:
    """One whose rows, if it gives any, nobody wants. Inside `together` it is not waited for."""
    with connection.wrap_database_errors:
        _sent(statement, parameters)


@contextmanager
def together() -> Iterator[None]:
    """What `run` sends inside is waited for once, at the end. Inside a transaction, and without Django's cursors."""
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def _sent(statement: str, parameters: Parameters) -> psycopg.Cursor[Any]:
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection)
    cursor.execute(statement, parameters, prepare=True)
    return cursor
