"""How long the worker's loops wait."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import Error as DatabaseFault
from django.db import OperationalError, close_old_connections

from tocsin.core.clock import utc_now
from tocsin.core.errors import first_line

logger = logging.getLogger(__name__)

CEILING = 5.0
"""Seconds after which every loop looks again, doorbell or not: what a lost LISTEN connection costs."""
BACKOFF_AT_MOST = 5.0
_OTHER_TABLES = ("42P01", "42703")
"""SQLSTATEs: no such table, no such column."""
_AT_LEAST = 0.01
"""What is due and was not taken is in another worker's hands."""


def pause_until(at: datetime | None, ceiling: float = CEILING) -> float:
    """Seconds to wait for something that is due then; None: nothing is."""
    return ceiling if at is None else min(max((at - utc_now()).total_seconds(), _AT_LEAST), ceiling)


def after_failure(name: str, error: DatabaseFault, failures: int, *, at_most: float = BACKOFF_AT_MOST) -> float:
    """The database went away or refused: say so, drop the connection, and come back in so many seconds."""
    logger.warning("%s: the database failed (%s); trying again", name, _why(error))
    close_old_connections()
    return float(min(0.1 * 2 ** min(failures, 10), at_most))


def _why(error: DatabaseFault) -> str:
    """Not what was refused: it may hold numbers and addresses."""
    if getattr(error.__cause__, "sqlstate", None) in _OTHER_TABLES:
        return "its tables are not those of this version: run `tocsin migrate`"
    return first_line(error) if isinstance(error, OperationalError) else type(error).__name__
