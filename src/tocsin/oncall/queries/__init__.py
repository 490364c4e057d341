"""Reads of schedules."""

from __future__ import annotations

from tocsin.oncall.queries.directory import directory_at
from tocsin.oncall.queries.rotas import next_due_at, on_duty_of, rota_of, rotas
from tocsin.oncall.queries.uses import schedules_left_empty, uses_of_contacts

__all__ = [
    "directory_at",
    "next_due_at",
    "on_duty_of",
    "rota_of",
    "rotas",
    "schedules_left_empty",
    "uses_of_contacts",
]
