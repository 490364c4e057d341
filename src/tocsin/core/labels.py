"""Label sets: what a source may send, and the fingerprint that makes two reports one event."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from uuid import UUID

import msgspec

from tocsin.core.sentences import Sentence

_TOO_LONG = Sentence("has %(count)d characters, at most %(most)d are allowed")
_NUL = Sentence("holds a NUL character (U+0000); remove it")
_SURROGATE = Sentence("holds half of a surrogate pair; send valid Unicode")

MAX_PAIRS = 64
MAX_NAME = 256
"""Characters."""
MAX_LABEL_VALUE = 4096
"""Characters."""
MAX_ANNOTATION_VALUE = 65_536
"""Characters. Far above any text that reaches a phone: an alert is not refused for a long description."""

_encode = msgspec.msgpack.Encoder(order="sorted").encode


def fingerprint(labels: Mapping[str, str]) -> UUID:
    """128-bit BLAKE2b over the pairs sorted by name, each text preceded by its length (as MessagePack writes them)."""
    return UUID(bytes=blake2b(_encode(labels), digest_size=16).digest())


def without_empty(labels: dict[str, str]) -> dict[str, str]:
    """A label with an empty value is the same as no label."""
    return {name: value for name, value in labels.items() if value} if "" in labels.values() else labels


def label_errors(labels: Mapping[str, str]) -> dict[str, str]:
    """Field name -> what is wrong with it; {} when the labels can be stored."""
    if not labels:
        return {"labels": "at least one label is needed"}
    return _pair_errors(labels, "labels", MAX_LABEL_VALUE)


def annotation_errors(annotations: Mapping[str, str]) -> dict[str, str]:
    """As `label_errors`; there may be none."""
    return _pair_errors(annotations, "annotations", MAX_ANNOTATION_VALUE)


def text_error(text: str, longest: int) -> str | None:
    """What is wrong with a text that is to be stored, or None. PostgreSQL's text and jsonb refuse two characters."""
    if len(text) > longest:
        return _TOO_LONG % {"count": len(text), "most": longest}
    if "\0" in text:
        return _NUL
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return _SURROGATE
    return None


def _pair_errors(pairs: Mapping[str, str], field: str, longest: int) -> dict[str, str]:
    if _are_plain(pairs, longest):
        return {}
    errors = {}
    if len(pairs) > MAX_PAIRS:
        errors[field] = f"there are {len(pairs)}, at most {MAX_PAIRS} are allowed"
    for name, value in pairs.items():
        if not name:
            errors[field] = "a name must not be empty"
        elif error := text_error(name, MAX_NAME):
            errors[field] = f"the name {printable(name)} {error}"
        elif error := text_error(value, longest):
            errors[f"{field}.{name}"] = error
    return errors


def _are_plain(pairs: Mapping[str, str], longest: int) -> bool:
    """What nearly all sets are, said without looking at each text alone."""
    if not pairs:
        return True
    values = pairs.values()
    text = "".join((*pairs, *values))
    return (
        len(pairs) <= MAX_PAIRS
        and "" not in pairs
        and max(map(len, pairs)) <= MAX_NAME
        and max(map(len, values)) <= longest
        and text.isascii()
        and "\0" not in text
    )


def printable(text: str, longest: int = 64) -> str:
    """A refused text as it can stand in a message: cut, and quoted with escapes where it cannot be printed."""
    return ascii(text[:longest]) + ("..." if len(text) > longest else "")
