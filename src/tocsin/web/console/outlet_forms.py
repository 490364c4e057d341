"""Forms of robots and webhooks. What may hold a token is write-only: empty keeps what is stored."""

from __future__ import annotations

import json
import re
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.channels.base import ConfigField, ProviderType
from tocsin.channels.kinds import ROBOT_PLATFORMS
from tocsin.channels.queries import apps_with_robots
from tocsin.channels.queries import kind_of as kind_of_account
from tocsin.channels.registry import PROVIDERS, robot_provider
from tocsin.contacts.queries import pair_names, robot_settings
from tocsin.contacts.services.webhooks import KEPT
from tocsin.web.console.choices import language_choices, zone_choices
from tocsin.web.console.fields import SwitchField
from tocsin.web.console.form_pages import VersionedForm
from tocsin.web.console.service_admin import ServiceForm
from tocsin.web.console.words import said


def _secret_input() -> UnfoldAdminPasswordWidget:
    return UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password", "spellcheck": "false"})


def _lines(rows: int) -> UnfoldAdminTextareaWidget:
    return UnfoldAdminTextareaWidget(attrs={"rows": rows, "class": "tc-mono", "spellcheck": "false"})


def _daily_switch() -> forms.BooleanField:
    return SwitchField(
        label=_("daily statistics"),
        help_text=_("Tells the group how many alerts were raised and resolved today, and how many are pending."),
    )


def _daily_times(help_text: Any) -> forms.CharField:
    widget = UnfoldAdminTextInputWidget(attrs={"placeholder": "09:30, 17:00"})
    return forms.CharField(label=_("times of day"), required=False, widget=widget, help_text=help_text)


_STORED = lazy(lambda: _now("stored; leave empty to keep it"), str)()


