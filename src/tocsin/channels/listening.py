"""The port for vendors that tell us things over a connection that we open: buttons pressed in groups. No Django."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from tocsin.channels.base import Provider


@dataclass(frozen=True, slots=True)
class Button:
    """One that acts when somebody in the group presses it. `token` comes back with the press: nobody can make one."""

    name: str
    """What it does, in one lower-case word."""
    label: str
    token: str = field(repr=False)
    is_main: bool = False


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button. Nothing of it is proved but what the vendor vouches for: the platform's user."""

    token: str = field(repr=False)
    """As the message's `Button` had it, if it is one of ours."""
    user_id: str
    """By which the platform knows who pressed, as contacts have it."""
    message_id: str = ""
    """The vendor's id of the message."""


@dataclass(frozen=True, slots=True)
class PressAnswer:
    """Told to who pressed, and to nobody else in the group. `text` is in their language, as plain text."""

    text: str
    is_done: bool
    link: str = field(default="", repr=False)
    """Where to go on, for who pressed alone."""


Heard = Callable[[Press], Awaitable[PressAnswer]]
"""Acts, and never raises. It takes less than the shortest time that a vendor waits."""


class ConnectionLostError(Exception):
    """There is no connection. The text is for people and holds no secret.

    `is_refused`: the vendor will not have us as we are set up, so hurrying does not help.
    """

    def __init__(self, text: str, *, is_refused: bool = False) -> None:
        super().__init__(text)
        self.is_refused = is_refused


Begin = Callable[[Coroutine[Any, Any, None]], None]
"""Begins what raises nothing, and does not wait for it."""
DONE_WITHIN = 5.0
"""Seconds that what was acknowledged has once the connection ends: nobody brings it again."""


@asynccontextmanager
async def answering(*, done_within: float = 0.0) -> AsyncIterator[Begin]:
    """Begins what it is given beside the connection, and ends it with that.

    `done_within`: seconds that it still has then.
    """
    tasks: set[asyncio.Task[None]] = set()

    def begin(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        yield begin
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(done_within):
                while tasks and done_within:  # what is begun meanwhile has no more time than the others
                    await asyncio.wait(tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class ListeningProvider(Provider, Protocol):
    """What `ProviderType.listens` promises. One that listens is opened for that alone, and sends nothing else."""

    async def listen(self, heard: Heard, connected: Callable[[], None]) -> None:
        """Holds one connection, and calls `connected` when it stands. Returns when the vendor asks to come again at
        once; raises ConnectionLostError when it is lost. Ends when it is cancelled.
        """
        ...
