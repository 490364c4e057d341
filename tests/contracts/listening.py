"""Listening to a vendor as a worker does, from a test that has no event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.contracts.sending import opened
from tocsin.channels.listening import ConnectionLostError, Press, PressAnswer

_PATIENCE = 60.0
_DONE = PressAnswer("Done.", is_done=True)


@dataclass
class Pressing:
    """What was heard over one connection, and how that ended."""

    presses: list[Press] = field(default_factory=list)
    _problems: list[ConnectionLostError] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)

    def problem(self) -> ConnectionLostError:
        """How the connection was lost."""
        assert self._ended.wait(_PATIENCE), "the connection still stands"
        assert self._problems, "it ended without a problem"
        return self._problems[0]

    def returned(self) -> bool:
        """That the vendor asked to come again."""
        return self._ended.wait(_PATIENCE) and not self._problems


@contextmanager
def pressing(
    name: str, config: Mapping[str, str], answer: PressAnswer = _DONE, *, answered_after: float = 0
) -> Iterator[Pressing]:
    """One connection, until the block ends; every press gets this answer, so many seconds later."""
    heard = Pressing()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> None:
        async def hear(press: Press) -> PressAnswer:
            await asyncio.sleep(answered_after)
            heard.presses.append(press)
            return answer

        try:
            async with opened(name, config) as provider:
                await provider.listen(hear, lambda: None)
        except ConnectionLostError as error:
            heard._problems.append(error)
        finally:
            heard._ended.set()

    task = asyncio.run_coroutine_threadsafe(listen(), loop)
    try:
        yield heard
    finally:
        task.cancel()
        heard._ended.wait(_PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE)
        loop.close()
