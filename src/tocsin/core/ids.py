"""Short names for row ids: vendors leave little room (Alibaba voice takes 15 bytes)."""

from __future__ import annotations

LARGEST_ID = 2**63 - 1
"""Of a bigint."""
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def to_base36(number: int) -> str:
    """A non-negative id as lower-case base36; at most 13 characters for a bigint."""
    if number < 0:
        raise ValueError("ids are not negative")
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
        if not number:
            return digits


def from_base36(text: str) -> int:
    """The inverse of `to_base36`; ValueError on anything else, and on what no row can have."""
    if not text or len(text) > 13 or not set(text) <= set(_DIGITS) or (number := int(text, 36)) > LARGEST_ID:
        raise ValueError("not a base36 id")
    return number
