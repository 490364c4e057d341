"""The place of a message's link in its text: stars until it is sent, so that the token is stored nowhere."""

from __future__ import annotations

import hmac

from django.conf import settings

from tocsin.core.crypto import keyed_digest
from tocsin.core.tickets import DIGITS, ticket

PURPOSE = "alert-link"
_PLACE = "*" * DIGITS


def link_in_text() -> str:
    """What a text holds in the place of its link; "" without TOCSIN_PUBLIC_URL."""
    return f"{settings.PUBLIC_URL}/a/{_PLACE}" if settings.PUBLIC_URL else ""


def with_link(text: str, delivery_id: int, *, carries_links: bool) -> str:
    """The text with the link of this very message; without any where the vendor forbids links."""
    stars = link_in_text()
    if not stars or stars not in text:
        return text
    if not carries_links:
        return text.replace(f" {stars}", "").replace(stars, "").rstrip()
    return text.replace(stars, f"{settings.PUBLIC_URL}/a/{token_for(delivery_id)}")


def address_digest(address: str) -> bytes:
    """What the address of a message with a link is kept as, beside it."""
    return keyed_digest(settings.SECRET_KEYS[0], PURPOSE, "address", address)


def is_address_of(digest: bytes, address: str) -> bool:
    known = [keyed_digest(secret, PURPOSE, "address", address) for secret in settings.SECRET_KEYS]
    return any(hmac.compare_digest(digest, one) for one in known)


def token_for(delivery_id: int) -> str:
    return ticket(settings.SECRET_KEYS[0], PURPOSE, delivery_id)
