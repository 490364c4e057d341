"""Notification policies: who is told of what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from tocsin.contacts.queries import directory
from tocsin.core.clock import utc_now
from tocsin.delivery.queries import shortfalls_of
from tocsin.policies import services
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.queries import existing_policies
from tocsin.policies.rules import stored_rules
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import NOTHING, chip
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.policy_forms import PolicyForm
from tocsin.web.console.policy_matching import labels, match, rules_for_event
from tocsin.web.console.policy_text import read_rules, write_rules
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.words import CHANNELS, reason_text

_WARNINGS_SHOWN = 10


class NotificationPolicyAdmin(ServiceAdmin):
    empty = empties.POLICIES
    form = PolicyForm
    writes = ("add", "change", "delete")
    list_display = ("name", "shown_state", "rules_text", "told")
    list_filter = ("is_enabled",)
    search_fields = ("name",)
    actions_detail = ("copy",)
    fieldsets = (
        (None, {"fields": ("name", "is_enabled")}),
        (_("Which events"), {"fields": ("rules",)}),
        (_("Who is told, and how"), {"fields": ("targets", "sends_recovery")}),
        (_("When events are told together"), {"fields": ("group_by", "group_wait", "group_interval")}),
    )
    _read_only = (
        (None, {"fields": ("name", "shown_state")}),
        (_("Which events"), {"fields": ("rules_text",)}),
        (_("Who is told, and how"), {"fields": ("told_lines", "grouping")}),
    )

    def get_urls(self) -> list[URLPattern]:
        """The editor's questions come first: Django takes any other word for a row's key."""
        site = self.admin_site
        return [
            path("match/", site.admin_view(match), name="policies_notificationpolicy_match"),
            path("labels/", site.admin_view(labels), name="policies_notificationpolicy_labels"),
            *super().get_urls(),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?event=`: a policy for events like this one."""
        name, rules = rules_for_event(request.GET.get("event", ""))
        return {"name": name, "rules": rules}

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return existing_policies().annotate(target_total=Count("current__targets"))

    def get_fieldsets(self, request: HttpRequest, obj: NotificationPolicy | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return self._read_only
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: NotificationPolicy | None = None) -> Any:
        return ("shown_state", "rules_text", "told_lines", "grouping")

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> NotificationPolicy:
        policy = services.create_policy(
            by=actor_of(request), now=utc_now(), is_enabled=data["is_enabled"], **_content(data)
        )
        _warn_of_shortfalls(request, policy.pk)
        return policy

    def change_row(self, request: HttpRequest, row: NotificationPolicy, data: dict[str, Any]) -> None:
        """Switched off first and on last, so that a policy without objects can be saved when it is off."""
        by, now, version = actor_of(request), utc_now(), data["version"]
        if row.is_enabled and not data["is_enabled"]:
            version = services.disable_policy(by=by, now=now, policy_id=row.pk, version=version).version
        saved = services.save_policy(by=by, now=now, policy_id=row.pk, version=version, **_content(data))
        if data["is_enabled"] and not saved.is_enabled:
            services.enable_policy(by=by, now=now, policy_id=row.pk, version=saved.version)
        _warn_of_shortfalls(request, row.pk)

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        for policy_id in ids:
            services.delete_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id)

    @action(description=_("Copy"), icon="content_copy", permissions=["write"])
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        policy = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            copied = services.copy_policy(by=actor_of(request), now=utc_now(), policy_id=policy.pk)
            return self.done(request, _now("The copy is disabled: nobody is told twice."), "change", copied.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Copy %(name)s") % {"name": policy},
            text=_now("The copy has the same rules and objects, and is disabled until you enable it."),
            submit=_now("Copy"),
        )

    @display(description=_("state"), ordering="is_enabled")
    def shown_state(self, policy: NotificationPolicy) -> SafeString:
        return chip(_now("enabled"), "success") if policy.is_enabled else chip(_now("disabled"))

    @display(description=_("match rules"))
    def rules_text(self, policy: NotificationPolicy) -> SafeString | str:
        rules = stored_rules(policy.current.rules) if policy.current else ()
        if not rules:
            return _now("every event")
        return format_html('<span class="tc-mono tc-lines">{}</span>', write_rules(rules))

    @display(description=_("tells"), ordering="target_total")
    def told(self, policy: Any) -> SafeString | str:
        return str(policy.target_total) if policy.target_total else chip(_now("nobody"), "warning")

    @display(description=_("tells"))
    def told_lines(self, policy: NotificationPolicy) -> SafeString | str:
        targets = list(policy.current.targets.order_by("pk")) if policy.current else []
        known = directory([target.object_id for target in targets])
        named: dict[int, Any] = {**known.contacts, **known.groups, **known.robots, **known.webhooks}
        rows = (
            (named[target.object_id].name, ", ".join(str(CHANNELS[channel]) for channel in target.channels))
            for target in targets
            if target.object_id in named
        )
        lines = format_html_join("", '<div>{} <span class="tc-quiet">{}</span></div>', rows)
        return lines or NOTHING

    @display(description=_("grouping"))
    def grouping(self, policy: NotificationPolicy) -> str:
        if policy.current is None:
            return NOTHING
        names = ", ".join(policy.current.group_by) or _now("everything together")
        return _now("%(names)s; wait %(wait)d s, interval %(interval)d s") % {
            "names": names,
            "wait": policy.current.group_wait_seconds,
            "interval": policy.current.group_interval_seconds,
        }


def _warn_of_shortfalls(request: HttpRequest, policy_id: int) -> None:
    """Before the bad night: whom the saved policy names and would not reach."""
    lacks = shortfalls_of(policy_id)
    if not lacks:
        return
    lines = []
    for lack in lacks[:_WARNINGS_SHOWN]:
        who = f"{lack.name} ({CHANNELS[lack.channel]}):" if lack.channel else f"{lack.name}:" if lack.name else ""
        lines.append(f"{who} {reason_text(lack.reason)}".strip())
    if more := len(lacks) - len(lines):
        lines.append(_now("and %(count)d more") % {"count": more})
    intro = _now("As things are now, not everybody can be told or mentioned:")
    messages.warning(request, f"{intro} {'; '.join(lines)}")


def _content(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": data["name"],
        "rules": read_rules(data["rules"]),
        "group_by": [name for name in (part.strip() for part in data["group_by"].split(",")) if name],
        "group_wait": timedelta(seconds=data["group_wait"]),
        "group_interval": timedelta(seconds=data["group_interval"]),
        "targets": data["targets"],
        "sends_recovery": data["sends_recovery"],
    }
