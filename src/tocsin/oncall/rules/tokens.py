"""Links that check in, and addresses of calendar feeds. Derived, never stored."""

from __future__ import annotations

from tocsin.core import crypto

_DIGITS = 22


def check_in_token(secret: str, id: int, nonce: str) -> str:
    """22 digits of base62 (131 bits), the same whenever they are derived."""
    return crypto.to_base62(crypto.keyed_digest(secret, "check-in", id, nonce), _DIGITS)


def feed_token(secret: str, id: int, nonce: str) -> str:
    return crypto.to_base62(crypto.keyed_digest(secret, "calendar-feed", id, nonce), _DIGITS)
