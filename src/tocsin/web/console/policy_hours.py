"""The parts of a policy's form that say when and for what its channels are used: by severity, and by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.core.errors import InvalidInputError
from tocsin.policies.rules import LIMITED, ROBOTS, Outside, parse_window
from tocsin.web.console.words import CHANNELS, said

DAYS = ((1, _("Mon")), (2, _("Tue")), (3, _("Wed")), (4, _("Thu")), (5, _("Fri")), (6, _("Sat")), (7, _("Sun")))
OUTSIDE: Mapping[str, str | Promise] = {
    Outside.HOLD: _("they wait until the hours begin"),
    Outside.URGENT: _("P1 and P2 go out at once, all others wait"),
    Outside.DROP: _("they are not sent"),
}
_MILDEST = 6
_TITLES: Mapping[str, str | Promise] = {**CHANNELS, ROBOTS: _("Chatbots")}


def _titles() -> list[tuple[str, str | Promise]]:
    return [(channel, _TITLES[channel]) for channel in LIMITED]


class LimitsWidget(forms.Widget):
    """Posts `<name>-<channel>`: the mildest severity that uses it."""

    template_name = "console/widgets/limits.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, str]:
        return {channel: data.get(f"{name}-{channel}", "") for channel in LIMITED}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return not any(f"{name}-{channel}" in data for channel in LIMITED)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        chosen = value or {}
        context["widget"]["rows"] = [
            (channel, title, str(chosen.get(channel) or _MILDEST)) for channel, title in _titles()
        ]
        context["widget"]["choices"] = [(str(severity), severity_text(severity)) for severity in range(_MILDEST, 0, -1)]
        return context


class LimitsField(forms.Field):
    """Cleans to channel -> severity; what is used for all is left out."""

    widget = LimitsWidget

    def clean(self, value: Mapping[str, str] | None) -> dict[str, int]:
        chosen = {channel: text for channel, text in (value or {}).items() if text}
        if not all(text in "123456" and len(text) == 1 for text in chosen.values()):
            raise forms.ValidationError(_("Choose from the list."))
        return {channel: int(text) for channel, text in chosen.items() if int(text) < _MILDEST}


class WindowWidget(forms.Widget):
    """Posts `<name>-start`, `-end`, `-days` (often), `-zone`, `-outside`; empty times mean no window."""

    template_name = "console/widgets/window.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, Any]:
        days = [int(day) for day in data.getlist(f"{name}-days") if day in "1234567" and len(day) == 1]
        return {"days": days} | {part: data.get(f"{name}-{part}", "") for part in ("start", "end", "zone", "outside")}

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-start" not in data

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        chosen = {"days": range(1, 8), "zone": settings.TIME_ZONE, "outside": Outside.HOLD.value, **(value or {})}
        if value and value.get("end") == "00:00":
            chosen["end"] = shown_end(value)
        context["widget"] |= {
            "chosen": chosen,
            "days": [(number, text, number in chosen["days"]) for number, text in DAYS],
            "outside": [(key.value, text) for key, text in _outside()],
            "zones": sorted(available_timezones()),
        }
        return context


class WindowField(forms.Field):
    """Cleans to what `parse_window` stores; None without times."""

    widget = WindowWidget

    def clean(self, value: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if not value or not (value["start"].strip() or value["end"].strip()):
            return None
        try:
            return parse_window(value)
        except InvalidInputError as error:
            raise forms.ValidationError([said(text) for text in error.fields.values()]) from error


def _outside() -> list[tuple[Outside, str | Promise]]:
    return [(choice, OUTSIDE[choice]) for choice in (Outside.HOLD, Outside.URGENT, Outside.DROP)]


def severity_text(mildest: int) -> str:
    if mildest >= _MILDEST:
        return _now("all alerts")
    return _now("only P1") if mildest == 1 else _now("only P1 to P%(severity)d") % {"severity": mildest}


def limits_read(limits: Mapping[str, int]) -> SafeString | str:
    """A line for each channel that is kept for severe alerts."""
    lines = [(title, severity_text(limits[channel])) for channel, title in _titles() if channel in limits]
    return format_html_join("", "<div>{}: {}</div>", lines) or _now("each channel for all alerts")


def window_read(stored: Mapping[str, Any] | None) -> str:
    """A window in a sentence."""
    if stored is None:
        return _now("at any time")
    days = ", ".join(str(text) for number, text in DAYS if number in stored["days"])
    hours = format_html(
        "{}–{} ({}), {}",
        stored["start"], shown_end(stored), stored["zone"], _now("every day") if len(stored["days"]) == 7 else days,
    )  # fmt: skip
    outside = _now("outside: %(what)s") % {"what": OUTSIDE[stored["outside"]]}
    return f"{hours}; {outside}"


def shown_end(stored: Mapping[str, Any]) -> str:
    """Midnight as the end of a day, not as the beginning of the next."""
    return "24:00" if stored["end"] == "00:00" else str(stored["end"])
