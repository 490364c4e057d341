"""What follows a try to change a message that was posted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tocsin.channels.base import Outcome, SendResult
from tocsin.delivery.rules.sending import backoff

MAX_UPDATE_TRIES = 5
"""Of one change; the next one of the alert is tried again."""


@dataclass(frozen=True, slots=True)
class AfterUpdate:
    """`due_at` None: this change is over, well or not. `is_over`: the message can be changed no more."""

    is_shown: bool
    due_at: datetime | None = None
    is_over: bool = False


def after_update(result: SendResult, *, tries: int, now: datetime, random: Callable[[], float]) -> AfterUpdate:
    """`tries` counts this one. Without a reply the change may have been made, and making it again does no harm."""
    match result.outcome:
        case Outcome.ACCEPTED:
            return AfterUpdate(is_shown=True)
        case Outcome.PERMANENT_TARGET:
            return AfterUpdate(is_shown=False, is_over=True)
        case Outcome.PERMANENT_CONFIG:  # a token that is replaced changes the message again
            return AfterUpdate(is_shown=False)
        case _ if tries >= MAX_UPDATE_TRIES:
            return AfterUpdate(is_shown=False)
        case _:
            return AfterUpdate(is_shown=False, due_at=now + (result.retry_after or backoff(tries, random)))
