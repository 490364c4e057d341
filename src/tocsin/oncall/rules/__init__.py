"""Pure rules of schedules."""

from __future__ import annotations

from tocsin.oncall.rules.rotation import (
    Held,
    Layer,
    Rota,
    Shift,
    Stand,
    Window,
    gaps,
    next_change,
    on_duty,
    planned_at,
    shifts,
)
from tocsin.oncall.rules.typed import (
    MAX_LAYERS,
    MAX_PEOPLE,
    LayerDraft,
    Restriction,
    Unit,
    compiled,
    parse_layers,
    restrictions_as_json,
    stored_restrictions,
)

__all__ = [
    "MAX_LAYERS",
    "MAX_PEOPLE",
    "Held",
    "Layer",
    "LayerDraft",
    "Restriction",
    "Rota",
    "Shift",
    "Stand",
    "Unit",
    "Window",
    "compiled",
    "gaps",
    "next_change",
    "on_duty",
    "parse_layers",
    "planned_at",
    "restrictions_as_json",
    "shifts",
    "stored_restrictions",
]
