"""Limits of the public pages, by the address that asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv6Address, ip_address, ip_network


@dataclass(frozen=True, slots=True)
class PageLimit:
    """At most `count` requests of one kind from one address in `per`."""

    purpose: str
    count: int
    per: timedelta


OPENING_LINKS = PageLimit("open", 3000, timedelta(minutes=5))
"""Generous: a whole company may sit behind one address, and a token cannot be guessed anyway."""
ENTERING_CODES = PageLimit("code", 100, timedelta(minutes=10))
ASKING_FOR_TEXTS = PageLimit("text", 100, timedelta(minutes=10))


def address_key(limit: PageLimit, address: str) -> str:
    """What the requests are counted under: an IPv6 customer has a whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{limit.purpose} -"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"{limit.purpose} {parsed.ipv4_mapped}"
        return f"{limit.purpose} {ip_network((int(parsed), 64), strict=False).network_address}"
    return f"{limit.purpose} {parsed}"
