"""Notification policies: who is told of what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from tocsin.accounts.rules import Permission
from tocsin.contacts.queries import names_of
from tocsin.core.clock import utc_now
from tocsin.core.errors import TocsinError
from tocsin.policies import services
from tocsin.policies.lately import matched_lately, recent_events
from tocsin.policies.models import LAST_POSITION, NotificationPolicy
from tocsin.policies.queries import existing_policies
from tocsin.policies.rules import stored_rules
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.display import NOTHING, chip, moment, read_once
from tocsin.web.console.policy_forms import PolicyForm, source_choices
from tocsin.web.console.policy_hours import limits_read, window_read
from tocsin.web.console.policy_lately import alerts_of, open_alerts, rules_read, with_alerts
from tocsin.web.console.policy_matching import labels, match, preview, rules_for_event
from tocsin.web.console.policy_order import place_buttons, typed_ids
from tocsin.web.console.policy_states import PolicyStateFilter, PolicyStates, policy_chip, warn_of_shortfalls
from tocsin.web.console.policy_targets import reach, reach_html
from tocsin.web.console.policy_templates import preview as template_preview
from tocsin.web.console.policy_templates import templates_read
from tocsin.web.console.policy_text import read_rules, write_rules
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.words import CHANNELS, refused

_WARNINGS_SHOWN = 10


class NotificationPolicyAdmin(PolicyStates, ServiceAdmin):
    empty = empties.POLICIES
    form = PolicyForm
    writes = ("add", "change", "delete")
    list_display = ("place", "name", "shown_state", "rules_text", "told", "lately", "last_alert")
    list_display_links = ("name",)
    list_filter = (PolicyStateFilter,)
    search_fields = ("name",)
    actions_detail = ("shadow_report", "enable", "shadow", "disable", "apply_current", "copy")
    fieldsets = (
        (None, {"fields": ("name", "is_enabled", "is_shadow")}),
        (_("Which events"), {"fields": ("sources", "rules", "stops_here")}),
        (_("Who is told, and how"), {"fields": ("targets", "severity_limits", "sends_recovery")}),
        (_("When messages may go out"), {"fields": ("window",)}),
        (_("When events are told together"), {"fields": ("group_by", "group_wait", "group_interval")}),
        (_("When nobody reacts"), {"fields": ("repeat_every", "escalation")}),
        (_("What messages say"), {"fields": ("templates",)}),
    )
    _lately = ((_("Lately"), {"fields": ("recent_alerts",)}),)
    _read_only = (
        (None, {"fields": ("name", "shown_state")}),
        (_("Which events"), {"fields": ("source_names", "rules_lines", "matched", "walk_goes_on")}),
        (_("Who is told, and how"), {"fields": ("told_lines", "reached", "limits", "recovery", "grouping")}),
        (_("When messages may go out"), {"fields": ("hours",)}),
        (_("What messages say"), {"fields": ("texts",)}),
        (_("When nobody reacts"), {"fields": ("insistence",)}),
        *_lately,
    )

    def get_urls(self) -> list[URLPattern]:
        """The editor's questions come first: Django takes any other word for a row's key."""
        site = self.admin_site
        return [
            path("match/", site.admin_view(match), name="policies_notificationpolicy_match"),
            path("labels/", site.admin_view(labels), name="policies_notificationpolicy_labels"),
            path("template/", site.admin_view(template_preview), name="policies_notificationpolicy_template"),
            path("reach/", site.admin_view(self.reach), name="policies_notificationpolicy_reach"),
            path("<int:policy_id>/in-shadow/", site.admin_view(self.report_page), name="policy_shadow_report"),
            path("order/", site.admin_view(self.reorder), name="policy_order"),
            path("<int:policy_id>/up/", site.admin_view(self.move), {"places": -1}, name="policy_up"),
            path("<int:policy_id>/down/", site.admin_view(self.move), {"places": 1}, name="policy_down"),
            *super().get_urls(),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """`?event=`: a policy for events like this one."""
        name, rules = rules_for_event(request.GET.get("event", ""))
        return {"name": name, "rules": rules}

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return with_alerts(existing_policies().annotate(target_total=Count("current__targets")), utc_now())

    def get_fieldsets(self, request: HttpRequest, obj: NotificationPolicy | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return self._read_only
        return self.fieldsets + self._lately if obj is not None else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: NotificationPolicy | None = None) -> Any:
        return (
            "shown_state", "source_names", "rules_lines", "matched", "walk_goes_on", "told_lines", "reached",
            "limits", "hours", "texts",
            "recovery", "grouping", "insistence", "recent_alerts",
        )  # fmt: skip

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> NotificationPolicy:
        policy = services.create_policy(
            by=actor_of(request),
            now=utc_now(),
            is_enabled=data["is_enabled"],
            is_shadow=data["is_shadow"],
            **_content(data),
        )
        warn_of_shortfalls(request, policy.pk)
        return policy

    def change_row(self, request: HttpRequest, row: NotificationPolicy, data: dict[str, Any]) -> None:
        """Switched off first and on last, so that a policy without objects can be saved when it is off."""
        by, now, version = actor_of(request), utc_now(), data["version"]
        if (row.is_enabled or row.is_shadow) and not (data["is_enabled"] or data["is_shadow"]):
            version = services.disable_policy(by=by, now=now, policy_id=row.pk, version=version).version
        saved = services.save_policy(by=by, now=now, policy_id=row.pk, version=version, **_content(data))
        if data["is_enabled"] and not saved.is_enabled:
            services.enable_policy(by=by, now=now, policy_id=row.pk, version=saved.version)
        if data["is_shadow"] and not saved.is_shadow:
            services.shadow_policy(by=by, now=now, policy_id=row.pk, version=saved.version)
        warn_of_shortfalls(request, row.pk)

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        for policy_id in ids:
            services.delete_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id)

    def notes_on_deleting(self, ids: list[int]) -> list[SafeString]:
        return open_alerts(ids)

    def get_list_display(self, request: HttpRequest) -> Sequence[str]:
        """Who may write moves policies in the list."""
        names: Sequence[str] = super().get_list_display(request)
        return ("movable_place", *names[1:]) if self.has_write_permission(request) else names

    def move(self, request: HttpRequest, policy_id: int, places: int) -> HttpResponse:
        """One place up or down, and back to the list as it was."""
        require(request, Permission.MANAGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        return self._ordered(request, services.move_policy, policy_id=policy_id, places=places)

    def reorder(self, request: HttpRequest) -> HttpResponse:
        """What was dragged: `before` as it was shown, `after` as it is to be."""
        require(request, Permission.MANAGE)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        before, after = (typed_ids(request.POST.get(name, "")) for name in ("before", "after"))
        return self._ordered(request, services.reorder_shown_policies, before=before, after=after)

    def _ordered(self, request: HttpRequest, order: Callable[..., object], **how: Any) -> HttpResponse:
        try:
            order(by=actor_of(request), now=utc_now(), **how)
        except TocsinError as error:
            messages.error(request, refused(error))
        query = request.GET.urlencode()
        return HttpResponseRedirect(self.url("changelist") + (f"?{query}" if query else ""))

    def reach(self, request: HttpRequest) -> HttpResponse:
        return reach(request, self.admin_site.each_context(request))

    @display(description=_("order"), ordering="position")
    def place(self, policy: NotificationPolicy) -> str:
        return str(policy.position) if policy.position < LAST_POSITION else NOTHING

    @display(description=_("order"), ordering="position")
    def movable_place(self, policy: NotificationPolicy) -> SafeString:
        return place_buttons(policy, self.place(policy))

    @display(description=_("event sources"))
    def source_names(self, policy: NotificationPolicy) -> str:
        names = (
            [name for _pk, name in source_choices(policy.current.sources, only_chosen=True)] if policy.current else []
        )
        return ", ".join(names) or _now("every integration")

    @display(description=_("stop here"))
    def walk_goes_on(self, policy: NotificationPolicy) -> str:
        if policy.current and policy.current.stops_here:
            return _now("yes: policies after it do not get the events that it takes")
        return _now("no: other policies that match take the same events, too")

    @display(description=_("state"), ordering="is_enabled")
    def shown_state(self, policy: NotificationPolicy) -> SafeString:
        return policy_chip(policy)

    @display(description=_("match rules"))
    def rules_text(self, policy: NotificationPolicy) -> SafeString | str:
        rules = stored_rules(policy.current.rules) if policy.current else ()
        if not rules:
            return _now("every event")
        return format_html('<span class="tc-mono tc-lines">{}</span>', write_rules(rules))

    @display(description=_("match rules"))
    @read_once
    def rules_lines(self, policy: NotificationPolicy) -> SafeString | str:
        return rules_read(stored_rules(policy.current.rules) if policy.current else ())

    @display(description=_("of the last 7 days"))
    @read_once
    def matched(self, policy: NotificationPolicy) -> SafeString:
        rules = stored_rules(policy.current.rules) if policy.current else ()
        return mark_safe(preview(matched_lately(rules, recent_events(utc_now()))))  # noqa: S308 (a template's own)

    @display(description=_("reached"))
    @read_once
    def reached(self, policy: NotificationPolicy) -> SafeString:
        targets = policy.current.targets.order_by("pk").values_list("object_id", "channels") if policy.current else ()
        return mark_safe(reach_html([(pk, tuple(channels)) for pk, channels in targets]))  # noqa: S308

    @display(description=_("channels by severity"))
    def limits(self, policy: NotificationPolicy) -> SafeString | str:
        return limits_read(policy.current.severity_limits if policy.current else {})

    @display(description=_("texts"))
    def texts(self, policy: NotificationPolicy) -> SafeString | str:
        return templates_read(policy.current.templates if policy.current else {})

    @display(description=_("sending hours"))
    def hours(self, policy: NotificationPolicy) -> str:
        return window_read(policy.current.sending_window if policy.current else None)

    @display(description=_("tell of recovery"))
    def recovery(self, policy: NotificationPolicy) -> str:
        return _now("yes") if policy.current and policy.current.sends_recovery else _now("no")

    @display(description=_("repeat or escalate"))
    def insistence(self, policy: NotificationPolicy) -> str:
        if policy.current and policy.current.escalation is not None:
            return _now("by %(name)s") % {"name": policy.current.escalation}
        seconds = policy.current.repeat_seconds if policy.current else 0
        return _now("every %(minutes)d minutes") % {"minutes": seconds // 60} if seconds else _now("no")

    @display(description=_("newest alerts"))
    @read_once
    def recent_alerts(self, policy: NotificationPolicy) -> SafeString | str:
        return alerts_of(policy, utc_now())

    @display(description=_("alerts in 7 days"), ordering="alerts_lately")
    def lately(self, policy: Any) -> str:
        return str(policy.alerts_lately or 0)

    @display(description=_("last alert"), ordering="last_alert_at")
    def last_alert(self, policy: Any) -> SafeString | str:
        return moment(policy.last_alert_at, utc_now())

    @display(description=_("tells"), ordering="target_total")
    def told(self, policy: Any) -> SafeString | str:
        return str(policy.target_total) if policy.target_total else chip(_now("nobody"), "warning")

    @display(description=_("tells"))
    def told_lines(self, policy: NotificationPolicy) -> SafeString | str:
        targets = list(policy.current.targets.order_by("pk")) if policy.current else []
        named = names_of([target.object_id for target in targets])
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


def _content(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": data["name"],
        "rules": read_rules(data["rules"]),
        "sources": data["sources"],
        "stops_here": data["stops_here"],
        "severity_limits": data["severity_limits"],
        "sending_window": data["window"],
        "templates": data["templates"],
        "group_by": [name for name in (part.strip() for part in data["group_by"].split(",")) if name],
        "group_wait": timedelta(seconds=data["group_wait"]),
        "group_interval": timedelta(seconds=data["group_interval"]),
        "targets": data["targets"],
        "sends_recovery": data["sends_recovery"],
        "repeat_every": timedelta(minutes=data["repeat_every"]) if data["repeat_every"] else None,
        "escalation_id": data["escalation"],
    }
