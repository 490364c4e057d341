"""A TCP server that does as it is told with each connection: for what well-behaved servers cannot do."""

from __future__ import annotations

import asyncio

from simulators.serving import Server


class RawServer(Server):
    """Reads one HTTP request a connection, then answers with bytes as they are, or acts.

    Acts: "hang" (never answers), "reset" (cuts the connection off after the request), "slam" (before reading any).
    """

    def __init__(self, *answers: bytes | str) -> None:
        super().__init__()
        self.requests: list[bytes] = []
        self._answers = list(answers)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        try:
            if answer != "slam":
                self.requests.append(await _read_request(reader))
            if answer == "hang":
                await asyncio.sleep(3600)
            if isinstance(answer, bytes):
                writer.write(answer)
                writer.close()
                await writer.wait_closed()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()


class LineServer(Server):
    """Speaks SMTP as badly as it is told to: `answers` maps a command's first word to its reply.

    "" as a reply cuts the connection off, "hang" never answers; a command without an answer gets "250 ok". The body of
    DATA is taken whatever it is.
    """

    def __init__(self, answers: dict[str, str], *, greeting: str = "220 odd server") -> None:
        super().__init__()
        self.commands: list[str] = []
        self._answers, self._greeting = {"DATA": "354 go on", **answers}, greeting

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reply = self._greeting
            while reply:
                if reply == "hang":
                    await asyncio.sleep(3600)
                writer.write(reply.encode() + b"\r\n")
                if reply.startswith("354"):
                    await reader.readuntil(b"\r\n.\r\n")
                    reply = "250 taken"
                    continue
                line = (await reader.readuntil(b"\r\n")).decode().strip()
                self.commands.append(line)
                reply = self._answers.get(line.split()[0].upper(), "250 ok")
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()


def http_answer(status: int, body: bytes, *headers: str) -> bytes:
    """A whole answer; the client sees it end."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)
