"""The worker: one loop for each kind of work, woken by the doorbell and by the clock. The rows are the queue."""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
from collections.abc import Callable
from datetime import datetime

from django.db import Error as DatabaseFault
from django.db import connection

from tocsin.core.clock import utc_now
from tocsin.delivery.asking import ask_due, next_question_at
from tocsin.delivery.auditor import audit
from tocsin.delivery.claiming import claim
from tocsin.delivery.crashes import release_crashed
from tocsin.delivery.dailies import next_daily_at, send_dailies
from tocsin.delivery.handovers import send_handovers
from tocsin.delivery.hearing import Hearing
from tocsin.delivery.importing import work_on_imports
from tocsin.delivery.lifecycle import next_lifecycle_at, send_lifecycle
from tocsin.delivery.listener import Doorbell, Listener
from tocsin.delivery.models import Delivery
from tocsin.delivery.peers import TOLD_EVERY, tell_peer
from tocsin.delivery.pipeline import look_again, rematch, sweep, tell_missed_heartbeats
from tocsin.delivery.planning import PLANNED_AT_ONCE, next_due_at, plan_due
from tocsin.delivery.postings import next_update_at
from tocsin.delivery.recording import record
from tocsin.delivery.reports import record_reports
from tocsin.delivery.retention import forget
from tocsin.delivery.sender import Sender
from tocsin.delivery.sending import send_all
from tocsin.delivery.services import expire_deadlines
from tocsin.delivery.updating import show_changes
from tocsin.delivery.waiting import BACKOFF_AT_MOST, CEILING, after_failure, pause_until
from tocsin.oncall.queries import next_due_at as next_handover_at
from tocsin.policies.queries.silences import next_turn_at
from tocsin.policies.services.silences import turn_silences

logger = logging.getLogger(__name__)

_AUDIT_EVERY = 15.0
_FORGET_EVERY = 600.0


def run(*, stop: threading.Event, ceiling: float = CEILING) -> None:
    """Works until `stop` is set; in-flight sends are then awaited and recorded. `ceiling`: as in `waiting`."""
    worker_id = secrets.randbelow(2**31 - 1) + 1
    due, deliveries, imports, changes = Doorbell(), Doorbell(), Doorbell(), Doorbell()
    listener = Listener(worker_id, due=due, deliveries=deliveries, imports=imports)
    listener.start()
    listener.wait_until_ready(stop)
    rings_due, rings_deliveries = _ringing(due, listener), _ringing(deliveries, listener)
    loops = [
        _Loop(
            "plan",
            _look_and_plan,
            stop,
            due,
            next_due_at,
            then=_and_ring(rings_deliveries, changes),
            batch=PLANNED_AT_ONCE,
            ceiling=ceiling,
        ),
        _Loop("changes", show_changes, stop, changes, next_update_at, ceiling=ceiling),
        _Loop("sweep", sweep, stop, Doorbell(), then=rings_due, ceiling=ceiling),
        _Loop("silences", turn_silences, stop, Doorbell(), next_turn_at, ceiling=ceiling),
        _Loop("heartbeats", tell_missed_heartbeats, stop, Doorbell(), then=rings_due, ceiling=ceiling),
        _Loop("rematch", rematch, stop, Doorbell(), then=rings_due, ceiling=ceiling),
        _Loop("deadlines", expire_deadlines, stop, Doorbell(), _next_deadline, then=rings_deliveries, ceiling=ceiling),
        _Loop("questions", ask_due, stop, Doorbell(), next_question_at, then=rings_deliveries, ceiling=ceiling),
        _Loop("daily", send_dailies, stop, Doorbell(), next_daily_at, then=rings_deliveries, ceiling=ceiling),
        _Loop("handovers", send_handovers, stop, Doorbell(), next_handover_at, then=rings_deliveries, ceiling=ceiling),
        _Loop("crashes", release_crashed, stop, Doorbell(), then=rings_deliveries, ceiling=ceiling),
        _Loop("imports", lambda now: work_on_imports(now, stop.is_set), stop, imports, ceiling=ceiling),
        _Loop("lifecycle", send_lifecycle, stop, Doorbell(), next_lifecycle_at, ceiling=ceiling),
        _Loop("retention", forget, stop, Doorbell(), ceiling=_FORGET_EVERY),
        _Loop("peer", _tell_peer, stop, Doorbell(), ceiling=TOLD_EVERY),
        _Loop("audit", _audit, stop, Doorbell(), ceiling=_AUDIT_EVERY),
    ]
    hearing = Hearing(worker_id, stop)
    for thread in (hearing, *loops):
        thread.start()
    waker = threading.Thread(target=_end_waits, args=(stop, [deliveries, hearing.bell, *(loop.bell for loop in loops)]))
    waker.start()
    try:
        asyncio.run(Sender(worker_id, deliveries, stop, ceiling=ceiling).run())
    finally:
        stop.set()
        for thread in (waker, hearing, *loops):
            thread.join()
        listener.close()


