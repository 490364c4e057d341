"""One bound connection: requests and their answers by sequence number, the window, and whether the other side lives."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

from tocsin.channels.providers.smpp.pdu import HEADER, Command, Pdu, PduError, header_of, pdu_of

logger = logging.getLogger(__name__)

OK = 0
_UNKNOWN_COMMAND = 0x03
_QUEUE_FULL = 0x14
_REJECTED = 0x66
_UNANSWERED_AT_MOST = 500
"""Messages from the other side that wait to be stored; it shall bring more later."""
_GOODBYE = 2.0


class NotSentError(Exception):
    """Nothing left: the connection was gone before."""


class BusyError(NotSentError):
    """Nothing left: as many requests as the window allows waited for their answers all the time."""


class NoReplyError(Exception):
    """It left, or may have, and nothing was answered."""


class Session:
    """Belongs to one event loop. `heard` gets each message of the other side; it is answered when that returns:
    with success, or with a refusal when it says False.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        heard: Callable[[Pdu], Awaitable[bool]],
        *,
        window: int,
        answers_within: float,
        enquires_after: float,
    ) -> None:
        self._reader, self._writer, self._heard = reader, writer, heard
        self._window = asyncio.Semaphore(window)
        self._answers_within, self._enquires_after = answers_within, enquires_after
        self._sequences = itertools.cycle(range(1, 0x7FFFFFFF))
        self._waiting: dict[int, asyncio.Future[Pdu]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._heard_at = asyncio.get_running_loop().time()
        self.closed = asyncio.Event()

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        tls: ssl.SSLContext | None,
        heard: Callable[[Pdu], Awaitable[bool]],
        *,
        window: int,
        answers_within: float,
        enquires_after: float,
    ) -> Self:
        """Connected, and not bound yet. OSError, TimeoutError."""
        async with asyncio.timeout(answers_within):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        session = cls(
            reader, writer, heard, window=window, answers_within=answers_within, enquires_after=enquires_after
        )
        session._tasks = [asyncio.create_task(session._read()), asyncio.create_task(session._enquire())]
        return session

    async def request(self, command: Command, body: bytes = b"", *, leaves_by: float | None = None) -> Pdu:
        """The answer. `leaves_by`: in the loop's time. BusyError, NotSentError, NoReplyError."""
        try:
            async with asyncio.timeout_at(leaves_by):
                await self._window.acquire()
        except TimeoutError:
            raise BusyError from None
        try:
            return await self._ask(command, body)
        finally:
            self._window.release()

    async def aclose(self, *, unbinds: bool = True) -> None:
        """Says goodbye where it can."""
        if unbinds and not self.closed.is_set():
            with contextlib.suppress(NotSentError, NoReplyError, TimeoutError):
                async with asyncio.timeout(_GOODBYE):
                    await self._ask(Command.UNBIND, b"")
        self._end()
        for task in [*self._tasks, *self._answering]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._answering, return_exceptions=True)
        await asyncio.sleep(0)  # for the transport

    async def _ask(self, command: Command, body: bytes) -> Pdu:
        if self.closed.is_set() or self._writer.is_closing():
            raise NotSentError
        sequence = next(self._sequences)
        answer: asyncio.Future[Pdu] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = answer
        try:
            async with asyncio.timeout(self._answers_within):
                await self._write(Pdu(command, False, OK, sequence, body))
                return await answer
        except (TimeoutError, OSError):
            raise NoReplyError from None
        finally:
            self._waiting.pop(sequence, None)
            if answer.done() and not answer.cancelled():
                answer.exception()  # so that nobody misses it

    async def _write(self, pdu: Pdu) -> None:
        self._writer.write(pdu.encoded())
        await self._writer.drain()

    async def _read(self) -> None:
        try:
            while True:
                length, command, status, sequence = header_of(await self._reader.readexactly(HEADER.size))
                pdu = pdu_of(command, status, sequence, await self._reader.readexactly(length))
                self._heard_at = asyncio.get_running_loop().time()
                if pdu.is_response:
                    answer = self._waiting.get(sequence)
                    if answer is not None and not answer.done():
                        answer.set_result(pdu)
                elif not await self._take(pdu):
                    return
        except (asyncio.IncompleteReadError, OSError):
            pass
        except PduError as error:
            logger.warning("an SMSC sent %s; the connection is closed", error)
        finally:
            self._end()

    async def _take(self, pdu: Pdu) -> bool:
        """A request of the other side; False when it was the last."""
        match pdu.command:
            case Command.DELIVER_SM | Command.DATA_SM if len(self._answering) < _UNANSWERED_AT_MOST:
                task = asyncio.create_task(self._hear(pdu))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case Command.DELIVER_SM | Command.DATA_SM:
                await self._answer(pdu, _QUEUE_FULL)
            case Command.ENQUIRE_LINK | Command.UNBIND:
                await self._answer(pdu, OK)
            case Command.ALERT_NOTIFICATION:
                pass
            case _:
                await self._write(Pdu(Command.GENERIC_NACK, True, _UNKNOWN_COMMAND, pdu.sequence))
        return pdu.command != Command.UNBIND

    async def _hear(self, pdu: Pdu) -> None:
        is_taken = await self._heard(pdu)
        if not self.closed.is_set():
            with contextlib.suppress(OSError):
                await self._answer(pdu, OK if is_taken else _REJECTED)

    async def _answer(self, pdu: Pdu, status: int) -> None:
        body = b"\0" if pdu.command in (Command.DELIVER_SM, Command.DATA_SM) else b""
        await self._write(Pdu(pdu.command, True, status, pdu.sequence, body))

    async def _enquire(self) -> None:
        """A connection that only looks alive is found out and closed."""
        loop = asyncio.get_running_loop()
        while True:
            idle = loop.time() - self._heard_at
            if idle < self._enquires_after:
                await asyncio.sleep(self._enquires_after - idle)
                continue
            try:
                await self._ask(Command.ENQUIRE_LINK, b"")
            except (NotSentError, NoReplyError):
                if loop.time() - self._heard_at >= self._enquires_after:
                    break
        self._end()

    def _end(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(NoReplyError())
        self._writer.transport.abort()
