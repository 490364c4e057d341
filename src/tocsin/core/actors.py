"""Who does something: every service that writes takes one, and the audit entry and the timeline show it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    USER = "user"
    CONTACT = "contact"
    TOKEN = "token"  # noqa: S105 (a kind of actor)
    SHELL = "shell"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is the user's, contact's or token's id; `address` the IP it came from, or ""."""

    kind: ActorKind
    name: str
    id: int | None = None
    address: str = ""


SYSTEM = Actor(ActorKind.SYSTEM, "Tocsin")
SHELL = Actor(ActorKind.SHELL, "shell")
