"""The process that Apprise runs in: one message, guarded by an audit hook that nothing in the process can take off.

It connects to no private address, whatever name, redirect or spelling leads there; it starts no program and opens no
file that is not part of Python or of the system's certificates and resolver. Reads one JSON order, says one JSON line.
"""

from __future__ import annotations

import io
import ipaddress
import json
import logging
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tocsin.channels.http import HttpClient

_PROGRAMS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
)
_SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_CHANGES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "shutil.rmtree")
_ALSO_READ = (
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf",
    "/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/mime.types", "/etc/localtime", "/usr/share/zoneinfo",
    "/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/usr/lib", "/dev/urandom", "/dev/null",
)  # fmt: skip
_WORD_FOR_REFUSED = "tocsin-refused"


class _RefusedError(OSError):
    """An OSError, so that libraries give up as they do when a connection fails."""


class Guard:
    """`refused`: what was wanted first, for people. `has_tried`: to reach somebody, who may have taken something."""

    def __init__(self, allow: Sequence[str]) -> None:
        self.refused, self.has_tried = "", False
        self._client = HttpClient(allow=[*allow, *_addresses_of(allow)])
        self._readable = tuple({*map(os.path.realpath, _ALSO_READ), *map(os.path.realpath, _python())})

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _SENDS:
            self._connect(args[0], args[-1])
        elif event in _PROGRAMS:
            self._refuse("a program")
        elif event in _CHANGES:
            self._refuse("a change of files")
        elif event == "open":
            self._open(*args[:3])

    def _connect(self, sock: socket.socket, address: Any) -> None:
        if address is None:  # connected before, and looked at then
            return
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            self._refuse("a local socket")
        try:
            ipaddress.ip_address(str(address[0]).partition("%")[0])
        except ValueError:
            self._refuse("a name that was not resolved")
        if not self._client.allows(str(address[0])):
            self._refuse("a private address")
        self.has_tried = True

    def _open(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or path is None:
            return
        is_write = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND))
        real = os.path.realpath(os.fsdecode(path))
        if is_write and real != "/dev/null":
            self._refuse("to write a file")
        if not any(real == begin or real.startswith(begin + os.sep) for begin in self._readable):
            self._refuse("to read a file")

    def _refuse(self, what: str) -> None:
        self.refused = self.refused or what
        raise _RefusedError(f"{_WORD_FOR_REFUSED}: {what}")


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    said = io.StringIO()
    logging.basicConfig(stream=said, level=logging.WARNING, format="%(message)s", force=True)
    print(json.dumps(_notify(order, said)), flush=True)  # noqa: T201 (what the process is for)


def _notify(order: dict[str, Any], said: io.StringIO) -> dict[str, str]:
    import apprise  # an extra; only this process loads it

    asset = apprise.AppriseAsset(async_mode=False, secure_logging=True, storage_mode="memory")
    guard = Guard(order["allow"])
    apprise.Apprise.instantiate("json://localhost", asset=asset)  # loads every plugin, before nothing more is read
    sys.addaudithook(guard)
    plugin = apprise.Apprise.instantiate(order["address"], asset=asset, suppress_exceptions=True)
    if plugin is None:
        return {"outcome": "refused", "says": guard.refused} if guard.refused else {"outcome": "unknown"}
    plugin.overflow_mode = apprise.OverflowMode.TRUNCATE
    is_sent = bool(plugin.notify(body=order["body"], title=order["title"], notify_type=apprise.NotifyType.WARNING))
    if guard.refused and not is_sent:
        return {"outcome": "refused", "says": guard.refused}
    if is_sent:
        return {"outcome": "sent"}
    return {"outcome": "failed" if guard.has_tried else "untried", "says": said.getvalue()[-2000:].strip()}


def _python() -> list[str]:
    """Where this Python and what it can import are."""
    return [sys.prefix, sys.base_prefix, sys.exec_prefix, *(path for path in sys.path if path and Path(path).is_dir())]


def _addresses_of(allow: Sequence[str]) -> list[str]:
    """Names that the operator allows, as they are resolved now: what is connected to is an address."""
    found: list[str] = []
    for entry in allow:
        if "/" in entry:
            continue
        try:
            found += [str(where[0]) for *_, where in socket.getaddrinfo(entry, None, type=socket.SOCK_STREAM)]
        except OSError:
            continue
    return found


if __name__ == "__main__":
    main()
