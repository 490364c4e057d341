"""Tokens that name a row and prove that we made them: derived by HMAC, so that nothing is stored.

22 base62 digits of 16 bytes: a tag of the id, and the id behind a mask that the tag gives. Nobody can tell two tokens'
ids from each other, or make one without the key.
"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.core import crypto
from tocsin.core.ids import LARGEST_ID

DIGITS = 22
_HALF = 8
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def ticket(secret: str, purpose: str, number: int) -> str:
    """For a bigint that is not negative; the same number always gives the same token."""
    tag = _tag(secret, purpose, number)
    hidden = number ^ _mask(secret, purpose, tag)
    return crypto.to_base62(tag + hidden.to_bytes(_HALF, "big"), DIGITS)


def read_ticket(secrets: Sequence[str], purpose: str, token: str) -> int | None:
    """The number, or None for what none of these keys has made."""
    data = _bytes(token)
    if data is None:
        return None
    tag, hidden = data[:_HALF], int.from_bytes(data[_HALF:], "big")
    for secret in secrets:
        number = hidden ^ _mask(secret, purpose, tag)
        if number <= LARGEST_ID and crypto.same(_tag(secret, purpose, number).hex(), tag.hex()):
            return number
    return None


def _tag(secret: str, purpose: str, number: int) -> bytes:
    return crypto.keyed_digest(secret, f"{purpose}-tag", number)[:_HALF]


def _mask(secret: str, purpose: str, tag: bytes) -> int:
    return int.from_bytes(crypto.keyed_digest(secret, f"{purpose}-mask", tag.hex())[:_HALF], "big")


def _bytes(token: str) -> bytes | None:
    if len(token) != DIGITS or not set(token) <= set(_BASE62):
        return None
    number = 0
    for digit in reversed(token):
        number = number * 62 + _BASE62.index(digit)
    return number.to_bytes(2 * _HALF, "big") if number < 1 << (16 * _HALF) else None
