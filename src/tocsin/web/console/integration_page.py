"""What an integration's page adds to its form: what to write at the source, and whether something has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.accounts.rules import Permission
from tocsin.alerts.models import Alert
from tocsin.core.clock import utc_now
from tocsin.core.links import is_private
from tocsin.delivery.trials import TEST_LABEL
from tocsin.events.models import Event, Integration
from tocsin.events.queries import active_events_of, key_of, newest_event_of, unknown_severities
from tocsin.events.recipes import PLACEHOLDER, recipes
from tocsin.policies.queries import explain_policies
from tocsin.web.console.actors import may
from tocsin.web.console.explain import LabelsField

_UNKNOWN_ADDRESS = "http://TOCSIN-ADDRESS:8000"
_TITLES: Mapping[str, tuple[str | Promise, str | Promise]] = {
    "prometheus": (
        _("Prometheus"),
        _("Into prometheus.yml; then reload Prometheus. vmalert and Loki's ruler take the same address and token."),
    ),
    "alertmanager": (
        _("Beside an Alertmanager"),
        _("Prometheus sends each alert to all in its list, so both can run until you trust this one."),
    ),
    "curl": (_("curl"), _("Posts one event, to see that the way is open.")),
    "amtool": (_("amtool"), _("The same with the tool that comes with Alertmanager.")),
    "alertmanager-webhook": (
        _("Alertmanager's webhook"),
        _(
            "A receiver of an Alertmanager that stays in front; name it in a route. "
            "Keep repeat_interval at a day or less."
        ),
    ),
    "grafana": (
        _("Grafana's webhook"),
        _("A contact point; in Grafana's pages: Alerting, Contact points, Webhook, with this URL."),
    ),
    "cloudevents": (
        _("CloudEvents"),
        _("Structured, in batches or binary. One that comes again by its id is dropped."),
    ),
    "json": (
        _("Plain JSON"),
        _("Any document. Which parts of it are the event says the mapping; without one the usual names are read."),
    ),
    "arms": (_("ARMS custom integration"), _("As sent to alerts.aliyuncs.com: only the host changes, and the token.")),
}


class TestEventForm(forms.Form):
    labels = LabelsField(
        label=_("labels"),
        initial="severity=warning",
        help_text=_("One a line, like severity=critical: what your policies match on."),
    )


def page_context(integration: Integration, token: str) -> dict[str, Any]:
    """`token` is "" except on the page that follows its making."""
    url = settings.PUBLIC_URL or _UNKNOWN_ADDRESS
    return {
        "recipes": [
            {"title": _TITLES[recipe.name][0], "help": _TITLES[recipe.name][1], "recipe": recipe}
            for recipe in recipes(url, token or PLACEHOLDER)
        ],
        "url": url,
        "has_token": bool(token),
        "placeholder": PLACEHOLDER,
        "has_address": bool(settings.PUBLIC_URL),
        "is_private": is_private(url),
        "unknown_words": unknown_severities(integration.pk, integration.severity_map),
    }


def live_context(request: HttpRequest, integration: Integration) -> dict[str, Any]:
    """What has come, and what became of the newest of it: five statements."""
    event = newest_event_of(integration.pk)
    takers = _takers(integration, event) if event is not None else []
    return {
        "integration": integration,
        "event": event,
        "is_test": event is not None and TEST_LABEL in event.labels,
        "active": active_events_of(integration.pk),
        "takers": takers,
        "is_taken": any(policy["is_enabled"] for policy in takers),
        "alerts": list(Alert.objects.filter(memberships__event=event, is_shadow=False).order_by("-id")[:5])
        if event
        else [],
        "may_manage": may(request, Permission.MANAGE),
        "now": utc_now(),
    }


def live_page(request: HttpRequest, integration: Integration) -> HttpResponse:
    """The part that the page asks for again and again."""
    return TemplateResponse(request, "console/integration_live.html", {"live": live_context(request, integration)})


def _takers(integration: Integration, event: Event) -> list[dict[str, Any]]:
    """Policies that take the event as they are now."""
    return [
        {"id": policy.policy_id, "name": policy.name, "is_enabled": policy.is_enabled}
        for policy in explain_policies(event.labels, key_of(integration))
        if policy.is_match
    ]


def test_text(integration: Integration) -> str:
    return _now(
        "One event goes the way of a real one: policies that match it tell people now. It calls itself a test, and "
        "resolves after two minutes. Explain shows beforehand who would be told."
    )
