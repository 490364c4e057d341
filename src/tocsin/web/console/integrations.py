"""Integrations: where events come from. A token is shown once, with the lines to paste."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tocsin.core.clock import utc_now
from tocsin.events import services
from tocsin.events.models import Integration
from tocsin.events.rules import INITIAL_SEVERITY_MAP
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import moment
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.secrets_once import show_once
from tocsin.web.console.service_admin import ServiceAdmin, ServiceForm

_LINE = re.compile(r"\s*(?P<word>.+?)\s*=\s*[Pp]?(?P<severity>[0-9]{1,4})\s*")


class SeverityMapField(forms.CharField):
    """Lines `word = P1` <-> {"word": 1}."""

    def clean(self, value: str | None) -> dict[str, int]:
        cleaned = {}
        for line in (value or "").splitlines():
            if not line.strip():
                continue
            found = _LINE.fullmatch(line)
            if found is None:
                raise forms.ValidationError(
                    _("Write a word and a severity, like critical = P1: %(line)s") % {"line": line}
                )
            cleaned[found["word"]] = int(found["severity"])
        return cleaned

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ranked = sorted(value.items(), key=lambda item: (item[1], item[0]))
        return "\n".join(f"{word} = P{severity}" for word, severity in ranked)


class IntegrationForm(ServiceForm):
    name = forms.CharField(label=_("name"), widget=UnfoldAdminTextInputWidget)
    is_enabled = forms.BooleanField(label=_("enabled"), required=False, initial=True, widget=UnfoldBooleanSwitchWidget)
    auto_resolve_seconds = forms.IntegerField(
        label=_("resolve after (seconds without a report)"), initial=300, widget=UnfoldAdminIntegerFieldWidget
    )
    severity_map = SeverityMapField(
        label=_("severity map"),
        required=False,
        initial=dict(INITIAL_SEVERITY_MAP),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "class": "tc-mono"}),
        help_text=_("What the severity label's words mean, one a line. Other words are P6; P1 to P6 mean themselves."),
    )


class IntegrationAdmin(ServiceAdmin):
    empty = empties.INTEGRATIONS
    form = IntegrationForm
    writes = ("add", "change", "delete")
    list_display = ("name", "is_enabled", "token_prefix", "seen")
    list_filter = ("is_enabled",)
    search_fields = ("name",)
    actions_detail = ("rotate",)
    readonly_fields = ("token_prefix", "seen", "words")

    def get_fieldsets(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        fields = ("name", "is_enabled", "auto_resolve_seconds", "severity_map" if may_change else "words")
        return ((None, {"fields": fields + (("token_prefix", "seen") if obj else ())}),)

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Integration:
        integration, token = services.create_integration(by=actor_of(request), now=utc_now(), **_facts(data))
        _show(request, integration, token)
        return integration

    def response_add(
        self, request: HttpRequest, obj: Integration, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self.done(request, _now("The integration was created."), "change", obj.pk)

    def change_row(self, request: HttpRequest, row: Integration, data: dict[str, Any]) -> None:
        services.update_integration(
            by=actor_of(request), now=utc_now(), integration_id=row.pk, version=data["version"], **_facts(data)
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        for integration_id in ids:
            services.delete_integration(by=actor_of(request), now=utc_now(), integration_id=integration_id)

    @action(description=_("New token"), icon="key", url_path="new-token", permissions=["write"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            changed, token = services.rotate_token(by=actor_of(request), now=utc_now(), integration_id=integration.pk)
            _show(request, changed, token)
            return self.done(request, _now("The old token no longer works."), "change", changed.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("New token for %(name)s") % {"name": integration},
            text=_now("The token in use is refused within seconds. What reports by it must be given the new one."),
            submit=_now("Make a new token"),
        )

    @display(description=_("last event"), ordering="last_event_at")
    def seen(self, integration: Integration) -> SafeString | str:
        return moment(integration.last_event_at, utc_now())

    @display(description=_("severity map"))
    def words(self, integration: Integration) -> str:
        return str(SeverityMapField().prepare_value(integration.severity_map))


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("name", "is_enabled", "auto_resolve_seconds", "severity_map")}


def _show(request: HttpRequest, integration: Integration, token: str) -> None:
    show_once(request, _now("The token of %(name)s") % {"name": integration.name}, token, prometheus_lines(token))


def prometheus_lines(token: str) -> str:
    """What goes into prometheus.yml."""
    public = urlsplit(settings.PUBLIC_URL or "http://TOCSIN-ADDRESS:PORT")
    return "\n".join(
        [
            "# prometheus.yml",
            "alerting:",
            "  alertmanagers:",
            f"    - scheme: {public.scheme}",
            "      authorization:",
            f"        credentials: {token}",
            "      static_configs:",
            f'        - targets: ["{public.netloc}"]',
        ]
    )
