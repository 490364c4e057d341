"""Ports for programs that have to be told one, and whether they listen there by now."""

from __future__ import annotations

import random
import socket

_RANGE = range(16_384, 32_768, 4)
"""Below those that Linux gives to who asks for any: none of these takes it before the program does."""
_CHANCE = random.SystemRandom()
"""Not the one that tests begin anew: two processes of a run would choose alike."""


def free_port(*, count: int = 1) -> int:
    """An even one that nobody on this machine listens on, for TCP or UDP, nor on those after it; at most four."""
    while True:
        port = _CHANCE.choice(_RANGE)
        if all(
            _is_free(port + more, kind) for more in range(count) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        ):
            return port


def takes_connections(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind is socket.SOCK_STREAM)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
