"""Whether a guarded request to a typed address would be refused, told before anything is sent there."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from urllib.parse import urlsplit

from tocsin.channels.http import HttpClient

_LOCAL_NAMES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_RESOLVED_WITHIN = 2.0
"""Seconds; a name that takes longer is judged when it is connected to."""


def is_allowed(url: str, allow: Sequence[str]) -> bool:
    """Whether the operator has named the address's host, or a network that it is in, in TOCSIN_OUTGOING_ALLOW."""
    host = _host(url)
    return any(host == entry.lower().rstrip(".") for entry in allow) or any(
        _is_in(address, entry) for address in _written_addresses(host) for entry in allow
    )


def is_private(url: str, allow: Sequence[str]) -> bool:
    """As far as can be told now: a name that cannot be resolved is not (connecting will show)."""
    host = _host(url)
    if not host or is_allowed(url, allow):
        return not host
    client = HttpClient(allow=allow)
    addresses = _written_addresses(host)
    if not addresses and (host == "localhost" or host.endswith(_LOCAL_NAMES)):
        return True
    addresses = addresses or _resolved(host)
    return bool(addresses) and not any(map(client.allows, addresses))


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return ""


def _written_addresses(host: str) -> list[str]:
    """The address that a host is, also in the spellings that the system's resolver takes (2130706433, 0x7f.1)."""
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host.partition("%")[0]))]
    with suppress(OSError, UnicodeError):
        return [socket.inet_ntoa(socket.inet_aton(host))]
    return []


def _is_in(address: str, entry: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(address) in ipaddress.ip_network(entry, strict=False)
    return False


def _resolved(host: str) -> list[str]:
    """In a thread of its own: a resolver may take far longer than a person waits."""
    answer: Future[list[str]] = Future()

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            answer.set_result([str(where[0]) for *_, where in found])
        except (OSError, UnicodeError):
            answer.set_result([])

    Thread(target=resolve, name="resolve", daemon=True).start()
    with suppress(TimeoutError):
        return answer.result(_RESOLVED_WITHIN)
    return []
