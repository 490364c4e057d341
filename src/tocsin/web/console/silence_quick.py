"""*Silence*, from an alert or an event: its labels, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _now

from tocsin.accounts.rules import Permission
from tocsin.alerts.common_labels import labels_in_common
from tocsin.alerts.models import Alert
from tocsin.core.clock import utc_now
from tocsin.events.models import Event
from tocsin.policies.rules import Condition, Operator
from tocsin.policies.rules.silencing import Effect
from tocsin.policies.services.silences import create_silence
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.display import clock
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.policy_text import read_rules, write_rules
from tocsin.web.console.silence_forms import QuickSilenceForm

_MAX_NAME = 64
_FIRST = ("alertname", "severity")


def page(request: HttpRequest, context: dict[str, Any], *, event: Event | None = None) -> HttpResponse:
    """Of the event, or of the alert that `?alert=` names; leads back there."""
    require(request, Permission.RESPOND)
    name, labels, back = (
        _of_alert(request) if event is None else (str(event), event.labels, _url("events_event", event))
    )

    class Form(QuickSilenceForm):
        """Asks for a time of its own when none is chosen, before the service does."""

        def clean(self) -> dict[str, Any]:
            cleaned: dict[str, Any] = super().clean() or self.cleaned_data
            if not cleaned.get("hours") and not cleaned.get("ends_at") and "ends_at" not in self.errors:
                self.add_error("ends_at", forms.ValidationError(_now("Say until when.")))
            cleaned["until"] = self.ends(utc_now()) if not self.errors else None
            return cleaned

    def act(data: dict[str, Any]) -> HttpResponse:
        silence = create_silence(
            by=actor_of(request),
            now=utc_now(),
            name=name[:_MAX_NAME],
            rules=read_rules(data["rules"]),
            comment=data["comment"],
            effect=Effect.PERIOD,
            ends_at=data["until"],
        )
        messages.success(request, _now("Silenced until %(time)s.") % {"time": clock(silence.ends_at or utc_now())})
        return HttpResponseRedirect(back)

    return form_page(
        request,
        context,
        Form,
        act,
        title=_now("Silence %(name)s") % {"name": name},
        text=_now("What matches is recorded and told to nobody. When the silence ends, what still fires is told."),
        submit=_now("Silence"),
        initial={"rules": _conditions(labels)},
    )


def _of_alert(request: HttpRequest) -> tuple[str, Mapping[str, str], str]:
    """What the silence will be called, whose labels it takes, and where its page is."""
    key = request.GET.get("alert", "")
    is_key = key.isascii() and key.isdecimal() and len(key) < 19
    alert = Alert.objects.filter(pk=key).first() if is_key else None
    if alert is None:
        raise Http404
    return alert.title, labels_in_common([alert.pk])[alert.pk] or alert.group_labels, _url("alerts_alert", alert)


def _url(table: str, row: Alert | Event) -> str:
    return reverse(f"console:{table}_change", args=[row.pk])


def _conditions(labels: Mapping[str, str]) -> str:
    keys = [key for key in _FIRST if key in labels] + sorted(labels.keys() - set(_FIRST))
    return write_rules([[Condition(key, Operator.EQ, labels[key]) for key in keys[:50]]]) if keys else ""
