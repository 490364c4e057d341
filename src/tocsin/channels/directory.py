"""The port for vendors whose directory knows people by number or address: what their user ID is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sought:
    """One person. `key` is ours; `phone` is E.164 or "", `email` as it is written or "": both are secrets."""

    key: int
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Directory:
    """What was found. Whoever is neither found nor unasked is not known there.

    `problem`: why the vendor could not be asked, or not to the end; for people, and without any of the secrets.
    """

    user_ids: Mapping[int, str] = field(default_factory=dict)
    unasked: frozenset[int] = frozenset()
    problem: str = ""


class DirectoryProvider(Protocol):
    """What `ProviderType.looks_up` promises. As `send`, it raises nothing but programming errors."""

    async def find(self, people: Sequence[Sought]) -> Directory: ...

    async def aclose(self) -> None: ...
