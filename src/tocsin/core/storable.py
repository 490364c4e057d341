"""Texts of other systems, as PostgreSQL can keep them."""

from __future__ import annotations


def is_storable(text: str) -> bool:
    """PostgreSQL keeps neither NUL nor lone surrogates."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


def storable(text: str, most: int) -> str:
    """At most so many characters, without NUL and lone surrogates, which no text column takes."""
    return text[:most].replace("\0", "").encode("utf-8", "replace").decode()
