"""A few threads, each with a database connection of its own, for an event loop that must not wait for the database."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import close_old_connections, connections

T = TypeVar("T")


class Pool:
    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix=name)

    def run(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """In a thread; to be awaited in the loop that asks."""
        return asyncio.get_running_loop().run_in_executor(self._threads, _with_connection, work)

    def close(self) -> None:
        """Each thread closes its connection: they meet, so that none of them does it twice and another one never."""
        met = threading.Barrier(self._count)
        for _ in range(self._count):
            self._threads.submit(_meet_and_close, met)
        self._threads.shutdown()


def _with_connection(work: Callable[[], T]) -> T:
    close_old_connections()
    return work()


def _meet_and_close(met: threading.Barrier) -> None:
    met.wait()
    connections.close_all()
