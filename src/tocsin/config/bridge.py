"""What the web server hears, as a WSGI application reads it: whole requests, each header under its own name.

The server's own WSGI hands a request to a thread before its body is there, so that whoever opens a few connections and
says nothing more holds all threads; and it takes `X_Forwarded_For` for `X-Forwarded-For`, so that anybody writes what
only a proxy should.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import IO, Any

from tocsin.web.shared.uploads import MOST_WITH_FILE, TAKES_FILES

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_LARGEST = 17 * 2**20
"""Bytes of a body, of which doors refuse far smaller ones (events those of 8 MiB), and say so."""
_SMALL = 2**18
_LARGE_AT_ONCE = 16
"""How many bodies that are not small are read at once: they lie on the disk."""
_IN_MEMORY = 2**20
"""Of one of these."""
_WITHIN = 30.0
"""Seconds for a body, and for each piece of an answer."""
_MORE_FOR_EACH = 5.0
"""Seconds for each megabyte of a body beside."""
_SENT_AT_ONCE = 4 * 2**20
"""A file of up to so many bytes is left to the server, however slowly it is fetched."""
_DOORS_OF_FILES = tuple(f"/{route}" for route in TAKES_FILES)
_UNPREFIXED = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}
_JOINED_BY = {"cookie": "; "}
_SERVER: Mapping[str, Any] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


class _RefusedError(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


class Bridge:
    """Granian's interface RSGI. `threads`: how many requests are answered at once."""

    def __init__(self, application: Application, *, threads: int) -> None:
        self._application = application
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def __rsgi__(self, scope: Any, proto: Any) -> None:
        environ = environ_of(scope)
        try:
            body = await self._body(environ, proto)
        except _RefusedError as refused:
            with suppress(RuntimeError):  # nobody is there any more
                proto.response_empty(refused.status, [("Connection", "close")])
            return
        environ["wsgi.input"] = body
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._answer, environ, proto, loop)

    async def _body(self, environ: dict[str, Any], proto: Any) -> IO[bytes]:
        """Read before a thread is asked for."""
        declared = environ.get("CONTENT_LENGTH", "")
        if declared in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
            return io.BytesIO()
        takes_file = environ["PATH_INFO"].endswith(_DOORS_OF_FILES)
        most = MOST_WITH_FILE if takes_file else _LARGEST
        length = int(declared) if declared.isascii() and declared.isdigit() and len(declared) < 19 else most
        if length > most:
            raise _RefusedError(413)
        reading = asyncio.ensure_future(_whole(proto) if length <= _SMALL else self._spooled(proto, most))
        done, _late = await asyncio.wait([reading], timeout=_WITHIN + _MORE_FOR_EACH * length / 2**20)
        if not done:
            reading.cancel()
            raise _RefusedError(408)
        try:
            body, size = reading.result()
        except RuntimeError as error:  # cut off, or none of HTTP
            raise _RefusedError(400) from error
        environ["CONTENT_LENGTH"] = str(size)
        return body

    async def _spooled(self, proto: Any, most: int) -> tuple[IO[bytes], int]:
        async with self._large:
            file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 (closed with the request)
            try:
                async for piece in proto:
                    file.write(piece)
                    if file.tell() > most:
                        raise _RefusedError(413)
            except BaseException:
                file.close()
                raise
            size = file.tell()
            file.seek(0)
            return file, size

    def _answer(self, environ: dict[str, Any], proto: Any, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread."""
        begun: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_error: Any) -> None:
            begun[:] = [int(status[:3]), headers]

        with environ["wsgi.input"]:
            pieces = self._application(environ, start)
            try:
                if getattr(pieces, "streaming", False) and not _is_small(pieces):
                    self._stream(begun, pieces, proto, loop)
                else:
                    proto.response_bytes(*begun, b"".join(pieces))
            finally:
                if hasattr(pieces, "close"):
                    pieces.close()

    def _stream(self, begun: list[Any], pieces: Iterable[bytes], proto: Any, loop: asyncio.AbstractEventLoop) -> None:
        transport = proto.response_stream(*begun)
        for piece in pieces:
            asyncio.run_coroutine_threadsafe(_sent(transport, piece), loop).result(_WITHIN)


def environ_of(scope: Any) -> dict[str, Any]:
    """Names with an underscore are left out: no program needs them, and they would stand for those with a hyphen."""
    host, _colon, port = scope.server.rpartition(":")
    environ: dict[str, Any] = {
        **_SERVER,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = _UNPREFIXED.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = f"{environ[key]}{_JOINED_BY.get(name, ',')}{value}" if key in environ else value
    return environ


def _is_small(response: Any) -> bool:
    """Django's, of a file whose size is known."""
    length = response.headers.get("Content-Length", "")
    return length.isascii() and length.isdigit() and int(length) <= _SENT_AT_ONCE


async def _whole(proto: Any) -> tuple[IO[bytes], int]:
    body = await proto()
    return io.BytesIO(body), len(body)


async def _sent(transport: Any, piece: bytes) -> None:
    await transport.send_bytes(piece)
