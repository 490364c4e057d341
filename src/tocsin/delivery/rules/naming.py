"""Which text a receipt means whose id can be read in more than one way: the one that went to its recipient."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

SHOWN = 4
"""Digits that a masked number shows at its end, at most: all that is compared, and kept."""
_END = re.compile(r"\d+$")


@dataclass(frozen=True, slots=True)
class Named:
    """A text that has this id at the vendor. `address`: as it is kept, masked; `waits`: for a receipt."""

    provider_id: str
    delivery_id: int
    address: str
    waits: bool


def meant(readings: Collection[str], parties: Iterable[str], texts: Iterable[Named]) -> Named | None:
    """Of all texts that have one of these ids. One that waits for a receipt goes before those that have theirs; of the
    same id the newest is meant. None when no text went to either party, or when two ids remain.

    `parties`: numbers, digits alone, with or without the country's code.
    """
    numbers = list(parties)
    theirs = [text for text in texts if text.provider_id in readings and _went_to(text.address, numbers)]
    few = [text for text in theirs if text.waits] or theirs
    if len({text.provider_id for text in few}) != 1:
        return None
    return max(few, key=lambda text: text.delivery_id)


def _went_to(address: str, numbers: Iterable[str]) -> bool:
    """By the digits that a masked number shows at its end."""
    shown = _END.search(address)
    return shown is not None and any(number.endswith(shown[0]) for number in numbers)