def _ringing(bell: Doorbell, listener: Listener) -> Callable[[str, int], None]:
    """For a loop whose every NOTIFY is of this bell: it is rung here, and not once more by what is heard of it."""

    def ring(name: str, done: int) -> None:
        listener.ignore(name, connection.connection.info.backend_pid)
        if done:
            bell.ring()

    return ring


def _and_ring(ring: Callable[[str, int], None], also: Doorbell) -> Callable[[str, int], None]:
    """What people do to an alert rings for planning, whether or not anything is to be planned."""

    def both(name: str, done: int) -> None:
        ring(name, done)
        also.ring()

    return both


def _end_waits(stop: threading.Event, bells: list[Doorbell]) -> None:
    """A loop that clears its bell after this looks at `stop` before it waits."""
    stop.wait()
    for bell in bells:
        bell.ring()


def run_due(now: datetime, *, worker_id: int = 1) -> None:
    """Does all that is due at `now` until nothing is: what stories call instead of waiting.

    A claim that takes nothing may have planned what follows a call that it gave up, so what is due then is looked at.
    """
    left: frozenset[int] = frozenset()
    while True:
        done = (
            sweep(now)
            + turn_silences(now)
            + tell_missed_heartbeats(now)
            + rematch(now)
            + send_handovers(now)
            + _look_and_plan(now)
            + ask_due(now)
            + expire_deadlines(now)
            + work_on_imports(now)
        )
        done += send_dailies(now)
        claims = claim(now, worker_id=worker_id)
        if claims:
            sent, reported = asyncio.run(send_all(claims))
            record(sent, now)
            record_reports(reported, now)
        done += show_changes(now) + send_lifecycle(now)
        if not done and not claims:
            due = frozenset(Delivery.objects.filter(next_at__lte=now).values_list("pk", flat=True))
            if due == left:
                return
            left = due


def _look_and_plan(now: datetime) -> int:
    """What an inhibition began or ceased to keep quiet is heard before anybody is told."""
    return look_again(now) + plan_due(now)


def _tell_peer(now: datetime) -> int:
    """Once in a round, whatever the peer says."""
    tell_peer(now)
    return 0


def _audit(now: datetime) -> int:
    """What a round finds stays found until it is repaired, so there is never more to do at once."""
    audit(now)
    return 0


class _Loop(threading.Thread):
    """Repeats `step` while it does a whole `batch`, then waits for the doorbell, the next due moment or the ceiling.

    `then` is called with what was done: what follows in this process waits for no LISTEN connection.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[datetime], int],
        stop: threading.Event,
        bell: Doorbell,
        next_at: Callable[[], datetime | None] | None = None,
        *,
        ceiling: float,
        then: Callable[[str, int], None] | None = None,
        batch: int = 1,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.step, self.stop, self.bell, self.next_at = step, stop, bell, next_at
        self.ceiling, self.then, self.batch = ceiling, then, batch

    def run(self) -> None:
        failures = 0
        while not self.stop.is_set():
            self.bell.clear()
            try:
                done = self.step(utc_now())
                if self.then is not None:
                    self.then(self.name, done)
                wait = 0.0 if done >= self.batch else self._pause()
                failures = 0
            except DatabaseFault as error:
                failures += 1
                wait = after_failure(self.name, error, failures)
            except Exception:
                failures += 1
                wait = BACKOFF_AT_MOST
                logger.exception("%s failed; it is tried again", self.name)
            if wait and not self.stop.is_set():
                self.bell.wait(wait)
        connection.close()

    def _pause(self) -> float:
        return pause_until(self.next_at() if self.next_at is not None else None, self.ceiling)


def _next_deadline() -> datetime | None:
    queue = Delivery.objects.filter(deadline_at__isnull=False).order_by("deadline_at")
    return queue.values_list("deadline_at", flat=True).first()
