"""States and severities of events."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class EventState(StrEnum):
    ACTIVE = "active"
    SILENCED = "silenced"
    RESOLVED = "resolved"


class Severity(IntEnum):
    """P1 is the worst."""

    P1 = 1
    P2 = 2
    P3 = 3
    P4 = 4
    P5 = 5
    P6 = 6


INITIAL_SEVERITY_MAP = {"critical": 1, "error": 2, "warning": 3, "page": 4}
"""Values of the `severity` label; anything else is P6. Also the words `P1` to `P6` themselves, in any case."""
