"""The forms of silence policies: the whole one, and the short one that an alert or an event opens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.dates import WEEKDAYS
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.policies.rules import stored_rules
from tocsin.policies.rules.silencing import MAX_WINDOWS, Effect
from tocsin.web.console.fields import SwitchField
from tocsin.web.console.policy_matching import RulesField
from tocsin.web.console.policy_text import write_rules
from tocsin.web.console.service_admin import ServiceForm
from tocsin.web.console.words import Words, choices

EFFECTS: Words = {
    Effect.ALWAYS: _("Always"),
    Effect.PERIOD: _("For a period"),
    Effect.DAILY: _("Every day"),
    Effect.WEEKLY: _("Every week"),
}
HOURS = {"1": _("1 hour"), "2": _("2 hours"), "8": _("8 hours"), "": _("Until a time of my own")}
_WINDOW = ("day", "start", "end_day", "end")
_SPARE_ROWS = 2


class MomentWidget(UnfoldAdminTextInputWidget):
    """The browser's own picker of a day and a time, in the reader's zone."""

    input_type = "datetime-local"

    def format_value(self, value: Any) -> Any:
        return f"{value:%Y-%m-%dT%H:%M}" if isinstance(value, datetime) else value


class WindowsWidget(forms.Widget):
    """Rows of two moments of a day or week; those that are left empty are none."""

    template_name = "console/widgets/windows.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        filled = list(value or [])
        blank = {"day": 1, "end_day": 1, "start": "", "end": ""}
        spare = max(min(_SPARE_ROWS, MAX_WINDOWS - len(filled)), 0)
        context["widget"]["rows"] = [*filled, *[blank] * spare]
        context["widget"]["weekdays"] = weekdays()
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[dict[str, str]]:
        columns = [data.getlist(f"{name}-{part}") for part in _WINDOW] if hasattr(data, "getlist") else []
        rows = [dict(zip(_WINDOW, row, strict=True)) for row in zip(*columns, strict=False)]
        return [row for row in rows if row["start"] or row["end"]]


class WindowsField(forms.Field):
    widget = WindowsWidget


class SilenceForm(ServiceForm):
    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    is_enabled = SwitchField(
        label=_("enabled"), initial=True,
        help_text=_("Disabled, or over: what still fires is told."),
    )  # fmt: skip
    rules = RulesField(label=_("match rules"), strip=False)
    effect = forms.ChoiceField(
        label=_("in force"), choices=choices(EFFECTS), initial=Effect.PERIOD,
        widget=UnfoldAdminRadioSelectWidget(attrs={"data-silence-effect": ""}),
    )  # fmt: skip
    starts_at = forms.DateTimeField(
        label=_("from"), required=False, widget=MomentWidget, help_text=_("Empty: from now on.")
    )
    ends_at = forms.DateTimeField(label=_("until"), required=False, widget=MomentWidget)
    windows = WindowsField(
        label=_("times"), required=False,
        help_text=_("An end that is not after its start is on the next day (every week: in the next week)."),
    )  # fmt: skip
    time_zone = forms.ChoiceField(label=_("time zone"), required=False, widget=UnfoldAdminSelectWidget)
    comment = forms.CharField(label=_("comment"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))

    class Meta:
        fields = (
            "name", "is_enabled", "rules", "effect", "starts_at", "ends_at", "windows", "time_zone", "comment",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = sorted(name for name in available_timezones() if "/" in name or name == "UTC")
        zone: Any = self.fields["time_zone"]
        zone.choices = [(name, name) for name in names]
        self.initial["time_zone"] = self.instance.time_zone or settings.TIME_ZONE
        if self.instance.pk is not None:
            self.initial["rules"] = write_rules(stored_rules(self.instance.rules))


class QuickSilenceForm(forms.Form):
    """What an alert or an event opens. Rules are text here: responders may not ask the editor's questions."""

    rules = RulesField(
        label=_("silence what has these labels"), strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "class": "tc-mono", "spellcheck": "false"}),
        help_text=_("One condition a line; all must hold. Remove lines to silence more."),
    )  # fmt: skip
    hours = forms.ChoiceField(
        label=_("for how long"), required=False, choices=list(HOURS.items()), initial="1",
        widget=UnfoldAdminRadioSelectWidget,
    )  # fmt: skip
    ends_at = forms.DateTimeField(label=_("until"), required=False, widget=MomentWidget)
    comment = forms.CharField(
        label=_("comment"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "maxlength": "2000"})
    )

    def ends(self, now: datetime) -> datetime | None:
        hours = self.cleaned_data["hours"]
        return now + timedelta(hours=int(hours)) if hours else self.cleaned_data["ends_at"]


def weekdays() -> list[tuple[int, str | Promise]]:
    """Monday is 1."""
    return [(number + 1, name) for number, name in sorted(WEEKDAYS.items())]


def windows_text(windows: Sequence[Mapping[str, Any]]) -> list[str]:
    """`22:00 – 06:00`, with the days of a weekly one."""
    names = dict(weekdays())
    return [
        f"{names[item['day']]} {item['start']} – {names[item['end_day']]} {item['end']}"
        if item["day"]
        else f"{item['start']} – {item['end']}"
        for item in windows
    ]
