"""Limits of pages that anybody can open, by the address that asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

LONGEST_PERIOD = timedelta(days=1)
"""Counts are kept for so long."""


@dataclass(frozen=True, slots=True)
class PageLimit:
    """At most `count` requests of one kind from one address in `per`, which is LONGEST_PERIOD at most."""

    purpose: str
    count: int
    per: timedelta


OPENING_LINKS = PageLimit("open", 3000, timedelta(minutes=5))
"""Generous: a whole company may sit behind one address, and a token cannot be guessed anyway."""
ENTERING_CODES = PageLimit("code", 100, timedelta(minutes=10))
ASKING_FOR_TEXTS = PageLimit("text", 100, timedelta(minutes=10))
ASKING_FOR_LINKS = PageLimit("link", 30, timedelta(minutes=10))
"""Of a public page that takes any address: each address has the limits of texts besides."""
CHANGING_ONESELF = PageLimit("own", 20, timedelta(hours=1))
"""Of one contact: a refusal says that a number is somebody's, and nobody shall try out numbers."""
TESTING_ONESELF = PageLimit("owntest", 3, timedelta(minutes=10))
"""Of one contact and channel: calls and texts cost money."""
SIGNING_IN_AS = PageLimit("user", 10, timedelta(minutes=15))
"""Failures for one user name. Not for the name alone: then anybody could lock anybody out."""
SIGNING_IN = PageLimit("login", 50, timedelta(minutes=15))
"""Failures for whatever names: passwords are also guessed by trying one on many users."""

PROVING_AS = PageLimit("code2", 10, timedelta(minutes=15))
"""Wrong second factors of one user from one address. Only who has the password gets this far."""
PROVING = PageLimit("proof", 50, timedelta(hours=1))
"""Wrong second factors of one user from anywhere: six digits are not safe from many addresses. Passkeys still open."""
CODE_USED = PageLimit("spent", 1, timedelta(minutes=5))
"""A code of an authenticator app is good once, although it stays right for a minute and a half."""


def address_key(limit: PageLimit, address: str, about: str = "") -> str:
    """What the requests are counted under. `about` is what they ask for, where each is counted apart; it is hashed."""
    key = f"{limit.purpose} {_customer(address)}"
    return f"{key} {sha256(about.encode(errors='replace')).hexdigest()[:16]}" if about else key


def _customer(address: str) -> str:
    """An IPv6 customer has a whole /64; "-" for no address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "-"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((int(parsed), 64), strict=False).network_address)
    return str(parsed)
