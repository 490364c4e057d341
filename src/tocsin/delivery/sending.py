"""The fourth step: claimed deliveries go to their providers, with no transaction open and no ORM in sight."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from django.conf import settings

from tocsin.channels.base import (
    AskableProvider,
    Outcome,
    Provider,
    Receipt,
    ReportingProvider,
    Said,
    SendResult,
)
from tocsin.channels.http import HttpClient
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConfigurationError
from tocsin.core.traces import tracing
from tocsin.delivery.addressing import Route
from tocsin.delivery.claiming import Claimed
from tocsin.delivery.looking_up import Taken, look_up
from tocsin.delivery.rules.told import FAULT, FOUND, NO_RESULT, NOT_OPENED, TAKEN_BEFORE

logger = logging.getLogger(__name__)

_LONGEST_SEND = 60.0
"""Seconds after which a send that a provider never gave up on counts as ambiguous."""
_LONGEST_QUESTION = 15.0
_IDLE_ACCOUNTS_KEPT = 256
_LAST_WORDS = 5.0
"""Seconds that a closed provider may still take to end its receipts."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A claim and what came of it."""

    claim: Claimed
    result: SendResult
    finished_at: datetime
    via: Route | None = None
    """What had taken an earlier try, so that nothing was sent now."""
    receipts: Sequence[Receipt] = ()


@dataclass(slots=True)
class _Open:
    provider: Provider
    slots: asyncio.Semaphore
    places: contextlib.AbstractAsyncContextManager[object]
    """Of its provider, which all its accounts share; without an end where there is no such limit."""
    users: int = 0
    """Sends that have begun or wait for a slot."""
    listening: asyncio.Task[None] | None = None
    """Hands on the receipts of a ReportingProvider, until it is closed."""
    was_kept: bool = False


@dataclass(slots=True)
class OpenAccounts:
    """Providers kept open between sends, one for each account and version. Belongs to one event loop.

    `on_said` gets what a ReportingProvider says, with the account's id, until `aclose` has returned; when it returns,
    that is stored, or never will be.
    """

    on_said: Callable[[int, Said], Awaitable[None]]
    taken: Taken = field(default_factory=Taken)
    _kept: frozenset[tuple[str, int, int]] = frozenset()
    """Stay open although nothing is sent over them."""
    _open: dict[tuple[str, int, int], _Open] = field(default_factory=dict)
    _places: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    _http: HttpClient = field(default_factory=lambda: HttpClient(allow=settings.OUTGOING_ALLOW))
    _closing: set[asyncio.Task[None]] = field(default_factory=set)

    def get(self, route: Route) -> _Open:
        """Opens the account at its first use. ConfigurationError for one whose secrets cannot be read."""
        if route.problem:
            raise ConfigurationError(route.problem)
        if (found := self._open.get(route.key)) is None:
            provider = route.provider.open(route.config, self._http)
            slots = asyncio.Semaphore(route.capabilities.concurrency)
            found = self._open[route.key] = _Open(provider, slots, self._places_of(route))
            if route.provider.reports and route.account_id is not None:
                listening = self._listen(cast(ReportingProvider, provider), route.account_id)
                found.listening = asyncio.create_task(listening)
        return found

    def _places_of(self, route: Route) -> contextlib.AbstractAsyncContextManager[object]:
        most = route.capabilities.worker_concurrency
        if most is None:
            return contextlib.nullcontext()
        return self._places.setdefault(route.provider.name, asyncio.Semaphore(most))

    def keep_open(self, routes: Collection[Route]) -> None:
        """These, from now on; those that were kept before are closed with the stale ones."""
        self._kept = frozenset(route.key for route in routes)
        for route in routes:
            try:
                self.get(route).was_kept = True
            except Exception:
                logger.exception("provider %s could not be opened", route.provider.name)

    async def close_stale(self, in_use: set[tuple[str, int, int]]) -> None:
        """Closes idle accounts whose configuration was replaced, and the oldest when there are very many."""
        in_use = in_use | self._kept
        if self._open.keys() <= in_use:
            return
        current = {(kind, pk): version for kind, pk, version in in_use}
        idle = [key for key, opened in self._open.items() if key not in in_use and not opened.users]
        stale = [key for key in idle if key[:2] in current or self._open[key].was_kept]
        stale += [key for key in idle if key not in stale][:-_IDLE_ACCOUNTS_KEPT]
        for key in stale:  # what goes on there may take its time to end, and holds up nobody
            task = asyncio.create_task(_close(self._open.pop(key)))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """All at once: a provider may wait for the calls that go on."""
        opened = [self._open.pop(key) for key in list(self._open)]
        await asyncio.gather(*(_close(item) for item in opened), *self._closing)
        await self._http.aclose()

    async def _listen(self, provider: ReportingProvider, account_id: int) -> None:
        try:
            async for said in provider.receipts():
                await self.on_said(account_id, said)
        except Exception:
            logger.exception("account %d says no more what becomes of its messages", account_id)


