"""Something done on a database connection of its own, at the same moment as something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import sleep
from typing import Any

from django.db import connection, connections


class Writer(threading.Thread):
    """Does one thing on a connection of its own; what it returned or raised is kept."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self.act = act
        self.result: Any = None
        self.error: Exception | None = None
        self.backend = 0
        self.start()

    def run(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (self.backend,) = cursor.fetchone()
            self.result = self.act()
        except Exception as error:
            self.error = error
        finally:
            connections.close_all()

    def wait_until_blocked(self) -> None:
        """By another connection's lock; fails when the thread ends without ever waiting."""
        while self.is_alive():
            with connection.cursor() as cursor:
                cursor.execute("SELECT cardinality(pg_blocking_pids(%s))", [self.backend])
                if cursor.fetchone() != (0,):
                    return
            sleep(0.01)
        raise AssertionError(f"ended without waiting: {self.result!r} {self.error!r}")

    def finish(self) -> Any:
        self.join(60)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error
        return self.result
