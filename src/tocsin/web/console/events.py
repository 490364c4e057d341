"""Events: what alert rules reported, as it is now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from tocsin.accounts.rules import Permission
from tocsin.alerts.models import Alert
from tocsin.core.clock import utc_now
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.policies.queries.silences import quiet_because
from tocsin.web.console import empties, silence_quick
from tocsin.web.console.actors import may
from tocsin.web.console.display import (
    NOTHING,
    chip,
    clock,
    label_list,
    moment,
    read_once,
    severity_chip,
    state_chip,
)
from tocsin.web.console.filters import ChoicesFilter, SeverityFilter
from tocsin.web.console.paging import CappedPaginator
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.words import ALERT_STATES, EVENT_STATES

_ALERTS_SHOWN = 20
_SEEN = {
    "hour": (_("In the last hour"), timedelta(hours=1)),
    "day": (_("In the last 24 hours"), timedelta(days=1)),
    "week": (_("In the last 7 days"), timedelta(days=7)),
}


class StateFilter(ChoicesFilter):
    title = _("state")
    parameter_name = "state"
    words = EVENT_STATES


class MatchedFilter(SimpleListFilter):
    """Events that no policy took are those that nobody is told of."""

    title = _("notification policies")
    parameter_name = "matched"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("none", _("No policy matched")), ("some", _("At least one matched"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        match self.value():
            case "none":
                return queryset.filter(matched_policies=0)
            case "some":
                return queryset.filter(matched_policies__gt=0)
            case _:
                return queryset


class SeenFilter(SimpleListFilter):
    """By the last report."""

    title = _("last report")
    parameter_name = "seen"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, text) for name, (text, _length) in _SEEN.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset.filter(last_seen_at__gte=utc_now() - _SEEN[value][1]) if value in _SEEN else queryset


class EventAdmin(ServiceAdmin):
    empty = empties.EVENTS
    list_display = ("shown_severity", "name", "shown_state", "shown_labels", "integration", "count", "matched", "seen")
    list_display_links = ("name",)
    list_filter = (StateFilter, SeverityFilter, MatchedFilter, SeenFilter, "integration")
    list_select_related = ("integration",)
    search_fields = ("labels",)
    search_help_text = _("Search label names and values")
    ordering = ("-id",)
    paginator = CappedPaginator
    actions_detail = ("explain_event", "silence_event", "new_policy")
    fieldsets = (
        (None, {"fields": ("shown_state", "shown_severity", "integration", "all_labels", "all_annotations", "source")}),
        (_("Reports"), {"fields": ("count", "started", "first_report", "last_report", "resolves")}),
        (_("Who is told"), {"fields": ("matched", "quiet", "alerts")}),
    )

    def has_respond_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Permission.RESPOND)

    @display(description=_("severity"), ordering="severity")
    def shown_severity(self, event: Event) -> SafeString:
        return severity_chip(event.severity)

    @display(description=_("event"))
    def name(self, event: Event) -> str:
        return str(event)

    @display(description=_("state"), ordering="state")
    def shown_state(self, event: Event) -> SafeString:
        if event.state == EventState.SILENCED and event.silenced_by:
            return chip(EVENT_STATES[EventState.SILENCED], href=_row_url("silencepolicy", event.silenced_by))
        if event.state == EventState.SILENCED and event.inhibited_by:
            return chip(_now("Inhibited"), href=_row_url("inhibition", event.inhibited_by))
        return state_chip(event.state, EVENT_STATES)

    @display(description=_("quiet because of"))
    @read_once
    def quiet(self, event: Event) -> SafeString | str:
        """Also what kept it quiet when it resolved."""
        rows = [(_row_url(table, pk), name) for table, pk, name in quiet_because(event.silenced_by, event.inhibited_by)]
        return format_html_join("", '<div><a class="text-link" href="{}"><bdi>{}</bdi></a></div>', rows) or NOTHING

    @display(description=_("labels"))
    def shown_labels(self, event: Event) -> SafeString:
        return label_list(event.labels, limit=4, without=("alertname", "severity"))

    @display(description=_("policies"), ordering="matched_policies")
    def matched(self, event: Event) -> SafeString | str:
        if event.matched_policies is None:
            return NOTHING
        if event.matched_policies == 0 and event.state == EventState.ACTIVE:
            url = f"{reverse('console:explain')}?event={event.pk}"
            return format_html('<a class="tc-warn" href="{}">{}</a>', url, _now("none: nobody is told"))
        return str(event.matched_policies)

    @display(description=_("last report"), ordering="last_seen_at")
    def seen(self, event: Event) -> SafeString | str:
        return moment(event.last_seen_at, utc_now())

    @display(description=_("labels"))
    def all_labels(self, event: Event) -> SafeString:
        return label_list(event.labels, limit=len(event.labels))

    @display(description=_("annotations"))
    def all_annotations(self, event: Event) -> SafeString | str:
        pairs = sorted(event.annotations.items())
        return format_html_join("", "<div><b><bdi>{}</bdi></b><br><bdi>{}</bdi></div>", pairs) if pairs else NOTHING

    @display(description=_("source"))
    def source(self, event: Event) -> SafeString | str:
        if urlsplit(event.generator_url).scheme not in ("http", "https"):
            return event.generator_url or NOTHING
        return format_html('<a class="text-link" rel="noreferrer noopener" href="{0}">{0}</a>', event.generator_url)

    @display(description=_("started"))
    def started(self, event: Event) -> str:
        return clock(event.starts_at)

    @display(description=_("first report"))
    def first_report(self, event: Event) -> str:
        return clock(event.first_seen_at)

    @display(description=_("last report"))
    def last_report(self, event: Event) -> str:
        return clock(event.last_seen_at)

    @display(description=_("ends"))
    def resolves(self, event: Event) -> str:
        text = clock(event.ends_at)
        return (
            text
            if event.state == EventState.RESOLVED
            else _now("%(time)s unless it is reported again") % {"time": text}
        )

    @display(description=_("alerts"))
    def alerts(self, event: Event) -> SafeString | str:
        found: Iterable[Alert] = Alert.objects.filter(memberships__event=event).order_by("-id")[:_ALERTS_SHOWN]
        rows = [
            (_alert_url(alert), alert.title, state_chip(alert.state, ALERT_STATES),
             chip(_now("in shadow"), "info") if alert.is_shadow else "")
            for alert in found
        ]  # fmt: skip
        return (
            format_html_join("", '<div><a class="text-link" href="{}"><bdi>{}</bdi></a> {} {}</div>', rows)
            if rows
            else NOTHING
        )

    @action(description=_("Explain this event"), icon="help_center")
    def explain_event(self, request: HttpRequest, object_id: str) -> Any:
        return HttpResponseRedirect(reverse("console:explain") + f"?event={self.row(request, object_id).pk}")

    @action(
        description=_("Silence"), icon="notifications_paused", url_path="silence", permissions=["respond"],
        attrs={"data-dialog": True},
    )  # fmt: skip
    def silence_event(self, request: HttpRequest, object_id: str) -> Any:
        return silence_quick.page(request, self.admin_site.each_context(request), event=self.row(request, object_id))

    @action(description=_("Make a policy from its labels"), icon="alt_route", url_path="policy", permissions=["write"])
    def new_policy(self, request: HttpRequest, object_id: str) -> Any:
        url = reverse("console:policies_notificationpolicy_add")
        return HttpResponseRedirect(f"{url}?event={self.row(request, object_id).pk}")


def _row_url(table: str, pk: int) -> str:
    return reverse(f"console:policies_{table}_change", args=[pk])


def _alert_url(alert: Alert) -> str:
    return reverse("console:alerts_alert_change", args=[alert.pk])