async def _close(opened: _Open) -> None:
    with contextlib.suppress(Exception):
        await opened.provider.aclose()
    if opened.listening is not None:
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await opened.listening


async def send(claim: Claimed, accounts: OpenAccounts, is_given_up: Callable[[], bool] = lambda: False) -> Sent | None:
    """One attempt. Never raises: a provider that does is a fault of ours, logged without the message.

    None: it had not begun when `is_given_up` said that nothing shall begin any more.
    """
    try:
        opened = accounts.get(claim.route)
    except ConfigurationError as error:
        return Sent(claim, SendResult(Outcome.PERMANENT_CONFIG, "open", str(error)), utc_now())
    except Exception as error:
        logger.exception("provider %s could not be opened", claim.route.provider.name)
        detail = NOT_OPENED % {"problem": type(error).__name__}
        return Sent(claim, SendResult(Outcome.PERMANENT_CONFIG, "open", detail), utc_now())
    opened.users += 1
    try:
        async with opened.slots, opened.places:
            if is_given_up():
                return None
            with tracing(delivery_id=claim.delivery_id, channel=claim.channel.value):
                found = await _look_up(claim, accounts) if claim.doubt is not None else None
                return found or await _attempt(claim, opened.provider)
    finally:
        opened.users -= 1


async def _look_up(claim: Claimed, accounts: OpenAccounts) -> Sent | None:
    """Whether the try before was taken after all; None when it was not, or when that cannot be told."""
    if (doubt := claim.doubt) is None:
        return None
    try:
        provider = cast(AskableProvider, accounts.get(doubt.route).provider)
        async with asyncio.timeout(_LONGEST_QUESTION):
            finding = await look_up(
                provider, doubt.question, delivery_id=claim.delivery_id, account=doubt.route.account_id,
                taken=accounts.taken,
            )  # fmt: skip
    except TimeoutError:
        return None
    except Exception:
        logger.exception("provider %s could not be asked", doubt.route.provider.name)
        return None
    if not finding.is_known:
        return None
    result = SendResult(Outcome.ACCEPTED, FOUND, TAKEN_BEFORE, finding.provider_id)
    return Sent(claim, result, utc_now(), doubt.route, finding.receipts)


async def _attempt(claim: Claimed, provider: Provider) -> Sent:
    try:
        async with asyncio.timeout(_LONGEST_SEND):
            result = await provider.send(claim.message)
    except TimeoutError:
        result = SendResult(Outcome.AMBIGUOUS, "timeout", NO_RESULT)
    except Exception as error:
        logger.exception("provider %s failed in an unforeseen way", claim.route.provider.name)
        result = SendResult(Outcome.AMBIGUOUS, "fault", FAULT % {"problem": type(error).__name__})
    return Sent(claim, result, utc_now())


async def send_all(claims: Sequence[Claimed]) -> tuple[list[Sent], list[tuple[int, Said]]]:
    """Sends a batch and waits for all of it, and for the calls that it began to end: what tests and commands use; the
    worker overlaps batches.
    """
    reported: list[tuple[int, Said]] = []

    async def keep(account_id: int, said: Said) -> None:
        reported.append((account_id, said))

    accounts = OpenAccounts(keep)
    try:
        sent = await asyncio.gather(*(send(claim, accounts) for claim in claims))
    finally:
        await accounts.aclose()
    return [item for item in sent if item is not None], reported
