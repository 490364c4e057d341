"""Forms of on-call schedules."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils.functional import lazy
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.channels.kinds import PERSONAL_CHANNELS
from tocsin.contacts.models import Contact, Robot
from tocsin.core.clock import EARLIEST, LATEST
from tocsin.oncall.models import Schedule
from tocsin.oncall.rules.clock import moment_of
from tocsin.oncall.services.schedules import MAX_CHECK_IN
from tocsin.web.console.choices import zone_choices
from tocsin.web.console.fields import NumberField
from tocsin.web.console.on_call_layers import LayersField, rows_of
from tocsin.web.console.picker import Picker
from tocsin.web.console.service_admin import ServiceForm
from tocsin.web.console.words import CHANNELS


def _channel_choices() -> list[tuple[str, str]]:
    return [(channel.value, str(CHANNELS[channel])) for channel in PERSONAL_CHANNELS]


class ScheduleForm(ServiceForm):
    names = {"lead_id": "lead", "robot_id": "robot"}

    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    time_zone = forms.ChoiceField(
        label=_("time zone"),
        required=False,
        choices=zone_choices,
        widget=UnfoldAdminSelectWidget,
        help_text=_("Hand-overs and times are read by the clocks there, in summer and in winter."),
    )
    layers = LayersField(label=_("layers"), required=False)
    tells_by = forms.MultipleChoiceField(
        label=_("hand-over notice"),
        required=False,
        choices=lazy(_channel_choices, list)(),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("How a person is told that the turn is theirs. Nothing chosen: not at all."),
    )
    robot = forms.ModelChoiceField(
        label=_("group that is told"),
        required=False,
        queryset=Robot.objects.all(),
        widget=Picker("robot"),
        help_text=_("A robot that tells its group who is on duty now."),
    )
    check_in_minutes = NumberField(
        label=_("check-in within"),
        required=False,
        min_value=1,
        max_value=MAX_CHECK_IN,
        help_text=_(
            "Minutes within which the new person presses a key or a link. Until then the one before stays on duty, and "
            "after it the lead is told. Empty: nobody has to check in."
        ),
    )
    lead = forms.ModelChoiceField(
        label=_("lead"),
        required=False,
        queryset=Contact.objects.all(),
        widget=Picker("contact"),
        help_text=_("Is told when nobody checks in."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.initial.setdefault("tells_by", ["sms", "email"])
            self.initial.setdefault("time_zone", settings.TIME_ZONE)
        else:
            self.initial["layers"] = rows_of(self.instance)
            self.initial["tells_by"] = self.instance.tells_by


class WallTimeField(forms.CharField):
    """A date and time without a zone; what it means is for the schedule's zone to say, not for the reader's."""

    widget = UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})

    def clean(self, value: Any) -> datetime:
        try:
            typed = datetime.fromisoformat(super().clean(value)).replace(tzinfo=None)
        except ValueError as error:
            raise forms.ValidationError(_("Write a date and a time, like 2026-11-30 09:00.")) from error
        if not EARLIEST.year <= typed.year <= LATEST.year:
            raise forms.ValidationError(_("Choose a moment between the years 2000 and 2200."))
        return typed


class SubstituteForm(forms.Form):
    """Times are those of the schedule's zone."""

    contact = forms.ModelChoiceField(label=_("who stands in"), queryset=Contact.objects.all(), widget=Picker("contact"))
    replaces = forms.ModelChoiceField(
        label=_("for whom"),
        required=False,
        queryset=Contact.objects.all(),
        widget=Picker("contact"),
        help_text=_("Takes this person's turns in that time. Nobody: takes the whole schedule."),
    )
    starts_at = WallTimeField(label=_("from"))
    ends_at = WallTimeField(label=_("until"))


def moment_in(schedule: Schedule, typed: datetime) -> datetime:
    """What was typed, by the clocks of the schedule."""
    return moment_of(typed, ZoneInfo(schedule.time_zone))


def typed_in(schedule: Schedule, moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(schedule.time_zone)):%Y-%m-%dT%H:%M}"


def zone_note(schedule: Schedule) -> str:
    return _now("Times are those of %(zone)s.") % {"zone": schedule.time_zone}
