"""The layers of a schedule in its form: people in order, how they take turns, and when the layer counts.

Posts `layers-key` once a layer, in order, and each layer's fields under its key; script adds, moves and removes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tocsin.contacts.models import NotificationObject
from tocsin.contacts.queries import names_of, objects_named
from tocsin.oncall.models import Schedule
from tocsin.oncall.rules import Unit, restrictions_as_json
from tocsin.oncall.services import stored_layers

KEY = "__key__"
"""Stands in the blank layer where script puts a number of its own."""
WEEKDAYS = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
_CYCLES = {"day": (1, Unit.DAYS), "week": (1, Unit.WEEKS)}
CYCLE_TITLES = (("day", _("every day")), ("week", _("every week")), ("custom", _("custom")))
_BLANK_PEOPLE = 2
_OFFERED = 100
_MOST = 60
"""Layers and restrictions that are read at all; what the rules allow is less."""


@dataclass(frozen=True, slots=True)
class RestrictionRow:
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    starts: str = ""
    ends: str = ""
    until_day: str = ""


@dataclass(frozen=True, slots=True)
class LayerRow:
    """As typed. `people` are the texts of ids."""

    key: str
    name: str = ""
    people: tuple[str, ...] = ()
    cycle: str = "week"
    every: str = "1"
    unit: str = Unit.DAYS.value
    starts_on: str = ""
    handover_time: str = "09:00"
    restrictions: tuple[RestrictionRow, ...] = ()

    @property
    def is_blank(self) -> bool:
        return not self.people and not self.name and not any(row.starts or row.ends for row in self.restrictions)


@dataclass(slots=True)
class _Shown:
    """What the template walks through."""

    row: LayerRow
    people: list[Any] = field(default_factory=list)
    restrictions: list[RestrictionRow] = field(default_factory=list)


class LayersWidget(forms.Widget):
    template_name = "console/widgets/layers.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[LayerRow]:
        keys = list(dict.fromkeys(key for key in data.getlist(f"{name}-key") if key.isalnum()))[:_MOST]
        rows = [_read(data, f"{name}-{key}", key) for key in keys]
        return [row for row in rows if not row.is_blank]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-key" not in data

    def use_required_attribute(self, initial: Any) -> bool:
        return False

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, dict(attrs or {}))
        rows: list[LayerRow] = list(value or [])
        known = names_of({number for row in rows for text in row.people if (number := _number(text)) is not None})
        offered = objects_named("", [NotificationObject.Kind.CONTACT], size=_OFFERED).items
        blank = LayerRow(KEY, starts_on=date.today().isoformat())  # noqa: DTZ011 (a first proposal, in a form)
        spare = [] if rows else [LayerRow("new", starts_on=blank.starts_on)]
        context["widget"] |= {
            "layers": [_shown(row, known) for row in [*rows, *spare]],
            "blank": _shown(blank, known),
            "offered": offered,
            "cycles": CYCLE_TITLES,
            "units": [(Unit.HOURS.value, _("hours")), (Unit.DAYS.value, _("days")), (Unit.WEEKS.value, _("weeks"))],
            "weekdays": list(enumerate(WEEKDAYS)),
        }
        return context


class LayersField(forms.Field):
    """Cleans to what `parse_layers` takes."""

    widget = LayersWidget

    def clean(self, value: list[LayerRow] | None) -> list[dict[str, Any]]:
        return [_typed(row) for row in value or []]


def rows_of(schedule: Schedule) -> list[LayerRow]:
    """The stored layers, to be edited."""
    return [
        LayerRow(
            key=str(number),
            name=draft.name,
            people=tuple(map(str, draft.people)),
            cycle=next((name for name, turn in _CYCLES.items() if turn == (draft.every, draft.unit)), "custom"),
            every=str(draft.every),
            unit=draft.unit.value,
            starts_on=draft.starts_on.isoformat(),
            handover_time=f"{draft.handover_time:%H:%M}",
            restrictions=tuple(
                RestrictionRow(tuple(one["days"]), one["from"], one["until"], _text(one["until_day"]))
                for one in restrictions_as_json(draft.restrictions)
            ),
        )
        for number, draft in enumerate(stored_layers(schedule), start=1)
    ]


def _read(data: Any, prefix: str, key: str) -> LayerRow:
    numbers = [number for number in data.getlist(f"{prefix}-when") if number.isalnum()][:_MOST]
    restrictions = [
        RestrictionRow(
            tuple(int(day) for day in data.getlist(f"{prefix}-{number}-days") if day in "0123456" and day),
            data.get(f"{prefix}-{number}-from", ""),
            data.get(f"{prefix}-{number}-until", ""),
            data.get(f"{prefix}-{number}-until-day", ""),
        )
        for number in numbers
    ]
    return LayerRow(
        key=key,
        name=data.get(f"{prefix}-name", ""),
        people=tuple(filter(None, data.getlist(f"{prefix}-people"))),
        cycle=data.get(f"{prefix}-cycle", "custom"),
        every=data.get(f"{prefix}-every", ""),
        unit=data.get(f"{prefix}-unit", ""),
        starts_on=data.get(f"{prefix}-starts-on", ""),
        handover_time=data.get(f"{prefix}-handover-time", ""),
        restrictions=tuple(row for row in restrictions if row.starts or row.ends),
    )


def _typed(row: LayerRow) -> dict[str, Any]:
    every, unit = _CYCLES.get(row.cycle, (row.every, row.unit))
    return {
        "name": row.name,
        "people": [_number(text) for text in row.people],
        "every": every,
        "unit": unit,
        "starts_on": row.starts_on,
        "handover_time": row.handover_time,
        "restrictions": [
            {
                "days": list(one.days[:1] if one.until_day else one.days),
                "from": one.starts,
                "until": one.ends,
                "until_day": int(one.until_day) if one.until_day in "0123456" and one.until_day else None,
            }
            for one in row.restrictions
        ],
    }


def _shown(row: LayerRow, known: Mapping[int, Any]) -> _Shown:
    people = [known.get(_number(text) or 0) for text in row.people]
    return _Shown(row, [*filter(None, people), *[None] * _BLANK_PEOPLE], [*row.restrictions, RestrictionRow()])


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _text(day: int | None) -> str:
    return "" if day is None else str(day)
