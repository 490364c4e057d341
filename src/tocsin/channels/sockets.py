"""A WebSocket that we open to a vendor. No Django, and no address in what it raises: it may hold a ticket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tocsin.channels.listening import ConnectionLostError
from tocsin.core.sentences import Sentence

_UNREACHED = Sentence("The connection to %(host)s could not be opened.")
_REFUSED = Sentence("%(host)s refuses the connection: HTTP %(code)s %(says)s")
_LOST = Sentence("The connection to %(host)s was lost.")
_HEARTBEAT = 20.0
"""Seconds; half of it without an answer to a ping, and the connection is lost."""
_CONNECT_WITHIN = 15.0
_MAX_FRAME = 4 * 1024 * 1024


class Socket:
    """Frames as they come, text or bytes, until the other side closes."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, host: str) -> None:
        self._socket, self._host = socket, host

    async def send(self, frame: str | bytes) -> None:
        """ConnectionLostError when there is no connection any more."""
        try:
            if isinstance(frame, str):
                await self._socket.send_str(frame)
            else:
                await self._socket.send_bytes(frame)
        except (aiohttp.ClientError, ConnectionError):
            raise ConnectionLostError(_LOST % {"host": self._host}) from None

    async def frames(self) -> AsyncIterator[str | bytes]:
        """ConnectionLostError at its end, however the connection ended."""
        async for message in self._socket:
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                yield message.data
        raise ConnectionLostError(_LOST % {"host": self._host})


def is_socket_address(url: str) -> bool:
    """Encrypted, or on this machine."""
    return url.startswith(("wss://", "ws://127.0.0.1:"))


def frame_of(raw: str | bytes) -> dict[str, Any]:
    """A frame of JSON; empty for what is none."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Socket]:
    """`url` comes from the vendor that an operator named. Raises ConnectionLostError when it cannot be opened."""
    host = urlsplit(url).hostname or "?"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"User-Agent": "Tocsin"}) as session:
        try:
            async with asyncio.timeout(_CONNECT_WITHIN):
                socket = await session.ws_connect(url, heartbeat=_HEARTBEAT, max_msg_size=_MAX_FRAME)
        except aiohttp.WSServerHandshakeError as error:
            said = {"host": host, "code": str(error.status), "says": _reason(error)}
            raise ConnectionLostError(_REFUSED % said, is_refused=400 <= error.status < 500) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            raise ConnectionLostError(_UNREACHED % {"host": host}) from None
        try:
            yield Socket(socket, host)
        finally:
            await socket.close()


def _reason(error: aiohttp.WSServerHandshakeError) -> str:
    """Vendors say why in a header."""
    headers: Mapping[str, str] = error.headers or {}
    return " ".join(filter(None, (headers.get("Handshake-Msg", ""), headers.get("Handshake-Autherrcode", ""))))[:200]
