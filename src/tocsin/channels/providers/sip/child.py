"""The call worker: `python -m tocsin.channels.providers.sip.child`, told what to do on stdin (protocol.py).

Ends when stdin does, hanging up what goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO, TypeVar

from baresip import Account, Config, Runtime, UserAgent
from baresip.errors import BaresipError, RegistrationError
from msgspec.structs import replace

from tocsin.channels.providers.sip.calling import Call
from tocsin.channels.providers.sip.protocol import (
    NOT_PLACED,
    NOT_REGISTERED,
    NOT_TRUSTED,
    Close,
    Dial,
    Ended,
    Event,
    HangUp,
    Open,
    Ready,
    line,
    read_command,
)
from tocsin.channels.providers.sip.speech import Speaker
from tocsin.channels.providers.sip.tracing import Replies

logger = logging.getLogger("tocsin.sip")
T = TypeVar("T")

_REGISTERS_WITHIN = 5.0
_REGISTERED_FOR = 300
_TLS_FAILED = os.strerror(errno.EPROTO)
_GOODBYE = 2.0
"""Seconds for hanging up and unregistering at the end."""


class Child:
    """One account, its registration and its calls. Everything runs on one event loop, speech in a thread."""

    def __init__(self, opened: Open, out: BinaryIO) -> None:
        self._opened, self._out = opened, out
        self._runtime = Runtime()
        self._replies = Replies()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="speech")
        self._calls: dict[str, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        opened = self._opened
        self._speaker = await self._in_thread(Speaker)
        await self._runtime.start(_stack(opened))
        self._runtime.on_dead = _end_at_once
        self._replies.listen()
        self._registrar = await self._agent(_account(opened, registers=opened.registers))
        self._registrar.on_incoming(self._refuse)
        has_other_name = opened.caller_id not in ("", opened.user) or opened.from_domain not in ("", opened.server)
        caller = _account(opened, registers=False, is_caller=True)
        self._caller = await self._agent(caller) if has_other_name else self._registrar
        self._registration = asyncio.create_task(self._register())
        await asyncio.wait({self._registration})

    async def _agent(self, account: Account) -> UserAgent:
        """Nobody may make it call anybody else (a REFER)."""
        return await UserAgent.create(self._runtime, account, transfer_policy="reject")

    def tell(self, event: Event) -> None:
        self._out.write(line(event))
        self._out.flush()

    def dial(self, told: Dial) -> None:
        task = asyncio.create_task(self._call(told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def hang_up(self, name: str) -> None:
        if (call := self._calls.get(name)) is not None:
            await call.hang_up()

    async def close(self, within: float) -> None:
        """Calls may end by themselves for a while."""
        if self._tasks and within:
            await asyncio.wait(self._tasks, timeout=within)
        with contextlib.suppress(TimeoutError, BaresipError):
            async with asyncio.timeout(_GOODBYE):
                for call in list(self._calls.values()):
                    await call.drop()
                if self._tasks:
                    await asyncio.wait(self._tasks)
                if self._opened.registers:
                    await self._registrar.unregister(timeout=1.0)
        with contextlib.suppress(BaresipError):
            await self._runtime.close()

    async def _call(self, told: Dial) -> None:
        """Its `Ended` is told whatever happens."""
        if (refused := await self._why_not_registered(told)) is not None:
            self.tell(refused)
            return
        call = self._calls[told.call] = Call(told, self.tell, self._say, self._replies)
        try:
            ended = self._of_tls(await call.run(self._caller))
        except Exception as error:
            logger.exception("a call failed in an unforeseen way")
            ended = Ended(told.call, NOT_PLACED, detail=type(error).__name__)
        finally:
            self._calls.pop(told.call)
        self.tell(ended)

    async def _why_not_registered(self, told: Dial) -> Ended | None:
        """Tries once more when the last registration failed."""
        if not self._opened.registers:
            return None
        if self._registration.done() and self._registration.result() is not None:
            self._registration = asyncio.create_task(self._register())
        error = await asyncio.shield(self._registration)
        if error is None:
            return None
        return self._of_tls(
            Ended(told.call, NOT_REGISTERED, status=error.status or 0, detail=error.reason or str(error))
        )

    def _of_tls(self, ended: Ended) -> Ended:
        """Told apart from other calls that did not come about by the one error that the stack has for it."""
        is_of_tls = self._opened.transport == "tls" and ended.how in (NOT_PLACED, NOT_REGISTERED)
        return replace(ended, how=NOT_TRUSTED) if is_of_tls and _TLS_FAILED in ended.detail else ended

    async def _register(self) -> RegistrationError | None:
        if not self._opened.registers:
            return None
        try:
            await self._registrar.register(timeout=_REGISTERS_WITHIN)
        except RegistrationError as error:
            return error
        except BaresipError as error:
            return RegistrationError(str(error))
        return None

    def _refuse(self, call: Any) -> None:
        """Nobody is called here; who calls back hears that it is busy."""

        async def reject() -> None:
            with contextlib.suppress(BaresipError):
                await call.reject()

        task = asyncio.create_task(reject())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say(self, text: str, language: str) -> bytes:
        return await self._in_thread(partial(self._speaker.say, text, language))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _stack(opened: Open) -> Config:
    """Bound to the address from which the server is reached, which also makes a server on this machine work."""
    where = _own_address(opened.next_hop)
    listen = f"[{where}]:0" if ":" in where else f"{where}:0"
    lines = ["dns_getaddrinfo yes"]  # names that this machine knows by itself, beside those of DNS
    lines += [f"sip_listen {listen}"] if where else []
    if opened.transport == "tls":
        lines += [f"sip_verify_server {'yes' if opened.is_verified else 'no'}"]
        lines += [f"sip_cafile {opened.ca_file or _authorities()}"]
    return Config(
        net_interface=where or None,
        sip_trace=True,
        max_concurrent_calls=None,
        native_log_level="error",
        extra_config_text="\n".join(lines),
    )


def _account(opened: Open, *, registers: bool, is_caller: bool = False) -> Account:
    user = opened.user or "tocsin"
    return Account(
        user=(opened.caller_id or user) if is_caller else user,
        domain=(opened.from_domain or opened.server) if is_caller else opened.server,
        password=opened.password,
        registrar=f"{opened.next_hop};transport={opened.transport}",
        reg_interval=_REGISTERED_FOR if registers else 0,
        transport=opened.transport,
        auth_user=user,
        audio_codecs=("pcmu", "pcma"),
    )


def _own_address(next_hop: str) -> str:
    """ "" when it cannot be told; connecting a datagram socket sends nothing. Where a name has addresses of both kinds
    it is the one for IPv4, on which every PBX listens.
    """
    host, port = _split(next_hop)
    with contextlib.suppress(OSError):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        for family, kind, protocol, _name, address in sorted(found, key=lambda one: one[0] != socket.AF_INET):
            with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as probe:
                probe.connect(address)
                return str(probe.getsockname()[0])
    return ""


def _split(next_hop: str) -> tuple[str, int]:
    if next_hop.startswith("["):
        host, _, rest = next_hop[1:].partition("]")
        return host, int(rest.lstrip(":") or 5060)
    host, _, port = next_hop.partition(":")
    return host, int(port or 5060)


def _authorities() -> str:
    import ssl

    return ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"


def _end_at_once() -> None:
    """The stack has died: whoever watches us starts another process."""
    os._exit(3)


def _read_stdin(loop: asyncio.AbstractEventLoop, told: asyncio.Queue[bytes]) -> None:
    """In a thread, which also sees to it that nothing of us stays when whoever told us is gone."""
    with contextlib.suppress(RuntimeError):
        while text := sys.stdin.buffer.readline():
            loop.call_soon_threadsafe(told.put_nowait, text)
        loop.call_soon_threadsafe(told.put_nowait, b"")
    threading.Event().wait(_GOODBYE * 2)
    os._exit(0)


def own_stdout() -> BinaryIO:
    """Stdout, for the protocol alone: what native code writes there goes to stderr from now on."""
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return ours


async def main() -> None:
    out = own_stdout()
    told: asyncio.Queue[bytes] = asyncio.Queue()
    threading.Thread(target=_read_stdin, args=(asyncio.get_running_loop(), told), daemon=True).start()
    opened = read_command(await told.get())
    if not isinstance(opened, Open):
        raise SystemExit(2)
    child = Child(opened, out)
    await child.start()
    child.tell(Ready())
    while text := await told.get():
        match read_command(text):
            case Dial() as dial:
                child.dial(dial)
            case HangUp(call=name):
                await child.hang_up(name)
            case Close(within=within):
                await child.close(within)
                return
            case _:
                pass
    await child.close(0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="call worker: %(message)s")
    logging.getLogger("baresip.native.sip").propagate = False  # whole messages, credentials included
    logging.getLogger("baresip.ua").setLevel(logging.CRITICAL)  # what it says is told as the outcome of a call
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
    os._exit(0)  # the thread that reads stdin is in the middle of it
