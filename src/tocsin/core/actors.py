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
    """`id` is the user's, contact's or token's id; `address` the IP it came from, or "".

    `through` is who spoke where that is somebody else: a program's key that named `name` as the one who acts.
    """

    kind: ActorKind
    name: str
    id: int | None = None
    address: str = ""
    through: str = ""

    @property
    def full_name(self) -> str:
        """For audit entries, which say also who spoke."""
        return f"{self.name}, through {self.through}" if self.through else self.name


SYSTEM = Actor(ActorKind.SYSTEM, "Tocsin")
SHELL = Actor(ActorKind.SHELL, "shell")
