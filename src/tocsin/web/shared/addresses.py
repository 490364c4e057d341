"""Where a request came from."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

_WITH_PORT = re.compile(r"(?:(?P<v4>[0-9.]+)|\[(?P<v6>[0-9a-fA-F:.]+)\])(?::[0-9]+)?")


def client_address(request: HttpRequest) -> str:
    """The nearest address that is not one of `TOCSIN_TRUSTED_PROXIES`; "" when there is none (a Unix socket).

    `X-Forwarded-For` is read from its end, and only as far as trusted proxies wrote it: the rest anybody can forge.
    """
    address = _parse(request.META.get("REMOTE_ADDR", ""))
    if address is None or not _is_trusted(address):
        return str(address or "")
    for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        parsed = _parse(hop.strip())
        if parsed is None:
            break
        address = parsed
        if not _is_trusted(address):
            break
    return str(address)


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Some proxies add the port."""
    found = _WITH_PORT.fullmatch(text)
    try:
        address = ip_address((found["v4"] or found["v6"]) if found else text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_trusted(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in _networks(settings.TRUSTED_PROXIES))


@lru_cache(maxsize=4)
def _networks(typed: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text, strict=False) for text in typed)
