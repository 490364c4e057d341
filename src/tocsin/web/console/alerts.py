"""Alerts: the list, and the page on which people act and read what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin import action as admin_action
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.decorators import display

from tocsin.accounts.rules import Permission
from tocsin.alerts import services
from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.core.clock import utc_now
from tocsin.core.errors import TocsinError
from tocsin.web.console import alert_acts, empties
from tocsin.web.console.actors import actor_of, may, require
from tocsin.web.console.alert_story import story_of
from tocsin.web.console.display import NOTHING, chip, moment, severity_chip, state_chip
from tocsin.web.console.filters import SeverityFilter
from tocsin.web.console.paging import CappedPaginator
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.words import ALERT_STATES, choices, refused

_MOST_AT_ONCE = 200
_DONE = {
    "claim": _("You have claimed this alert: messages that were still to go out about it are stopped."),
    "unclaim": _("You gave the alert back."),
    "resolve": _("The alert is resolved."),
    "apply": _("The alert goes by the current policy now."),
    "comment": _("Your comment was added."),
    "reopen": _("The alert is open again."),
    "unmute": _("Messages about this alert go out again."),
}


class StateFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open (pending or handling)")), *choices(ALERT_STATES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        if value == "open":
            return queryset.filter(resolved_at__isnull=True)
        return queryset.filter(state=value) if value in list(AlertState) else queryset


class ShadowFilter(SimpleListFilter):
    """Alerts of policies in shadow keep out of the way of those that somebody must see to."""

    title = _("shadow")
    parameter_name = "shadow"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("only", _("Only alerts in shadow")), ("too", _("Alerts in shadow, too"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("Without alerts in shadow")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset if self.value() == "too" else queryset.filter(is_shadow=self.value() == "only")


class AlertAdmin(ServiceAdmin):
    empty = empties.ALERTS
    list_display = ("shown_severity", "title", "shown_state", "policy", "shown_events", "handler_name", "opened")
    list_display_links = ("title",)
    list_filter = (StateFilter, SeverityFilter, "policy", ShadowFilter)
    list_select_related = ("policy",)
    search_fields = ("title", "group_labels")
    search_help_text = _("Search by title or by the labels that group the alert")
    ordering = (F("resolved_at").desc(nulls_first=True), "severity", "-id")
    """Those that still need somebody come first, the worst of them on top."""
    paginator = CappedPaginator
    actions = ("claim_selected", "resolve_selected", "mute_selected")

    def get_urls(self) -> list[URLPattern]:
        acts = [
            path(f"<int:alert_id>/{name}/", self.admin_site.admin_view(self._act(name, act)), name=f"alert_{name}")
            for name, act in ACTS.items()
        ]
        live = path("<int:alert_id>/live/", self.admin_site.admin_view(self.live), name="alert_live")
        asking = alert_acts.pages(self.admin_site.admin_view, self.admin_site.each_context)
        return [*acts, *asking, live, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        require(request, Permission.VIEW)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        alert = self.get_object(request, object_id)
        if alert is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": alert,
            "title": _now("Alert"),
            **self._context(request, alert),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "console/alert.html", context)

    def live(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        """The part of the page that changes; 204 while what the browser has is still true."""
        require(request, Permission.VIEW)
        alert = self.get_queryset(request).select_related("policy").filter(pk=alert_id).first()
        if alert is None:
            raise Http404
        context = self._context(request, alert)
        if request.GET.get("seen") == context["story"].stamp:
            return HttpResponse(status=204)
        return TemplateResponse(request, "console/alert_live.html", context)

    def _context(self, request: HttpRequest, alert: Alert) -> dict[str, Any]:
        return {"story": story_of(alert, utc_now()), "may_respond": may(request, Permission.RESPOND)}

    def _act(self, name: str, act: Callable[..., object]) -> Callable[..., HttpResponse]:
        @require_POST
        def view(request: HttpRequest, alert_id: int) -> HttpResponse:
            require(request, Permission.RESPOND)
            texts = {"text": request.POST.get("text", "")} if name in _WITH_TEXT else {}
            try:
                act(by=actor_of(request), now=utc_now(), alert_id=alert_id, **texts)
                alert_acts.ring()
                messages.success(request, str(_DONE[name]))
            except TocsinError as error:
                messages.error(request, refused(error))
            return HttpResponseRedirect(self.url("change", alert_id))

        return view

    @display(description=_("severity"), ordering="severity")
    def shown_severity(self, alert: Alert) -> SafeString:
        return severity_chip(alert.severity)

    @display(description=_("state"), ordering="state")
    def shown_state(self, alert: Alert) -> SafeString:
        state = state_chip(alert.state, ALERT_STATES)
        return format_html("{} {}", state, chip(_now("in shadow"), "info")) if alert.is_shadow else state

    @display(description=_("handler"), ordering="claimed_by")
    def handler_name(self, alert: Alert) -> str:
        """Who has claimed it, or whom it was given to."""
        if alert.claimed_by or not alert.assigned_name:
            return alert.claimed_by or NOTHING
        return _now("given to %(name)s") % {"name": alert.assigned_name}

    @admin_action(description=_("Claim selected"), permissions=["respond"])
    def claim_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._act_on_many(request, queryset, services.claim_alert)

    @admin_action(description=_("Resolve selected"), permissions=["respond"])
    def resolve_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._act_on_many(request, queryset, services.resolve_alert)

    @admin_action(description=_("Mute selected for an hour"), permissions=["respond"])
    def mute_selected(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._act_on_many(request, queryset, partial(services.mute_alert, lasts=timedelta(hours=1)))

    def has_respond_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Permission.RESPOND)

    def _act_on_many(self, request: HttpRequest, queryset: QuerySet, act: Callable[..., object]) -> None:
        """Each by itself, in the order of locks: one that somebody else was faster with leaves the others alone."""
        by, now, done, refusals = actor_of(request), utc_now(), 0, Counter[str]()
        for alert_id in queryset.order_by("pk").values_list("pk", flat=True)[:_MOST_AT_ONCE]:
            try:
                act(by=by, now=now, alert_id=alert_id)
                done += 1
            except TocsinError as error:
                refusals[refused(error)] += 1
        alert_acts.ring()
        if done:
            text = ngettext("%(count)d alert: done.", "%(count)d alerts: done.", done)
            messages.success(request, text % {"count": done})
        for text, count in refusals.most_common(5):
            messages.warning(request, f"{count} × {text}")

    @display(description=_("active events"))
    def shown_events(self, alert: Alert) -> str:
        if not alert.event_count:
            return NOTHING
        return _now("%(active)d of %(all)d") % {"active": alert.active_count, "all": alert.event_count}

    @display(description=_("opened"), ordering="opened_at")
    def opened(self, alert: Alert) -> SafeString | str:
        return moment(alert.opened_at, utc_now())


ACTS: dict[str, Callable[..., object]] = {
    "claim": services.claim_alert,
    "unclaim": services.unclaim_alert,
    "resolve": services.resolve_alert,
    "comment": services.comment_alert,
    "reopen": services.reopen_alert,
    "unmute": services.unmute_alert,
    "apply": services.apply_policy_to_alert,
}
_WITH_TEXT = frozenset({"resolve", "comment"})
