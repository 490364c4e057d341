"""Why somebody hears of an alert a further time: the step of an escalation, or who gave it to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from tocsin.alerts.rules import DueStep
from tocsin.delivery.rules import Cause
from tocsin.policies.rules import Until

_LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Note:
    """`by`: who asked for the step, or gave the alert away."""

    step: DueStep | None = None
    by: str = ""

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"by": self.by} if self.by else {}
        if self.step is not None:
            told |= {
                "step": self.step.step.number,
                "until": self.step.step.until.value,
                "minutes": _minutes(self.step.step.after),
                "late": _minutes(self.step.late) if self.step.late >= _LATE else 0,
                "asked": self.step.is_asked,
            }
        return told


def because(cause: Cause, note: Note | None, active: int) -> str:
    """What a text says first, in the language that is active."""
    events = ngettext("%(count)d event is active", "%(count)d events are active", active) % {"count": active}
    said = described(note.as_json() if note is not None else {}, cause)
    return f"{said}; {events}"


def described(note: Mapping[str, Any], cause: Cause) -> str:
    """The same from what a timeline keeps."""
    by, minutes = note.get("by", ""), note.get("minutes", 0)
    if cause is Cause.ASSIGNED:
        return _("%(name)s gave it to you") % {"name": by} if by else _("it was given to you")
    if note.get("asked") and by:
        return _("%(name)s asks for help") % {"name": by}
    if not minutes:
        return _("escalated")
    if note.get("until") == Until.RESOLVED:
        said = ngettext("not resolved for %(minutes)d minute", "not resolved for %(minutes)d minutes", minutes) % {
            "minutes": minutes
        }
    else:
        said = ngettext(
            "nobody has claimed it for %(minutes)d minute", "nobody has claimed it for %(minutes)d minutes", minutes
        ) % {"minutes": minutes}
    if late := note.get("late", 0):
        said += " " + ngettext(
            "(this should have been told %(minutes)d minute ago)",
            "(this should have been told %(minutes)d minutes ago)",
            late,
        ) % {"minutes": late}
    return said


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
