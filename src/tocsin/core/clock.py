"""Time is UTC inside and always a parameter: only doors and the worker's loop read the clock, through `utc_now`."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
