"""The form of a notification policy: rules as lines of text, objects as rows with their channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tocsin.channels.kinds import PERSONAL_CHANNELS
from tocsin.contacts.models import Contact, ContactGroup, NotificationObject, Robot, Webhook
from tocsin.policies.rules import stored_rules
from tocsin.web.console.policy_matching import RulesField
from tocsin.web.console.policy_text import write_rules
from tocsin.web.console.service_admin import ServiceForm
from tocsin.web.console.words import CHANNELS

_BLANK_ROWS = 2
_LONGEST_ID = 18
_LONGEST_WAIT = 24 * 3600
_Kind = NotificationObject.Kind
_WITHOUT_CHANNELS = (_Kind.ROBOT, _Kind.WEBHOOK)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the editor. `choice` is "kind:id", "" for a blank line."""

    choice: str = ""
    channels: tuple[str, ...] = tuple(PERSONAL_CHANNELS)


class TargetsWidget(forms.Widget):
    """Posts `<name>-object` once a row, and `<name>-<channel>` with the number of each row that is ticked."""

    template_name = "console/widgets/targets.html"

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        ticked = {channel: set(data.getlist(f"{name}-{channel}")) for channel in PERSONAL_CHANNELS}
        return [
            Row(choice, tuple(channel for channel in PERSONAL_CHANNELS if str(number) in ticked[channel]))
            for number, choice in enumerate(data.getlist(f"{name}-object"))
            if choice
        ]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return f"{name}-object" not in data

    def get_context(self, name: str, value: Any, attrs: Mapping[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, dict(attrs or {}))
        context["widget"]["rows"] = [*(value or []), *([Row()] * _BLANK_ROWS)]
        context["widget"]["channels"] = [(channel.value, CHANNELS[channel]) for channel in PERSONAL_CHANNELS]
        context["widget"]["kinds"] = object_choices()
        return context


class TargetsField(forms.Field):
    """Cleans to a list of (notification object id, channels); robots and webhooks have none."""

    widget = TargetsWidget

    def clean(self, value: list[Row] | None) -> list[tuple[int, tuple[str, ...]]]:
        cleaned = []
        for row in value or []:
            kind, _colon, number = row.choice.partition(":")
            if not (number.isascii() and number.isdecimal() and len(number) <= _LONGEST_ID):
                raise forms.ValidationError(_("Choose from the list."))
            cleaned.append((int(number), () if kind in _WITHOUT_CHANNELS else row.channels))
        return cleaned


def object_choices() -> list[tuple[Any, list[tuple[str, str]]]]:
    """Everything that can be told, by kind."""
    return [
        (_("Contacts"), _named(_Kind.CONTACT, Contact.objects.order_by("name"))),
        (_("Contact Groups"), _named(_Kind.GROUP, ContactGroup.objects.order_by("name"))),
        (_("DingTalk/Lark/WeCom"), _named(_Kind.ROBOT, Robot.objects.order_by("name"))),
        (_("Webhooks"), _named(_Kind.WEBHOOK, Webhook.objects.order_by("name"))),
    ]


def _named(kind: str, rows: Any) -> list[tuple[str, str]]:
    return [(f"{kind}:{pk}", name) for pk, name in rows.values_list("pk", "name")]


class PolicyForm(ServiceForm):
    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    is_enabled = forms.BooleanField(
        label=_("enabled"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Acts at once, also on open alerts."),
    )
    rules = RulesField(
        label=_("match rules"),
        required=False,
        strip=False,
    )
    targets = TargetsField(label=_("notification objects"), required=False)
    group_by = forms.CharField(
        label=_("group by"),
        required=False,
        initial="alertname",
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Labels, separated by commas: events that share them are told together. Empty: all in one."),
    )
    group_wait = forms.IntegerField(
        label=_("group wait (seconds)"),
        initial=5,
        min_value=0,
        max_value=_LONGEST_WAIT,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("How long the first message waits for more events of its group."),
    )
    group_interval = forms.IntegerField(
        label=_("group interval (seconds)"),
        initial=30,
        min_value=1,
        max_value=_LONGEST_WAIT,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("How long further events of an open alert wait before they are told."),
    )
    sends_recovery = forms.BooleanField(
        label=_("tell of recovery"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = self.instance.current if self.instance.pk is not None else None
        if current is None:
            return
        targets = current.targets.select_related("object").order_by("pk")
        self.initial.update(
            rules=write_rules(stored_rules(current.rules)),
            group_by=", ".join(current.group_by),
            group_wait=current.group_wait_seconds,
            group_interval=current.group_interval_seconds,
            sends_recovery=current.sends_recovery,
            targets=[Row(f"{target.object.kind}:{target.object_id}", tuple(target.channels)) for target in targets],
        )
