"""The steps of an escalation policy as a form edits them: when, whom, how often, at which times of day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from tocsin.policies.rules import Until
from tocsin.policies.services import StepInput
from tocsin.web.console.policy_targets import TargetRow, TargetsField, TargetsWidget
from tocsin.web.console.words import Words, choices

UNTIL: Words = {
    Until.CLAIMED: _("not claimed"),
    Until.RESOLVED: _("not resolved"),
}
_PLACE = "NNN"
"""Stands for the number of a step that script adds."""
_MOST = 20
_NUMBERS = ("after", "repetitions", "every")
_TEXTS = ("begins", "ends", "zone")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step as it was typed. `is_kept`: script added it, so it is not a blank one."""

    until: str = Until.CLAIMED
    after: str = "10"
    targets: Sequence[TargetRow] = ()
    repetitions: str = "0"
    every: str = "5"
    begins: str = ""
    ends: str = ""
    zone: str = ""
    is_kept: bool = field(default=False, compare=False)


class StepsWidget(forms.Widget):
    """Posts `<name>-index` once a step, in order, and everything of a step behind `<name>-<index>-`."""

    template_name = "console/widgets/steps.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[StepRow]:
        rows = []
        for index in data.getlist(f"{name}-index")[:_MOST]:
            prefix = f"{name}-{index}"
            texts = {key: data.get(f"{prefix}-{key}", "") for key in ("until", *_NUMBERS, *_TEXTS)}
            targets = TargetsWidget().value_from_datadict(data, files, prefix)
            row = StepRow(targets=targets, is_kept=bool(data.get(f"{prefix}-kept")), **texts)
            if targets or row.is_kept:
                rows.append(row)
        return rows

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-index" not in data

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, dict(attrs or {}))
        rows: list[StepRow] = list(value or [])
        shown = [*((row, True) for row in rows), (StepRow(), False)]
        context["widget"] |= {
            "steps": [_shown(name, str(at), row, kept) for at, (row, kept) in enumerate(shown)],
            "blank": _shown(name, _PLACE, StepRow(), True),
            "until": choices(UNTIL),
            "default_zone": settings.TIME_ZONE,
        }
        return context


def _shown(name: str, index: str, row: StepRow, kept: bool) -> dict[str, Any]:
    prefix = f"{name}-{index}"
    targets = TargetsWidget().get_context(prefix, row.targets, {})["widget"]
    targets["reach_query"] = "?step"
    return {"row": row, "index": index, "prefix": prefix, "targets": targets, "kept": kept}


class StepsField(forms.Field):
    """Cleans to a list of StepInput."""

    widget = StepsWidget

    def clean(self, value: list[StepRow] | None) -> list[StepInput]:
        return [self._step(number, row) for number, row in enumerate(value or [], 1)]

    def _step(self, number: int, row: StepRow) -> StepInput:
        return StepInput(
            until=row.until,
            after_minutes=_number(number, row.after),
            targets=TargetsField().clean(list(row.targets)),
            repetitions=_number(number, row.repetitions or "0"),
            every_minutes=_number(number, row.every or "5"),
            begins=_time(number, row.begins),
            ends=_time(number, row.ends),
            time_zone=row.zone.strip(),
        )


def _number(step: int, typed: str) -> int:
    typed = typed.strip()
    if not (typed.isascii() and typed.isdecimal() and len(typed) <= 4):
        raise forms.ValidationError(_("Step %(number)d: enter whole numbers."), params={"number": step})
    return int(typed)


def _time(step: int, typed: str) -> time | None:
    if not typed.strip():
        return None
    try:
        return time.fromisoformat(typed.strip()).replace(tzinfo=None)
    except ValueError:
        message = _("Step %(number)d: enter times of day like 09:00.")
        raise forms.ValidationError(message, params={"number": step}) from None
