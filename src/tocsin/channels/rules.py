"""When an account rests: after failures the next account has its turn, until one message has gone through again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

OPENS_AFTER = 3
"""Time-outs and faults of the vendor in a row; a wrong key or template needs one."""
FIRST_PAUSE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(minutes=15)
PROBED_FOR = timedelta(seconds=60)
"""How long one message may take to prove that the account works again; others go elsewhere meanwhile."""


class Fault(StrEnum):
    SETUP = "setup"
    """Key, template, balance: every message fails alike."""
    UNWELL = "unwell"
    """Time-outs and 5xx: it may be over in a moment."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`failures` in a row, and `pauses` since a message last went through. Closed while `paused_until` is None."""

    failures: int = 0
    pauses: int = 0
    opened_at: datetime | None = None
    paused_until: datetime | None = None


def is_paused(breaker: Breaker, now: datetime) -> bool:
    return breaker.paused_until is not None and breaker.paused_until > now


def wants_probe(breaker: Breaker, now: datetime) -> bool:
    """Half-open: its pause is over, and nothing has gone through yet."""
    return breaker.paused_until is not None and breaker.paused_until <= now


def after_failures(breaker: Breaker, count: int, fault: Fault, *, started_at: datetime, now: datetime) -> Breaker:
    """`started_at`: of the send that failed last. One that left before the account was paused says nothing new."""
    if breaker.opened_at is not None and started_at < breaker.opened_at:
        return breaker
    failures = min(breaker.failures + count, 10_000)
    if fault is Fault.UNWELL and failures < OPENS_AFTER:
        return Breaker(failures, breaker.pauses)
    pause = min(FIRST_PAUSE * 2 ** min(breaker.pauses, 10), LONGEST_PAUSE)
    return Breaker(failures, min(breaker.pauses + 1, 1000), now, now + pause)
