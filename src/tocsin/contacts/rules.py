"""Pure rules of contacts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fallback(StrEnum):
    """What follows when a phone notification fails."""

    DEFAULT = "default"
    NONE = "none"
    CALL = "call"
    SMS = "sms"


class VerificationMethod(StrEnum):
    LINK = "link"
    CODE = "code"
    CALL = "call"
    ATTESTED = "attested"


@dataclass(frozen=True, slots=True)
class Use:
    """Something that uses a notification object, named for a person: kind "policy", its name, where it is edited."""

    object_id: int
    kind: str
    id: int
    name: str
    channels: tuple[str, ...] = ()
