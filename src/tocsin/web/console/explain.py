"""Explain: who would be told of these labels now or at a moment, who not, and why; the planner's own answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from tocsin.accounts.rules import Permission
from tocsin.core.clock import is_keepable, utc_now
from tocsin.core.labels import label_errors
from tocsin.delivery.explaining import ANY_SOURCE, ExplainedPolicy, ExplainedStep, Explanation, explain
from tocsin.events.models import Event, Integration
from tocsin.events.queries import key_of
from tocsin.web.console.actors import require
from tocsin.web.console.escalation_steps import UNTIL
from tocsin.web.console.form_pages import capitalise_labels
from tocsin.web.console.silence_forms import MomentWidget
from tocsin.web.console.words import CHANNEL_ICONS, CHANNELS, reason_text, said


class LabelsField(forms.CharField):
    """Lines `key=value` -> labels that can be stored."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 6, "class": "tc-mono", "spellcheck": "false"})

    def clean(self, value: Any) -> dict[str, str]:
        labels = {}
        for number, line in enumerate(str(super().clean(value)).splitlines(), start=1):
            if not line.strip():
                continue
            key, sign, text = line.partition("=")
            if not sign or not key.strip():
                raise forms.ValidationError(
                    _("Line %(number)d: write a label and its value, like severity=critical."),
                    params={"number": number},
                )
            labels[key.strip()] = text.strip().strip('"')
        if errors := label_errors(labels):
            raise forms.ValidationError([f"{field}: {text}" for field, text in errors.items()])
        return labels


class ExplainForm(forms.Form):
    """Read from the query, so that an answer has an address that can be passed on."""

    labels = LabelsField(label=_("labels"), help_text=_("One a line, like severity=critical."))
    integration = forms.ModelChoiceField(
        label=_("integration"),
        queryset=Integration.objects.all(),
        required=False,
        empty_label=_("Any"),
        widget=UnfoldAdminSelectWidget,
    )
    at = forms.DateTimeField(
        label=_("at"),
        required=False,
        widget=MomentWidget,
        help_text=_("Empty: now. Policies and contacts as they are; schedules, silences and hours as they will be."),
    )

    def clean_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["at"]
        if at is not None and not is_keepable(at):
            raise forms.ValidationError(_("Choose a moment between the years 2000 and 2200."))
        return at


def page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """`?event=` starts from an event's labels, `?labels=` from typed ones."""
    require(request, Permission.VIEW)
    event = _event(request.GET.get("event", ""))
    typed: Any = None
    if event is not None:
        text = "\n".join(f"{key}={value}" for key, value in sorted(event.labels.items()))
        typed = {"labels": text, "integration": event.integration_id}
    elif "labels" in request.GET:
        typed = request.GET
    form = ExplainForm(typed)
    capitalise_labels(form)
    answer = _answer(form, event) if typed is not None and form.is_valid() else None
    shown = {**context, "title": _now("Explain"), "form": form, "event": event, "answer": answer}
    return TemplateResponse(request, "console/explain.html", shown)


def _event(typed: str) -> Event | None:
    if not typed:
        return None
    is_number = typed.isascii() and typed.isdecimal()
    event = Event.objects.select_related("integration").filter(pk=typed).first() if is_number else None
    if event is None:
        raise Http404
    return event


def _answer(form: ExplainForm, event: Event | None) -> dict[str, Any]:
    labels = event.labels if event is not None else form.cleaned_data["labels"]
    integration: Integration | None = form.cleaned_data["integration"]
    at: datetime | None = form.cleaned_data["at"]
    source = key_of(integration) if integration else ANY_SOURCE
    explanation = explain(labels, at or utc_now(), integration=source, is_now=at is None)
    return {
        "explanation": explanation,
        "policies": _policies(explanation),
        "is_anybody_told": explanation.is_anybody_told,
    }


def _policies(explanation: Explanation) -> list[dict[str, Any]]:
    """Those that match come first."""
    return [
        {
            "policy": policy,
            "why_not": [said(text) for text in policy.why_not],
            **_people(policy),
            "steps": [{"step": step, "until": UNTIL[step.until], **_people(step)} for step in policy.steps],
        }
        for policy in sorted(explanation.policies, key=lambda item: (not item.is_match, not item.is_enabled))
    ]


def _people(told: ExplainedPolicy | ExplainedStep) -> dict[str, Any]:
    return {
        "told": [
            {
                "name": delivery.name,
                "address": delivery.address_masked,
                "channel": CHANNELS.get(delivery.channel, delivery.channel),
                "icon": CHANNEL_ICONS.get(delivery.channel, "send"),
                "mentions": len(delivery.mention_ids),
            }
            for delivery in told.deliveries
        ],
        "not_told": [
            {
                "name": shortfall.name,
                "channel": CHANNELS.get(shortfall.channel, shortfall.channel),
                "why": reason_text(shortfall.reason),
            }
            for shortfall in told.shortfalls
        ],
    }
