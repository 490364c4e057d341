"""Writes of schedules."""

from __future__ import annotations

from tocsin.oncall.services.schedules import create_schedule, delete_schedules, update_schedule
from tocsin.oncall.services.substitutes import MAX_SUBSTITUTES, end_substitute, substitute

__all__ = [
    "MAX_SUBSTITUTES",
    "create_schedule",
    "delete_schedules",
    "end_substitute",
    "substitute",
    "update_schedule",
]
