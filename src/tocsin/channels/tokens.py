"""The access token of an app, which its vendor gives for an hour or two. No Django."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tocsin.channels.base import SendResult
from tocsin.channels.groups import nothing_sent

_EARLY = 300.0
"""Seconds before its end from which a token is not used any more."""
_LONGEST = 7200.0


class AccessToken:
    """Fetched once, however many wait for it."""

    def __init__(self) -> None:
        self.text, self._until = "", 0.0
        self._fetching = asyncio.Lock()

    async def problem(self, fetch: Callable[[], Awaitable[tuple[str, object] | SendResult]]) -> SendResult | None:
        """None when there is one, or why there is none; nothing was sent then, so it is never ambiguous.

        `fetch` gives a new one with the seconds that it lasts, as the vendor says them, or what it got instead.
        """
        async with self._fetching:
            if time.monotonic() < self._until:
                return None
            found = await fetch()
            if isinstance(found, SendResult):
                return nothing_sent(found)
            self.text, lasts = found
            seconds = max(min(lasts, _LONGEST), 0.0) if isinstance(lasts, int | float) else _LONGEST
            self._until = time.monotonic() + seconds - _EARLY
            return None

    def end(self) -> None:
        """The vendor does not take it any more."""
        self._until = 0.0
