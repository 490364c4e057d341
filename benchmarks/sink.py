"""A mail server that does nothing but take mail, in a process of its own, so that it is never what is measured."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Self

_PATIENCE = 120.0


class _Conversation(asyncio.Protocol):
    """Answers each command at once; a mail is over at its lonely dot."""

    def __init__(self, sink: _Sink) -> None:
        self._sink = sink
        self._rest = b""
        self._is_content = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while True:
            if self._is_content:
                content, end, rest = self._rest.partition(b"\r\n.\r\n")
                if not end:
                    return
                self._rest, self._is_content = rest, False
                self._sink.take(content)
                self._transport.write(b"250 2.0.0 taken\r\n")
                continue
            line, end, rest = self._rest.partition(b"\r\n")
            if not end:
                return
            self._rest = rest
            self._answer(line[:4].upper())

    def _answer(self, verb: bytes) -> None:
        if verb == b"EHLO":
            self._transport.write(b"250-sink\r\n250-8BITMIME\r\n250 SIZE 10000000\r\n")
        elif verb == b"DATA":
            self._is_content = True
            self._transport.write(b"354 go\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 ok\r\n")


class _Sink:
    """Tells the parent, when it asks, how many came, when the last one did, and that one's subject."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._count = 0
        self._wanted: tuple[int, bytes] | None = None

    def take(self, content: bytes) -> None:
        self._count += 1
        if self._wanted is not None and self._wanted[0] <= self._count and self._wanted[1] in content:
            self._tell()

    def asked(self) -> None:
        self._wanted = self._pipe.recv()
        self._count = 0
        self._pipe.send(None)

    def _tell(self) -> None:
        self._wanted = None
        self._pipe.send(time.monotonic())

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Conversation(self), "127.0.0.1", 0, backlog=1000)
        self._pipe.send(server.sockets[0].getsockname()[1])
        loop.add_reader(self._pipe.fileno(), self.asked)
        await server.serve_forever()


def _serve(pipe: Connection) -> None:
    asyncio.run(_Sink(pipe).run())


class Sink:
    """Inside `with`, it listens on `port` of 127.0.0.1."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self.port: int = self._hear()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def expect(self, count: int, text: str = "") -> None:
        """Counts from now on. `arrived` then waits for as many mails, and for one of them that holds the text."""
        self._pipe.send((count, text.encode()))
        self._hear()

    def arrived(self, *, within: float = _PATIENCE) -> float:
        """The moment (monotonic seconds, the same clock in every process) at which what was expected had come."""
        moment: float = self._hear(within)
        return moment

    def _hear(self, within: float = _PATIENCE) -> object:
        assert self._pipe.poll(within), f"the sink did not get what was expected within {within:g} s"
        return self._pipe.recv()
