"""Schedules: who is on duty when."""

from __future__ import annotations

from tocsin.oncall.models.schedules import Handover, LayerPerson, Schedule, ScheduleLayer, Substitute

__all__ = ["Handover", "LayerPerson", "Schedule", "ScheduleLayer", "Substitute"]
