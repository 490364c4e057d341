"""The worker's sends: claimed, sent and recorded side by side, so that a slow provider holds up nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial

from django.db import Error as DatabaseFault
from django.db import InterfaceError, OperationalError

from tocsin.channels.base import Said
from tocsin.channels.kinds import Channel
from tocsin.core.clock import utc_now
from tocsin.delivery.addressing import kept_routes
from tocsin.delivery.claiming import Claimed, claim
from tocsin.delivery.crashes import return_unsent
from tocsin.delivery.listener import Doorbell
from tocsin.delivery.pool import Pool
from tocsin.delivery.queue_rows import next_delivery_at
from tocsin.delivery.recording import record
from tocsin.delivery.reports import record_reports
from tocsin.delivery.rules.windows import Window
from tocsin.delivery.sending import OpenAccounts, Sent, send
from tocsin.delivery.waiting import CEILING, after_failure, pause_until

logger = logging.getLogger(__name__)

_RECORDED_AT_ONCE = 200
_GATHERED_FOR = 0.02
"""Seconds that an outcome waits for others while more is being sent: what a commit costs is shared by more of them."""
_RECORD_BACKOFF = 1.0
"""Sooner than others look for dead workers after the database has come back, and send again."""
_THREADS = 4
_LOOKS_FOR_ACCOUNTS_EVERY = 5.0
"""Seconds until an account that stays open is seen to be new, changed or gone."""


@dataclass(frozen=True, slots=True)
class _Report:
    """What an open account said; `stored` when that is done with."""

    account_id: int
    said: Said
    stored: asyncio.Future[None]


class Sender:
    """Of one worker. `run` returns when `stop` is set (and the bell rung), with what was being sent recorded."""

    def __init__(self, worker_id: int, bell: Doorbell, stop: threading.Event, *, ceiling: float = CEILING) -> None:
        self._worker_id, self._bell, self._stop, self._ceiling = worker_id, bell, stop, ceiling
        self._threads = Pool(_THREADS, "send")
        self._windows: defaultdict[Channel, Window] = defaultdict(Window)
        self._in_flight: set[int] = set()
        self._closed: set[Channel] = set()

    async def run(self) -> None:
        self._sent: asyncio.Queue[Sent] = asyncio.Queue()
        self._reported: asyncio.Queue[_Report] = asyncio.Queue()
        self._accounts = OpenAccounts(self._report)
        self._look_for_accounts_at = time.monotonic()
        self._woken = asyncio.Event()
        self._bell.call_in(asyncio.get_running_loop(), self._woken.set)
        recorders = [asyncio.create_task(self._record_all()), asyncio.create_task(self._record_reports())]
        try:
            await self._send_all()
        finally:
            await self._accounts.aclose()
            await self._reported.join()
            for recorder in recorders:
                recorder.cancel()
            self._threads.close()

    async def _send_all(self) -> None:
        failures = 0
        sends: set[asyncio.Task[None]] = set()
        while not self._stop.is_set():
            self._woken.clear()
            rooms = {channel: self._windows[channel].room() for channel in self._open_channels()}
            try:
                if failures:
                    await self._return_unsent()
                await self._keep_accounts_open()
                claims = await self._claim(rooms)
                for item in claims:
                    task = asyncio.create_task(self._send(item))
                    sends.add(task)
                    task.add_done_callback(sends.discard)
                await self._accounts.close_stale({item.route.key for item in claims})
                wait = await self._threads.run(partial(_pause, self._open_channels(), self._ceiling))
                failures = 0
            except DatabaseFault as error:
                failures += 1
                wait = after_failure("claim", error, failures)
            if not self._stop.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._woken.wait()
        await asyncio.gather(*sends)
        await self._sent.join()
        with contextlib.suppress(DatabaseFault):
            await self._return_unsent()

    async def _keep_accounts_open(self) -> None:
        if time.monotonic() >= self._look_for_accounts_at:
            self._look_for_accounts_at = time.monotonic() + _LOOKS_FOR_ACCOUNTS_EVERY
            try:
                self._accounts.keep_open(await self._threads.run(kept_routes))
            except DatabaseFault:
                raise
            except Exception as error:
                logger.error("accounts that stay open cannot be read: %s", type(error).__name__)

    async def _report(self, account_id: int, said: Said) -> None:
        report = _Report(account_id, said, asyncio.get_running_loop().create_future())
        self._reported.put_nowait(report)
        await report.stored

    def _open_channels(self) -> list[Channel]:
        """Those that more may be claimed of. The recorder wakes us when there are more of them."""
        found = [channel for channel in Channel if self._windows[channel].room()]
        self._closed = set(Channel).difference(found)
        return found

    async def _claim(self, rooms: Mapping[Channel, int]) -> list[Claimed]:
        """A fault of ours in one channel (a value that does not fit, say) leaves the others going; a database that is
        away is waited for.
        """
        try:
            return await self._claim_of(rooms)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            logger.exception("messages could not be claimed; trying channel by channel")
        claims: list[Claimed] = []
        for channel, room in rooms.items():
            try:
                claims += await self._claim_of({channel: room})
            except (OperationalError, InterfaceError):
                if claims:
                    break
                raise
            except Exception as error:
                logger.error("messages over %s cannot be claimed: %s", channel, type(error).__name__)
        return claims

    async def _claim_of(self, rooms: Mapping[Channel, int]) -> list[Claimed]:
        if not rooms:
            return []
        claims = await self._threads.run(
            lambda: claim(utc_now(), worker_id=self._worker_id, limit=sum(rooms.values()), rooms=rooms)
        )
        self._in_flight |= {item.delivery_id for item in claims}
        at = time.monotonic()
        for channel in rooms:
            self._windows[channel].take(sum(item.channel is channel for item in claims), at)
        return claims

    async def _send(self, item: Claimed) -> None:
        sent = await send(item, self._accounts, is_given_up=self._stop.is_set)
        if sent is None:
            self._forget(item)
        else:
            self._sent.put_nowait(sent)

    async def _record_all(self) -> None:
        while True:
            batch = [await self._sent.get()]
            if len(self._in_flight) > 1 + self._sent.qsize() and not self._stop.is_set():
                await asyncio.sleep(_GATHERED_FOR)
            while not self._sent.empty() and len(batch) < _RECORDED_AT_ONCE:
                batch.append(self._sent.get_nowait())
            await self._record(batch)
            for _ in batch:
                self._sent.task_done()
            if any(self._windows[channel].room() for channel in self._closed):
                self._woken.set()

    async def _record_reports(self) -> None:
        """Each is stored before the next is looked at; they can be told again, so one in doubt is."""
        while True:
            report = await self._reported.get()
            reported = [(report.account_id, report.said)]
            failures = 0
            while True:
                try:
                    await self._threads.run(partial(record_reports, reported, utc_now()))
                except (OperationalError, InterfaceError) as error:
                    failures += 1
                    await asyncio.sleep(after_failure("receipts", error, failures, at_most=_RECORD_BACKOFF))
                    continue
                except Exception:
                    logger.exception("what account %d says cannot be recorded", report.account_id)
                break
            if not report.stored.done():
                report.stored.set_result(None)
            self._reported.task_done()

    async def _record(self, batch: list[Sent]) -> None:
        """Outcomes are worth waiting for, however long the database is away. One that can never be recorded stays
        where it is: it is not sent again before it counts as ambiguous.
        """
        failures = 0
        while True:
            try:
                await self._threads.run(lambda: record(batch, utc_now()))
            except (OperationalError, InterfaceError) as error:
                failures += 1
                await asyncio.sleep(after_failure("record", error, failures, at_most=_RECORD_BACKOFF))
            except Exception:
                if len(batch) == 1:
                    logger.exception("the outcome of delivery %d cannot be recorded", batch[0].claim.delivery_id)
                    self._windows[batch[0].claim.channel].give_back(1)
                    return
                for sent in batch:
                    await self._record([sent])
                return
            else:
                for sent in batch:
                    self._forget(sent.claim)
                return

    def _forget(self, item: Claimed) -> None:
        self._in_flight.discard(item.delivery_id)
        self._windows[item.channel].give_back(1)

    async def _return_unsent(self) -> None:
        """What this worker has in the database and not in hand: claimed when the connection broke, or not begun."""
        held = frozenset(self._in_flight)
        await self._threads.run(partial(return_unsent, self._worker_id, held, utc_now()))


def _pause(channels: Collection[Channel], ceiling: float) -> float:
    return pause_until(next_delivery_at(channels), ceiling)
