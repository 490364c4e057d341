"""The worker: one loop for each kind of work, woken by the doorbell and by the clock. The rows are the queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.db import Error as DatabaseFault
from django.db import close_old_connections, connection

from tocsin.core.clock import utc_now
from tocsin.delivery.auditor import audit
from tocsin.delivery.claiming import Claimed, claim
from tocsin.delivery.crashes import release_crashed, return_unsent
from tocsin.delivery.listener import Doorbell, Listener
from tocsin.delivery.models import Delivery
from tocsin.delivery.pipeline import rematch, sweep
from tocsin.delivery.planning import next_due_at, plan_due
from tocsin.delivery.recording import record
from tocsin.delivery.retention import forget
from tocsin.delivery.sending import OpenAccounts, Sent, send, send_all
from tocsin.delivery.services import expire_deadlines

logger = logging.getLogger(__name__)
T = TypeVar("T")

CEILING = 5.0
"""Seconds after which every loop looks again, doorbell or not: what a lost LISTEN connection costs."""
_AUDIT_EVERY = 15.0
_FORGET_EVERY = 600.0
_BATCH = 100
_MOST_IN_FLIGHT = 400
_THREADS = 4
_BACKOFF_AT_MOST = 5.0


def run(*, stop: threading.Event) -> None:
    """Works until `stop` is set; in-flight sends are then awaited and recorded."""
    worker_id = secrets.randbelow(2**31 - 1) + 1
    due, deliveries = Doorbell(), Doorbell()
    listener = Listener(worker_id, due=due, deliveries=deliveries)
    listener.start()
    listener.wait_until_ready(stop)
    loops = [
        _Loop("plan", plan_due, stop, due, next_due_at),
        _Loop("sweep", sweep, stop, Doorbell()),
        _Loop("rematch", rematch, stop, due.twin()),
        _Loop("deadlines", expire_deadlines, stop, Doorbell(), _next_deadline),
        _Loop("crashes", release_crashed, stop, Doorbell()),
        _Loop("retention", forget, stop, Doorbell(), ceiling=_FORGET_EVERY),
        _Loop("audit", _audit, stop, Doorbell(), ceiling=_AUDIT_EVERY),
    ]
    for loop in loops:
        loop.start()
    waker = threading.Thread(target=_end_waits, args=(stop, [deliveries, *(loop.bell for loop in loops)]))
    waker.start()
    try:
        asyncio.run(_Sender(worker_id, deliveries, stop).run())
    finally:
        stop.set()
        for thread in (waker, *loops):
            thread.join()
        listener.close()


def _end_waits(stop: threading.Event, bells: list[Doorbell]) -> None:
    """A loop that clears its bell after this looks at `stop` before it waits."""
    stop.wait()
    for bell in bells:
        bell.ring()


def run_due(now: datetime, *, worker_id: int = 1) -> None:
    """Does all that is due at `now` until nothing is: what stories and commands call instead of waiting."""
    while True:
        done = sweep(now) + rematch(now) + plan_due(now) + expire_deadlines(now)
        claims = claim(now, worker_id=worker_id)
        if claims:
            record(asyncio.run(send_all(claims)), now)
        if not done and not claims:
            return


def _audit(now: datetime) -> int:
    """What a round finds stays found until it is repaired, so there is never more to do at once."""
    audit(now)
    return 0


class _Loop(threading.Thread):
    """Repeats `step` while it finds work, then waits for the doorbell, the next due moment or the ceiling."""

    def __init__(
        self,
        name: str,
        step: Callable[[datetime], int],
        stop: threading.Event,
        bell: Doorbell,
        next_at: Callable[[], datetime | None] | None = None,
        ceiling: float = CEILING,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.step, self.stop, self.bell, self.next_at, self.ceiling = step, stop, bell, next_at, ceiling

    def run(self) -> None:
        failures = 0
        while not self.stop.is_set():
            self.bell.clear()
            try:
                done = self.step(utc_now())
                wait = 0.0 if done else self._pause()
                failures = 0
            except DatabaseFault as error:
                failures += 1
                wait = _after_failure(self.name, error, failures)
            except Exception:
                failures += 1
                wait = _BACKOFF_AT_MOST
                logger.exception("%s failed; it is tried again", self.name)
            if wait and not self.stop.is_set():
                self.bell.wait(wait)
        connection.close()

    def _pause(self) -> float:
        at = self.next_at() if self.next_at is not None else None
        return self.ceiling if at is None else min(max((at - utc_now()).total_seconds(), 0.001), self.ceiling)


class _Sender:
    """Claims, sends and records, overlapping: a slow provider holds up nobody else."""

    def __init__(self, worker_id: int, bell: Doorbell, stop: threading.Event) -> None:
        self.worker_id, self.bell, self.stop = worker_id, bell, stop
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="send")
        self.in_flight: set[int] = set()

    async def run(self) -> None:
        self.accounts = OpenAccounts()
        self.sent: asyncio.Queue[Sent] = asyncio.Queue()
        self.woken = asyncio.Event()
        self.bell.call_in(asyncio.get_running_loop(), self.woken.set)
        recorder = asyncio.create_task(self._record_loop())
        try:
            await self._claim_loop()
        finally:
            recorder.cancel()
            await self.accounts.aclose()
            self.threads.shutdown()

    async def _claim_loop(self) -> None:
        failures = 0
        sends: set[asyncio.Task[None]] = set()
        while not self.stop.is_set():
            self.woken.clear()
            room = min(_BATCH, _MOST_IN_FLIGHT - len(self.in_flight))
            try:
                if failures:
                    await self._in_thread(partial(return_unsent, self.worker_id, frozenset(self.in_flight), utc_now()))
                claims = await self._in_thread(partial(self._claim, room)) if room > 0 else []
                wait = 0.0 if claims else await self._in_thread(_pause_before_next_delivery)
                failures = 0
            except DatabaseFault as error:
                failures += 1
                claims, wait = [], _after_failure("claim", error, failures)
            self.in_flight |= {item.delivery_id for item in claims}
            for item in claims:
                task = asyncio.create_task(self._send(item))
                sends.add(task)
                task.add_done_callback(sends.discard)
            if wait and not self.stop.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self.woken.wait()
        await asyncio.gather(*sends)
        await self.sent.join()

    def _claim(self, room: int) -> list[Claimed]:
        return claim(utc_now(), worker_id=self.worker_id, limit=room)

    async def _send(self, item: Claimed) -> None:
        self.sent.put_nowait(await send(item, self.accounts))

    async def _record_loop(self) -> None:
        while True:
            batch = [await self.sent.get()]
            while not self.sent.empty() and len(batch) < _BATCH:
                batch.append(self.sent.get_nowait())
            await self._record(batch)
            self.in_flight -= {item.claim.delivery_id for item in batch}
            for _ in batch:
                self.sent.task_done()
            self.woken.set()

    async def _record(self, batch: list[Sent]) -> None:
        """Outcomes are worth waiting for: tried for ten minutes while the database is away."""
        for failures in range(1, 121):
            try:
                return await self._in_thread(lambda: record(batch, utc_now()))
            except DatabaseFault as error:
                await asyncio.sleep(_after_failure("record", error, failures))
        logger.error("%d outcomes could not be recorded; these sends will be marked ambiguous", len(batch))
        return None

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, _with_connection, work)


def _with_connection(work: Callable[[], T]) -> T:
    close_old_connections()
    return work()


def _pause_before_next_delivery() -> float:
    at = Delivery.objects.filter(next_at__isnull=False).order_by("next_at").values_list("next_at", flat=True).first()
    return CEILING if at is None else min(max((at - utc_now()).total_seconds(), 0.001), CEILING)


def _next_deadline() -> datetime | None:
    queue = Delivery.objects.filter(deadline_at__isnull=False).order_by("deadline_at")
    return queue.values_list("deadline_at", flat=True).first()


def _after_failure(name: str, error: DatabaseFault, failures: int) -> float:
    """The database went away or refused: say so, drop the connection, and come back soon."""
    logger.warning("%s: the database failed (%s); trying again", name, type(error).__name__)
    close_old_connections()
    return float(min(0.1 * 2**failures, _BACKOFF_AT_MOST))
