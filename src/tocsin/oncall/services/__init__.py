"""Writes of schedules."""

from __future__ import annotations

from tocsin.oncall.services.feeds import remove_feed, renew_feed
from tocsin.oncall.services.handovers import (
    Taken,
    check_in,
    forget_handovers,
    take_due_handovers,
    take_silences,
)
from tocsin.oncall.services.schedules import create_schedule, delete_schedules, stored_layers, update_schedule
from tocsin.oncall.services.substitutes import MAX_SUBSTITUTES, end_substitute, substitute

__all__ = [
    "MAX_SUBSTITUTES",
    "Taken",
    "check_in",
    "create_schedule",
    "delete_schedules",
    "end_substitute",
    "forget_handovers",
    "remove_feed",
    "renew_feed",
    "stored_layers",
    "substitute",
    "take_due_handovers",
    "take_silences",
    "update_schedule",
]
