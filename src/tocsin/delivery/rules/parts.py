"""Receipts of one part each, and what they say of the whole message."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def is_whole(provider_id: str, parts: Mapping[str, str], arrived: Collection[str]) -> bool:
    """Whether the message that this part belongs to has arrived with it.

    `parts`: vendor's id -> that of the first part of the same send; an id that is not in it is a message by itself.
    """
    first = parts.get(provider_id)
    return first is None or all(part in arrived for part, other in parts.items() if other == first)
