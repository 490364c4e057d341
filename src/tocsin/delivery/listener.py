"""Hears the doorbell. The same connection holds the worker's lock: while it lives, so does the worker."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import psycopg
from django.db import connections

from tocsin.core.errors import first_line
from tocsin.delivery.crashes import WORKER_LOCKS
from tocsin.delivery.doorbell import DUE, IMPORT, SEND

logger = logging.getLogger(__name__)

_RECONNECT_AFTER = 0.5
_DJANGO_ONLY = frozenset(
    {"cursor_factory", "context", "prepare_threshold", "server_side_binding", "assume_role", "isolation_level"}
)


class Doorbell:
    """Wakes threads and one event loop. Rung before a wait, it ends that wait at once."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._also: list[Callable[[], object]] = []

    def ring(self) -> None:
        self._event.set()
        for wake in self._also:
            wake()

    def wait(self, seconds: float) -> None:
        self._event.wait(seconds)

    def clear(self) -> None:
        self._event.clear()

    def call_in(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
        """Wakes an event loop too, for as long as that loop is open."""

        def ring() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(wake)

        self._also.append(ring)


class Listener(threading.Thread):
    """LISTENs until closed, and comes back by itself when the connection is lost."""

    def __init__(self, worker_id: int, *, due: Doorbell, deliveries: Doorbell, imports: Doorbell) -> None:
        super().__init__(name="listener", daemon=True)
        self._worker_id = worker_id
        self._bells = {DUE: due, SEND: deliveries, IMPORT: imports}
        self._own: dict[str, int] = {}
        self._closed = threading.Event()
        self._ready = threading.Event()
        self._complaint = ""

    def wait_until_ready(self, stop: threading.Event) -> None:
        """Until the worker's lock is held for the first time, or `stop` is set."""
        while not stop.is_set() and not self._ready.wait(0.1):
            continue

    def ignore(self, name: str, backend: int) -> None:
        """What the connection of that name rings is heard inside this process already."""
        self._own = {**self._own, name: backend}  # never changed while the listener reads it

    def close(self) -> None:
        self._closed.set()
        self.join(5)

    def run(self) -> None:
        while not self._closed.is_set():
            try:
                self._listen()
            except (psycopg.Error, OSError) as error:
                if (why := first_line(error)) != self._complaint:  # said once, as an outage may be long
                    logger.warning("the doorbell's connection was lost (%s); coming back", why)
                self._complaint = why
                self._closed.wait(_RECONNECT_AFTER)

    def _listen(self) -> None:
        parameters = connections["default"].get_connection_params()
        parameters = {key: value for key, value in parameters.items() if key not in _DJANGO_ONLY}
        with psycopg.connect(**parameters, autocommit=True) as listening:
            listening.execute("SELECT pg_advisory_lock(%s, %s)", [WORKER_LOCKS, self._worker_id])
            for channel in self._bells:
                listening.execute(f"LISTEN {channel}")
            self._ready.set()
            self._complaint = ""
            for bell in self._bells.values():
                bell.ring()  # what was rung while nobody listened
            while not self._closed.is_set():
                for notice in listening.notifies(timeout=1.0):
                    if notice.pid not in self._own.values():
                        self._bells[notice.channel].ring()
