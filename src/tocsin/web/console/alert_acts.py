"""What people do to an alert in a small dialog: claim for a time, assign, change the severity, mute, escalate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from tocsin.accounts.rules import Permission
from tocsin.alerts import services
from tocsin.alerts.models import Alert
from tocsin.contacts.models import NotificationObject
from tocsin.core.clock import utc_now
from tocsin.delivery.doorbell import ring_due
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.picker import Picker

_Written = Callable[[HttpRequest, int, dict[str, Any]], str]
_MINUTES = (15, 30, 60, 2 * 60, 4 * 60, 8 * 60, 24 * 60)


def _spans() -> list[tuple[int, str]]:
    return [(minutes, _span(minutes)) for minutes in _MINUTES]


def _span(minutes: int) -> str:
    if minutes < 60:
        return _now("%(count)d minutes") % {"count": minutes}
    hours = minutes // 60
    return _now("1 hour") if hours == 1 else _now("%(count)d hours") % {"count": hours}


class ClaimForm(forms.Form):
    minutes = forms.TypedChoiceField(
        label=_("for"), coerce=int, empty_value=None, required=False, widget=UnfoldAdminSelectWidget,
        help_text=_("Then the claim lapses, and repeats and escalation go on."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["minutes"].choices = _spans()  # type: ignore[attr-defined] # a choice field


class AssignForm(forms.Form):
    contact = forms.IntegerField(
        label=_("contact"),
        widget=Picker(NotificationObject.Kind.CONTACT),
        error_messages={"invalid": _("Choose from the list."), "required": _("Choose a contact.")},
        help_text=_("Is told now. A claim ends, and escalation goes on until the contact claims it."),
    )


class SeverityForm(forms.Form):
    severity = forms.TypedChoiceField(
        label=_("severity"),
        coerce=int,
        choices=[(number, f"P{number}") for number in range(1, 7)],
        widget=UnfoldAdminSelectWidget,
        help_text=_("Counts from now on, whatever the events say."),
    )


class MuteForm(ClaimForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["minutes"].required = True
        self.fields["minutes"].help_text = _("It ends by itself; what fires meanwhile is told then.")


class EscalateForm(forms.Form):
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)


def _claim_for(request: HttpRequest, alert_id: int, data: dict[str, Any]) -> str:
    lasts = timedelta(minutes=data["minutes"]) if data["minutes"] else None
    services.claim_alert(by=actor_of(request), now=utc_now(), alert_id=alert_id, lapses_after=lasts)
    return _now("You have claimed this alert: messages that were still to go out about it are stopped.")


def _assign(request: HttpRequest, alert_id: int, data: dict[str, Any]) -> str:
    alert = services.assign_alert(by=actor_of(request), now=utc_now(), alert_id=alert_id, contact_id=data["contact"])
    return _now("The alert was given to %(name)s.") % {"name": alert.assigned_name}


def _change_severity(request: HttpRequest, alert_id: int, data: dict[str, Any]) -> str:
    services.change_severity(by=actor_of(request), now=utc_now(), alert_id=alert_id, severity=data["severity"])
    return _now("The alert counts as P%(severity)d now.") % {"severity": data["severity"]}


def _mute(request: HttpRequest, alert_id: int, data: dict[str, Any]) -> str:
    lasts = timedelta(minutes=data["minutes"])
    services.mute_alert(by=actor_of(request), now=utc_now(), alert_id=alert_id, lasts=lasts)
    return _now("Nothing is sent about this alert for a while.")


def _escalate(request: HttpRequest, alert_id: int, data: dict[str, Any]) -> str:
    services.escalate_alert(by=actor_of(request), now=utc_now(), alert_id=alert_id, seen=data["seen"])
    return _now("The next step of the escalation is told now.")


_PAGES: Mapping[str, tuple[Any, type[forms.Form], _Written, Any]] = {
    "claim-for": (_("Claim for a time"), ClaimForm, _claim_for, _("Claim")),
    "assign": (_("Give it to somebody"), AssignForm, _assign, _("Assign")),
    "severity": (_("Change the severity"), SeverityForm, _change_severity, _("Change")),
    "mute": (_("Mute for a time"), MuteForm, _mute, _("Mute")),
    "escalate": (_("Escalate now"), EscalateForm, _escalate, _("Escalate")),
}


def pages(wrap: Callable[[Any], Any], context: Callable[[HttpRequest], dict[str, Any]]) -> list[URLPattern]:
    return [
        path(f"<int:alert_id>/{name}/", wrap(_view(name, context)), name=f"alert_{name.replace('-', '_')}")
        for name in _PAGES
    ]


def ring() -> None:
    """The worker decides at once what an act has made due."""
    with transaction.atomic():
        ring_due()


def _view(name: str, context: Callable[[HttpRequest], dict[str, Any]]) -> Callable[..., HttpResponse]:
    title, form, written, submit = _PAGES[name]

    def view(request: HttpRequest, alert_id: int) -> HttpResponse:
        require(request, Permission.RESPOND)
        alert = Alert.objects.filter(pk=alert_id).first()
        if alert is None:
            raise Http404

        def act(data: dict[str, Any]) -> HttpResponse:
            messages.success(request, written(request, alert_id, data))
            ring()
            return HttpResponseRedirect(reverse("console:alerts_alert_change", args=[alert_id]))

        return form_page(
            request, context(request), form, act, title=str(title), text=_TEXTS.get(name, alert.title),
            submit=str(submit),
            initial={"minutes": 60, "severity": alert.severity, "seen": alert.escalated_count},
        )  # fmt: skip

    return view


_TEXTS: Mapping[str, Any] = {
    "escalate": _(
        "Whoever is next in the escalation policy is told at once, also when somebody has claimed the alert."
    ),
}
