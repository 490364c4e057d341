"""Time is UTC inside and always a parameter: only doors and the worker's loop read the clock, through `utc_now`."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Between these lie the moments that are kept: near the years 1 and 9999, other zones and sums overflow."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def is_keepable(at: datetime) -> bool:
    return EARLIEST <= at <= LATEST


def keepable(at: datetime) -> datetime:
    """The nearest moment that can be kept, for programs that write year 1 or 9999 for "always" or "never"."""
    return min(max(at, EARLIEST), LATEST)
