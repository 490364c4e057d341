"""Reads of schedules."""

from __future__ import annotations

from tocsin.oncall.queries.directory import directories_at, directory_at
from tocsin.oncall.queries.links import (
    check_in_token_of,
    feed_token_of,
    handover_by_token,
    is_latest,
    schedule_by_feed_token,
)
from tocsin.oncall.queries.rotas import next_due_at, on_duty_of, rota_of, rotas
from tocsin.oncall.queries.standing import (
    LOOKS_AHEAD,
    ScheduleGaps,
    Standing,
    people_of,
    schedules_with_gaps,
    standings,
)
from tocsin.oncall.queries.uses import schedules_left_empty, uses_of_contacts

__all__ = [
    "LOOKS_AHEAD",
    "ScheduleGaps",
    "Standing",
    "check_in_token_of",
    "directories_at",
    "directory_at",
    "feed_token_of",
    "handover_by_token",
    "is_latest",
    "next_due_at",
    "on_duty_of",
    "people_of",
    "rota_of",
    "rotas",
    "schedule_by_feed_token",
    "schedules_left_empty",
    "schedules_with_gaps",
    "standings",
    "uses_of_contacts",
]