class OutletForm(ServiceForm):
    """What robots and webhooks share."""

    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    secret = forms.CharField(label=_("signing secret"), required=False, widget=_secret_input())
    forgets_secret = SwitchField(label=_("remove the stored secret"))
    language = forms.ChoiceField(
        label=_("language"), required=False, choices=language_choices, widget=UnfoldAdminSelectWidget
    )
    is_enabled = SwitchField(
        label=_("enabled"),
        initial=True,
        help_text=_("Switched off, it is told nothing, and the timelines of alerts say so."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            return
        self.initial.update(url="", secret="")
        for name in ("url", "secret"):
            if name in self.fields and getattr(self.instance, name):
                self.fields[name].widget.attrs["placeholder"] = _STORED


class DailyForm(VersionedForm):
    """The statistics of a robot, alone."""

    sends_daily = _daily_switch()
    daily_times = _daily_times(_("Separated by commas, in the robot's time zone, like 09:30, 17:00."))

    def clean_daily_times(self) -> list[str]:
        return read_times(self.cleaned_data["daily_times"])


def read_times(typed: str) -> list[str]:
    return [text for text in re.split(r"[,，;；\s]+", typed) if text]


ROBOT_KINDS: dict[str, ProviderType] = {
    kind.name: kind
    for platform in ROBOT_PLATFORMS
    for kind in PROVIDERS.values()
    if kind.is_for_robots and kind.channel is platform
}
"""What can be chosen, in the order in which it is shown."""
_CHOICES = {"card": _("card"), "markdown": _("Markdown"), "text": _("plain text")}
"""Words for what settings choose from; others stand as they are."""
_OWN = ("url", "secret", "keyword")
"""Columns of a robot; everything else is one of its settings."""


def settings_of_kinds() -> dict[str, ConfigField]:
    """What kinds of robots are set up with beyond the columns, by name. Kinds that share a name mean the same by it.

    What hardly anybody fills in comes last.
    """
    found: dict[str, ConfigField] = {}
    for kind in ROBOT_KINDS.values():
        for field in kind.fields:
            if field.name not in _OWN:
                found.setdefault(field.name, field)
    return dict(sorted(found.items(), key=lambda item: item[0] == "api"))


def kind_of(robot: Any) -> ProviderType | None:
    if robot.account is not None:
        return PROVIDERS.get(robot.account.provider)
    return robot_provider(robot.platform, robot.provider)


_APP = "app-"
"""Before an account's id, among the kinds of robots that can be chosen."""


def app_choices() -> dict[str, str]:
    """The apps whose robots can be added, by the value that stands for each."""
    return {f"{_APP}{app.pk}": f"{said(kind_of_account(app).title)}: {app.name}" for app in apps_with_robots()}


def _setting(field: ConfigField) -> forms.Field:
    label, help_text = lazy(lambda: said(field.label), str)(), lazy(lambda: said(field.help), str)()
    if field.choices:
        options = [("", _("Default")), *((choice, _CHOICES.get(choice, choice)) for choice in field.choices)]
        return forms.ChoiceField(
            label=label, required=False, choices=options, help_text=help_text, widget=UnfoldAdminSelectWidget
        )
    widget = _secret_input() if field.is_secret else UnfoldAdminTextInputWidget()
    return forms.CharField(label=label, required=False, help_text=help_text, widget=widget)


class _RobotForm(OutletForm):
    platform = forms.ChoiceField(
        label=_("platform"), widget=UnfoldAdminSelectWidget(attrs={"data-outlet-platform": ""})
    )
    url = forms.CharField(
        label=_("webhook URL"),
        required=False,
        widget=_secret_input(),
        help_text=_("As the group's settings show it. It holds the robot's token, so it is stored encrypted."),
    )
    keyword = forms.CharField(
        label=_("keyword"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Where the robot's security setting is a keyword: it is added to every message."),
    )
    chat_id = forms.CharField(
        label=_("group ID"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "As the platform knows the group: Lark's chat ID (oc_...), DingTalk's openConversationId (cid...), Slack's "
            "channel ID (C...), Telegram's chat ID (-100...)."
        ),
    )
    time_zone = forms.ChoiceField(
        label=_("time zone"), required=False, choices=zone_choices, widget=UnfoldAdminSelectWidget
    )
    sends_daily = _daily_switch()
    daily_times = _daily_times(_("Separated by commas, in the time zone above, like 09:30, 17:00."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "secret" in self.fields:
            self.fields["secret"].help_text = _("Where the robot's security setting is a signature.")
        if "daily_times" in self.fields:
            self.initial["daily_times"] = ", ".join(self.instance.daily_times or [])
        if "platform" in self.fields:
            apps = app_choices()
            options = [*((kind.name, said(kind.title)) for kind in ROBOT_KINDS.values()), *apps.items()]
            self.fields["platform"].choices = options  # type: ignore[attr-defined]
            self.fields["platform"].disabled = self.instance.pk is not None
            has = {kind.name: [field.name for field in kind.fields] for kind in ROBOT_KINDS.values()}
            has |= {app: ["chat_id"] for app in apps} | {"": ["chat_id"]}  # of the apps alone, also when there is none
            self.fields["platform"].widget.attrs["data-outlet-fields"] = json.dumps(has)
        if self.instance.pk is not None:
            self._fill_in()

    def _fill_in(self) -> None:
        """What is stored, secrets excepted."""
        stored, kind = robot_settings(self.instance), kind_of(self.instance)
        if self.instance.account_id is not None:
            self.initial["platform"] = f"{_APP}{self.instance.account_id}"
            return
        self.initial["platform"] = kind.name if kind else self.instance.platform
        for field in kind.fields if kind else ():
            if field.name in _OWN or field.name not in self.fields:
                continue
            if field.is_secret and stored.get(field.name):
                self.fields[field.name].widget.attrs["placeholder"] = _STORED
            elif not field.is_secret:
                self.initial[field.name] = stored.get(field.name, "")

    def clean_daily_times(self) -> list[str]:
        return read_times(self.cleaned_data["daily_times"])

    def clean(self) -> dict[str, Any]:
        """`settings`: of the chosen kind; a secret that was not typed is kept."""
        cleaned = super().clean()
        chosen = str(cleaned.get("platform", ""))
        if chosen.startswith(_APP) and self.instance.pk is None:
            app = next((app for app in apps_with_robots() if str(app.pk) == chosen.removeprefix(_APP)), None)
            cleaned |= {"kind": app and kind_of_account(app), "account_id": app and app.pk, "settings": {}}
            return cleaned
        kind = kind_of(self.instance) if self.instance.pk is not None else ROBOT_KINDS.get(chosen)
        cleaned["kind"] = kind
        if kind is not None and kind.chat is not None:
            return cleaned | {"settings": None}
        cleaned["chat_id"] = ""
        given = {
            field: cleaned.get(field.name) or "" for field in (kind.fields if kind else ()) if field.name not in _OWN
        }
        cleaned["settings"] = {field.name: value for field, value in given.items() if value or not field.is_secret}
        return cleaned


RobotForm: type[_RobotForm] = type(
    "RobotForm", (_RobotForm,), {name: _setting(field) for name, field in settings_of_kinds().items()}
)


class PairsField(forms.CharField):
    """Cleans lines of `Name: value` to a mapping."""

    widget = _lines(3)

    def clean(self, value: Any) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for line in super().clean(value).splitlines():
            name, colon, text = line.partition(":")
            if not line.strip():
                continue
            if not colon or not name.strip():
                raise forms.ValidationError(_("Write one a line, like Name: value."))
            if name.strip() in pairs:
                raise forms.ValidationError(_("%(name)s stands there twice."), params={"name": name.strip()})
            pairs[name.strip()] = text.strip()
        return pairs


class WebhookForm(OutletForm):
    url = forms.CharField(
        label=_("URL"),
        required=False,
        widget=_secret_input(),
        help_text=_("Starts with https://. It may hold a token, so it is stored encrypted and not shown again."),
    )
    method = forms.ChoiceField(
        label=_("method"),
        choices=[("POST", "POST"), ("GET", "GET")],
        widget=UnfoldAdminSelectWidget(attrs={"data-outlet-method": ""}),
    )
    headers = PairsField(
        label=_("headers"),
        required=False,
        help_text=_("One a line, like X-Token: abc. Values are stored encrypted; *** keeps what is stored."),
    )
    parameters = PairsField(
        label=_("query parameters"),
        required=False,
        help_text=_("One a line, like channel: ops. They may hold the placeholders of the body."),
    )
    body = forms.CharField(
        label=_("body"),
        required=False,
        strip=False,
        widget=_lines(6),
        help_text=_(
            "Empty sends the whole alert as JSON, as Alertmanager does. Placeholders: $content, $alertmanager_content, "
            "$title, $severity, $status, $cause, $policy, $alert_id, $url."
        ),
    )
    recovery_body = forms.CharField(
        label=_("recovery body"),
        required=False,
        strip=False,
        widget=_lines(4),
        help_text=_("For recovery notices. Empty: as above."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "secret" in self.fields:
            self.fields["secret"].help_text = format_html(
                '{} <a class="text-link" href="{}#webhooks" target="_blank" rel="noopener">{}</a>',
                _now("Signs every request, so that the receiver knows who it is from."),
                reverse("console:help"),
                _now("How to check the signature"),
            )
        if self.instance.pk is not None:
            for name in ("headers", "parameters"):
                kept = pair_names(getattr(self.instance, name))
                self.initial[name] = "\n".join(f"{pair}: {KEPT}" for pair in kept)
