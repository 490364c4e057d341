"""Keeps a connection to the vendor of each account that listens, and acts on what is pressed there.

A thread with an event loop of its own: whatever a vendor does holds up no send. Which worker connects which account is
a row that is held for a while (`channels.connections`), so that a few workers need no leader.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from django.conf import settings
from django.db import Error as DatabaseFault
from django.utils.translation import gettext as _

from tocsin.channels.base import Config, ProviderType
from tocsin.channels.connections import HELD_FOR, hold_connections, note_connected, note_lost, release_connections
from tocsin.channels.http import HttpClient
from tocsin.channels.listening import ConnectionLostError, ListeningProvider, Press, PressAnswer
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of, kind_of
from tocsin.core.clock import utc_now
from tocsin.delivery.listener import Doorbell
from tocsin.delivery.pool import Pool
from tocsin.delivery.presses import act_on_press
from tocsin.delivery.readable import readable

logger = logging.getLogger(__name__)

LOOKED_EVERY = HELD_FOR.total_seconds() / 4
_THREADS = 2
_ANSWER_WITHIN = 2.4
"""Seconds; the shortest patience of a vendor is 3."""
_PAUSES = (0.5, 60.0)
"""Seconds after the first failure, and at most; each is twice the one before it."""
_REFUSED_PAUSE = 60.0
_WELL_AFTER = 60.0
"""A connection that was lost after so long begins anew with the short pause."""
_OF_USE_AFTER = 10.0
"""The same for one that its vendor ended in good order: who sends us away at once is not asked twice a second."""


@dataclass(frozen=True, slots=True)
class _Account:
    """Equal to itself as long as nobody changes it."""

    pk: int
    version: int
    kind: ProviderType = field(compare=False)
    config: Config = field(compare=False, repr=False)
    problem: str = field(default="", compare=False)
    """Why its secrets cannot be read; it is not connected then."""


class Hearing(threading.Thread):
    """Of one worker, until `stop` is set and the bell rung."""

    def __init__(
        self,
        worker_id: int,
        stop: threading.Event,
        *,
        looked_every: float = LOOKED_EVERY,
        pauses: tuple[float, float] = _PAUSES,
    ) -> None:
        super().__init__(name="hearing", daemon=True)
        self.bell = Doorbell()
        self._worker_id, self._stopped, self._looked_every, self._pauses = worker_id, stop, looked_every, pauses
        self._threads = Pool(_THREADS, "hear")
        self._held_for = HELD_FOR.total_seconds() * looked_every / LOOKED_EVERY
        self._kept: dict[_Account, asyncio.Task[None]] = {}

    def run(self) -> None:
        try:
            asyncio.run(self._run())
        except Exception:
            logger.exception("nothing is heard from vendors any more")

    async def _run(self) -> None:
        woken = asyncio.Event()
        clock = asyncio.get_running_loop().time
        self.bell.call_in(asyncio.get_running_loop(), woken.set)
        held_at = clock()
        try:
            while not self._stopped.is_set():
                asked_at = clock()
                try:
                    async with asyncio.timeout_at(held_at + self._held_for):
                        await self._look()
                    held_at = asked_at
                except DatabaseFault as error:
                    logger.warning("connections cannot be looked after (%s)", type(error).__name__)
                except TimeoutError:
                    logger.warning("connections cannot be looked after (the database does not answer)")
                except Exception:
                    logger.exception("connections cannot be looked after")
                if clock() >= held_at + self._held_for:  # they are another worker's by now
                    await self._end(list(self._kept))
                    held_at = clock()
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(clock() + self._looked_every, held_at + self._held_for)):
                        await woken.wait()
        finally:
            await self._end(list(self._kept))
            with suppress(DatabaseFault):
                await self._threads.run(partial(release_connections, worker_id=self._worker_id))
            self._threads.close()

    async def _look(self) -> None:
        """Begins what this worker holds now, and ends what was changed, switched off or is another worker's."""
        held = set(await self._threads.run(partial(_held, self._worker_id)))
        await self._end([account for account, task in self._kept.items() if account not in held or task.done()])
        for account in held - self._kept.keys():
            self._kept[account] = asyncio.create_task(self._keep(account))

    async def _end(self, accounts: list[_Account]) -> None:
        tasks = [self._kept.pop(account) for account in accounts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, account: _Account) -> None:
        """Connects again and again, until it is cancelled."""
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            began = clock()
            failure, is_refused = "", False
            try:
                await self._listen(account)
            except ConnectionLostError as error:
                failure, is_refused = str(error), error.is_refused
            except Exception as error:
                logger.exception("the connection of account %d failed in an unforeseen way", account.pk)
                failure = type(error).__name__
            failures = _failures_after(failures, is_lost=bool(failure), stood_for=clock() - began)
            await self._note(
                partial(note_lost, account_id=account.pk, worker_id=self._worker_id, failure=failure, now=utc_now())
            )
            await asyncio.sleep(_REFUSED_PAUSE if is_refused else _pause(failures, self._pauses))

    async def _listen(self, account: _Account) -> None:
        if account.problem:
            raise ConnectionLostError(account.problem, is_refused=True)
        http = HttpClient(allow=settings.OUTGOING_ALLOW)
        noting: set[asyncio.Task[None]] = set()

        def connected() -> None:
            note = partial(note_connected, account_id=account.pk, worker_id=self._worker_id, now=utc_now())
            noting.add(asyncio.create_task(self._note(note)))

        try:
            provider = cast(ListeningProvider, account.kind.open(account.config, http))
            try:
                await provider.listen(partial(self._hear, account.pk), connected)
            finally:
                await provider.aclose()
        finally:
            await asyncio.gather(*noting, return_exceptions=True)
            await http.aclose()

    async def _note(self, note: Callable[[], None]) -> None:
        """How a connection goes is never what ends it."""
        try:
            await self._threads.run(note)
        except DatabaseFault as error:
            logger.warning("how a connection goes was not noted (%s)", type(error).__name__)
        except Exception:
            logger.exception("how a connection goes was not noted")

    async def _hear(self, account_id: int, press: Press) -> PressAnswer:
        """What takes too long is done all the same; the presser is told to look."""
        acting = self._threads.run(partial(_act, account_id, press))
        try:
            return await asyncio.wait_for(asyncio.shield(acting), _ANSWER_WITHIN)
        except TimeoutError:
            acting.add_done_callback(lambda done: done.exception())
            return PressAnswer(_("It is being done; look at the message in a moment."), is_done=True)
        except Exception:
            logger.exception("a pressed button of account %d was not acted on", account_id)
            return PressAnswer(_("That did not work. Try again, or open the link in the message."), is_done=False)


def _held(worker_id: int) -> list[_Account]:
    accounts = hold_connections(worker_id=worker_id, now=utc_now())
    return [_account(item) for item in accounts]


def _account(item: ProviderAccount) -> _Account:
    config, problem = readable(partial(config_of, item))
    if problem:
        logger.error("account %s is not connected: %s", item.name, problem)
    return _Account(item.pk, item.version, kind_of(item), config, problem)


def _act(account_id: int, press: Press) -> PressAnswer:
    return act_on_press(account_id=account_id, press=press, now=utc_now())


def _failures_after(failures: int, *, is_lost: bool, stood_for: float) -> int:
    """How many connections in a row were of no use; `stood_for` in seconds."""
    return 0 if stood_for >= (_WELL_AFTER if is_lost else _OF_USE_AFTER) else failures + 1


def _pause(failures: int, pauses: tuple[float, float] = _PAUSES) -> float:
    shortest, longest = pauses
    pause = min(longest, shortest * 2 ** min(failures, 10))
    return float(pause * random.uniform(0.8, 1.2))
