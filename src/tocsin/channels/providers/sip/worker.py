"""The call worker of an account, seen from outside: a child process, started again when it dies.

The SIP stack is native code, one to a process, and cannot be started again once it has died. So it has a process of
its own, which ends when its stdin does: also when its parent is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

import tocsin
from tocsin.channels.providers.sip import protocol
from tocsin.channels.providers.sip.account import Settings
from tocsin.channels.providers.sip.protocol import Close, Command, Dial, Ended, Event, Open, Ready, line, read_event

logger = logging.getLogger(__name__)

_MODULE = "tocsin.channels.providers.sip.child"
_READY_WITHIN = 20.0
_ENDS_WITHIN = 2.0
_FIRST_DELAY, _LONGEST_DELAY = 0.25, 30.0
_LONGEST_LINE = 1 << 20


class CallWorker:
    """Belongs to one event loop. `heard` is called with everything it says; each call told to it gets an `Ended`."""

    def __init__(
        self,
        settings: Settings,
        heard: Callable[[Event], None],
        *,
        module: str = _MODULE,
        ends_within: float = _ENDS_WITHIN,
    ) -> None:
        self._settings, self._heard, self._module, self._ends_within = settings, heard, module, ends_within
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._calls: set[str] = set()
        """Told to us, and not ended yet."""
        self._handed: set[str] = set()
        """Those of them that the process knows of: lost with it."""
        self._keeper: asyncio.Task[None] | None = None
        self._is_closing = self._is_resting = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Does nothing when it runs already."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep_running())

    async def tell(self, command: Command) -> None:
        """A call that cannot be handed over ends as not placed."""
        self.start()
        if isinstance(command, Dial):
            self._calls.add(command.call)
        try:
            async with asyncio.timeout(_READY_WITHIN):
                await self._ready.wait()
            if isinstance(command, Dial):
                self._handed.add(command.call)
            await self._write(command)
        except (TimeoutError, OSError) as error:
            if isinstance(command, Dial) and command.call in self._calls:
                reason = "the call worker does not run" if isinstance(error, TimeoutError) else type(error).__name__
                self._end(Ended(command.call, protocol.NOT_PLACED, detail=reason))

    async def aclose(self, within: float) -> None:
        self._is_closing = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(OSError):
                await self._write(Close(within))
            try:
                async with asyncio.timeout(within + 5):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
        if self._keeper is not None:
            if self._is_resting:
                self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper

    async def _keep_running(self) -> None:
        failures = 0
        while not self._is_closing:
            try:
                was_ready = await self._run()
            except OSError as error:
                was_ready = False
                logger.error("the call worker could not be started: %s", error)
            except Exception:
                was_ready = False
                logger.exception("a call worker is ended, since it could not be followed")
            failures = 0 if was_ready else failures + 1
            if not self._is_closing:
                logger.warning("a call worker ended; starting another")
                self._is_resting = True
                await asyncio.sleep(min(_FIRST_DELAY * 2 ** min(failures, 10), _LONGEST_DELAY))
                self._is_resting = False

    async def _run(self) -> bool:
        """One process from its start to its end; whether it was ever ready."""
        process = self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", self._module,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=_environment(), limit=_LONGEST_LINE,
            start_new_session=True,
        )  # fmt: skip
        was_ready = False
        try:
            await self._write(_introduction(self._settings))
            if self._is_closing:  # while it was being started
                await self._write(Close(0))
            assert process.stdout is not None  # noqa: S101 (it is a pipe)
            async for event in _said(process.stdout):
                if isinstance(event, Ready):
                    was_ready = True
                    self._ready.set()
                elif isinstance(event, Ended):
                    self._end(event)
                else:
                    self._heard(event)
        except OSError:
            pass
        finally:
            self._ready.clear()
            await _end(process, self._ends_within)
            for call in sorted(self._handed):
                self._end(Ended(call, protocol.LOST))
        return was_ready

    async def _write(self, command: Command) -> None:
        if self._process is None or self._process.stdin is None:
            raise BrokenPipeError
        self._process.stdin.write(line(command))
        await self._process.stdin.drain()

    def _end(self, ended: Ended) -> None:
        self._handed.discard(ended.call)
        if ended.call in self._calls:
            self._calls.discard(ended.call)
            self._heard(ended)


async def _said(stdout: asyncio.StreamReader) -> AsyncIterator[Event]:
    """Until it ends. A line that cannot be read, or is too long, is skipped: it is not the protocol's."""
    while True:
        try:
            if not (text := await stdout.readline()):
                return
            event = read_event(text)
        except (msgspec.MsgspecError, ValueError):
            logger.warning("a call worker said something that cannot be read")
            continue
        yield event


async def _end(process: asyncio.subprocess.Process, within: float) -> None:
    """It is about to end, or is made to. What it still says is read and dropped: its end is only seen behind that."""
    draining = asyncio.create_task(_drain(process.stdout))
    try:
        async with asyncio.timeout(within):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    finally:
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)


async def _drain(stdout: asyncio.StreamReader | None) -> None:
    while stdout is not None and await stdout.read(_LONGEST_LINE):
        pass


def _introduction(settings: Settings) -> Open:
    return Open(
        server=settings.server,
        user=settings.user,
        password=settings.password,
        next_hop=settings.next_hop,
        transport=settings.transport,
        is_verified=settings.is_verified,
        ca_file=settings.ca_file,
        registers=settings.registers,
        caller_id=settings.caller_id,
        from_domain=settings.from_domain,
    )


def _environment() -> dict[str, str]:
    """Ours, so that it finds the same installation; none of our own settings, which hold secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    ours = str(Path(tocsin.__file__).resolve().parent.parent)
    return {**kept, "PYTHONPATH": os.pathsep.join(filter(None, [ours, kept.get("PYTHONPATH", "")]))}
