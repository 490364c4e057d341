"""What a vendor allows in a time. Part of the port (`base`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class LimitScope(StrEnum):
    ACCOUNT = "account"
    """One lane per account or robot."""
    TARGET = "target"
    """One lane per account and number."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` sends in any window as long as `per`, wherever it begins."""

    count: int
    per: timedelta
    scope: LimitScope = LimitScope.ACCOUNT
