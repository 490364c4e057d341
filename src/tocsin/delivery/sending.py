"""The fourth step: claimed deliveries go to their providers, with no transaction open and no ORM in sight."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from tocsin.channels.base import Outcome, Provider, SendResult
from tocsin.channels.http import HttpClient
from tocsin.core.clock import utc_now
from tocsin.core.sentences import Sentence
from tocsin.delivery.addressing import Route
from tocsin.delivery.claiming import Claimed

_NOT_OPENED = Sentence("The account could not be opened: %(problem)s.")
_NO_RESULT = Sentence("The provider gave no result in 60 seconds.")
_FAULT = Sentence("The provider failed: %(problem)s.")

logger = logging.getLogger(__name__)

_LONGEST_SEND = 60.0
"""Seconds after which a send that a provider never gave up on counts as ambiguous."""
_IDLE_ACCOUNTS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Sent:
    """A claim and what came of it."""

    claim: Claimed
    result: SendResult
    finished_at: datetime


@dataclass(slots=True)
class _Open:
    provider: Provider
    slots: asyncio.Semaphore
    users: int = 0
    """Sends that have begun or wait for a slot."""


class OpenAccounts:
    """Providers kept open between sends, one for each account and version. Belongs to one event loop."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int, int], _Open] = {}
        self._http = HttpClient(allow=settings.OUTGOING_ALLOW)

    def get(self, route: Route) -> _Open:
        """Opens the account at its first use."""
        if (found := self._open.get(route.key)) is None:
            provider = route.provider.open(route.config, self._http)
            found = self._open[route.key] = _Open(provider, asyncio.Semaphore(route.capabilities.concurrency))
        return found

    async def close_stale(self, in_use: set[tuple[str, int, int]]) -> None:
        """Closes idle accounts whose configuration was replaced, and the oldest when there are very many."""
        if self._open.keys() <= in_use:
            return
        current = {(kind, pk): version for kind, pk, version in in_use}
        idle = [key for key, opened in self._open.items() if key not in in_use and not opened.users]
        stale = [key for key in idle if key[:2] in current]
        stale += [key for key in idle if key not in stale][:-_IDLE_ACCOUNTS_KEPT]
        for key in stale:
            await self._close(key)

    async def aclose(self) -> None:
        for key in list(self._open):
            await self._close(key)
        await self._http.aclose()

    async def _close(self, key: tuple[str, int, int]) -> None:
        with contextlib.suppress(Exception):
            await self._open.pop(key).provider.aclose()


async def send(claim: Claimed, accounts: OpenAccounts, is_given_up: Callable[[], bool] = lambda: False) -> Sent | None:
    """One attempt. Never raises: a provider that does is a fault of ours, logged without the message.

    None: it had not begun when `is_given_up` said that nothing shall begin any more.
    """
    try:
        opened = accounts.get(claim.route)
    except Exception as error:
        logger.exception("provider %s could not be opened", claim.route.provider.name)
        detail = _NOT_OPENED % {"problem": type(error).__name__}
        return Sent(claim, SendResult(Outcome.PERMANENT_CONFIG, "open", detail), utc_now())
    opened.users += 1
    try:
        async with opened.slots:
            return None if is_given_up() else await _attempt(claim, opened.provider)
    finally:
        opened.users -= 1


async def _attempt(claim: Claimed, provider: Provider) -> Sent:
    try:
        async with asyncio.timeout(_LONGEST_SEND):
            result = await provider.send(claim.message)
    except TimeoutError:
        result = SendResult(Outcome.AMBIGUOUS, "timeout", _NO_RESULT)
    except Exception as error:
        logger.exception("provider %s failed in an unforeseen way", claim.route.provider.name)
        result = SendResult(Outcome.AMBIGUOUS, "fault", _FAULT % {"problem": type(error).__name__})
    return Sent(claim, result, utc_now())


async def send_all(claims: Sequence[Claimed]) -> list[Sent]:
    """Sends a batch and waits for all of it: what tests and commands use; the worker overlaps batches."""
    accounts = OpenAccounts()
    try:
        sent = await asyncio.gather(*(send(claim, accounts) for claim in claims))
        return [item for item in sent if item is not None]
    finally:
        await accounts.aclose()
