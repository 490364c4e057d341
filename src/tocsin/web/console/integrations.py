"""Integrations: where events come from. A token is shown once, with the lines to paste."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.contacts.rules import Use
from tocsin.core.clock import utc_now
from tocsin.delivery.trials import send_test_event
from tocsin.events import services
from tocsin.events.models import Integration
from tocsin.events.queries import active_events_by_integration, active_events_of
from tocsin.events.rules import INITIAL_SEVERITY_MAP
from tocsin.policies.queries import policies_naming_integration
from tocsin.policies.rules import parse_rules, rules_as_json, stored_rules
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.dialogs import in_dialog
from tocsin.web.console.display import chip, moment
from tocsin.web.console.fields import NumberField, SwitchField
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.integration_mapping import mapping_page
from tocsin.web.console.integration_page import TestEventForm, live_context, live_page, page_context, test_text
from tocsin.web.console.policy_matching import RulesField
from tocsin.web.console.policy_text import read_rules, write_rules
from tocsin.web.console.secrets_once import show_once
from tocsin.web.console.service_admin import ServiceAdmin, ServiceForm
from tocsin.web.console.uses import uses_list

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
    is_enabled = SwitchField(
        label=_("enabled"),
        initial=True,
        help_text=_("Disabled: its reports are refused with 403, and what is active resolves when its time runs out."),
    )
    auto_resolve_seconds = NumberField(
        label=_("resolve after (seconds without a report)"),
        initial=300,
        help_text=_("For events whose source names no end. Prometheus names one in each report."),
    )
    severity_map = SeverityMapField(
        label=_("severity map"),
        required=False,
        initial=dict(INITIAL_SEVERITY_MAP),
        widget=UnfoldAdminTextareaWidget(
            attrs={"rows": 5, "class": "tc-mono", "data-severities": _("word"), "data-as": _("counts as")}
        ),
        help_text=_("What the severity label's words mean, one a line. Other words are P6; P1 to P6 mean themselves."),
    )
    heartbeat_minutes = NumberField(
        label=_("expect a heartbeat every (minutes)"), required=False, min_value=0, max_value=7 * 24 * 60,
        help_text=_("When nothing comes for so long, TocsinHeartbeatMissed fires here until it does. Empty: never."),
    )  # fmt: skip
    heartbeat_rules = RulesField(
        label=_("what counts as one"), required=False, strip=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2, "class": "tc-mono", "spellcheck": "false"}),
        help_text=_("Conditions, one a line, like alertname = Watchdog. Empty: any event that fires."),
    )  # fmt: skip
    names: ClassVar[dict[str, str]] = {"heartbeat_seconds": "heartbeat_minutes"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial["heartbeat_minutes"] = self.instance.heartbeat_seconds // 60 or None
            self.initial["heartbeat_rules"] = write_rules(stored_rules(self.instance.heartbeat_rules or ()))


class IntegrationAdmin(ServiceAdmin):
    empty = empties.INTEGRATIONS
    form = IntegrationForm
    writes = ("add", "change", "delete")
    adds_in_dialog = True
    change_form_outer_before_template = "console/integration_head.html"
    list_display = ("name", "shown_state", "seen", "active", "token_prefix")
    list_filter = ("is_enabled",)
    search_fields = ("name",)
    actions_detail = ("send_test_event", "map_json", "rotate")
    readonly_fields = ("token_prefix", "seen", "words", "heartbeat")

    def get_urls(self) -> list[URLPattern]:
        live = path("<int:integration_id>/live/", self.admin_site.admin_view(self.live), name="integration_live")
        return [live, *super().get_urls()]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        active = active_events_by_integration()
        for integration in changelist.result_list:
            integration.active_total = active.get(integration.pk, 0)
        return changelist

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        integration = context.get("original")
        if integration is not None and not in_dialog(request):
            shown = context.get("shown_once") or {}
            context["setup"] = page_context(integration, shown.get("secret", ""))
            context["live"] = live_context(request, integration)
        return super().render_change_form(request, context, *args, **kwargs)

    def live(self, request: HttpRequest, integration_id: int) -> HttpResponse:
        require(request, self.needs_to_view)
        return live_page(request, self.row(request, str(integration_id)))

    def get_fieldsets(self, request: HttpRequest, obj: Integration | None = None) -> Any:
        may_change = obj is None or self.has_change_permission(request, obj)
        fields = ("name", "is_enabled", "auto_resolve_seconds", "severity_map" if may_change else "words")
        expected = ("heartbeat_minutes", "heartbeat_rules") if may_change else ()
        known = ("token_prefix", "seen", "heartbeat") if obj else ()
        return ((None, {"fields": fields + expected + known}),)

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

    def notes_on_deleting(self, ids: list[int]) -> list[str | SafeString]:
        notes: list[str | SafeString] = [_now("Whoever still reports with its token is answered with 401.")]
        for integration in Integration.objects.filter(pk__in=ids):
            names = {"name": integration.name, "count": active_events_of(integration.pk)}
            if names["count"]:
                text = _now("%(count)d events of %(name)s are active: it cannot be deleted before they end.")
            else:
                text = _now("The events of %(name)s go with it; alerts stay, without them.")
            notes.append(text % names)
            naming = policies_naming_integration(integration.name, integration.pk)
            uses = uses_list(Use(integration.pk, "policy", policy.pk, policy.name) for policy in naming)
            notes += [format_html("{} {}", line, _now("names it and will match nothing from it.")) for line in uses]
        return notes

    @action(description=_("Send a test event"), icon="science", url_path="test-event", permissions=["write"])
    def send_test_event(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            send_test_event(by=actor_of(request), now=utc_now(), integration_id=integration.pk, labels=data["labels"])
            return self.done(request, _now("The test event was received."), "change", integration.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            TestEventForm,
            act,
            title=_now("Send a test event through %(name)s") % {"name": integration},
            text=test_text(integration),
            submit=_now("Send"),
        )

    @action(description=_("JSON mapping"), icon="data_object", url_path="mapping", permissions=["write"])
    def map_json(self, request: HttpRequest, object_id: str) -> HttpResponse:
        integration = self.row(request, object_id)

        def saved() -> HttpResponse:
            return self.done(request, _now("The mapping was saved."), "change", integration.pk)

        return mapping_page(request, self.admin_site.each_context(request), integration, saved)

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

    @display(description=_("state"), ordering="is_enabled")
    def shown_state(self, integration: Integration) -> SafeString:
        if not integration.is_enabled:
            return chip(_now("disabled"))
        if integration.heartbeat_missed_at is not None:
            return chip(_now("heartbeat missed"), "danger")
        if integration.last_event_at is None:
            return chip(_now("waiting for the first event"), "warning")
        return chip(_now("enabled"), "success")

    @display(description=_("active events"))
    def active(self, integration: Any) -> str:
        return str(integration.active_total)

    @display(description=_("last event"), ordering="last_event_at")
    def seen(self, integration: Integration) -> SafeString | str:
        return moment(integration.last_event_at, utc_now())

    @display(description=_("last heartbeat"))
    def heartbeat(self, integration: Integration) -> SafeString | str:
        if not integration.heartbeat_seconds:
            return _now("none is expected")
        last = moment(integration.heartbeat_at, utc_now())
        is_missed = integration.heartbeat_missed_at is not None
        return format_html(
            "{} {}", last, chip(_now("missed"), "danger") if is_missed else chip(_now("in time"), "success")
        )

    @display(description=_("severity map"))
    def words(self, integration: Integration) -> str:
        return str(SeverityMapField().prepare_value(integration.severity_map))


def _facts(data: dict[str, Any]) -> dict[str, Any]:
    facts = {name: data[name] for name in ("name", "is_enabled", "auto_resolve_seconds", "severity_map")}
    rules = rules_as_json(parse_rules(read_rules(data["heartbeat_rules"])))
    return {**facts, "heartbeat_seconds": (data["heartbeat_minutes"] or 0) * 60, "heartbeat_rules": rules}


def _show(request: HttpRequest, integration: Integration, token: str) -> None:
    show_once(request, _now("The token of %(name)s") % {"name": integration.name}, token)
