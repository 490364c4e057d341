"""Silence policies: what is not told although it fires."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action, display

from tocsin.accounts.rules import Permission
from tocsin.core.clock import utc_now
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.policies.models import SilencePolicy
from tocsin.policies.queries.silences import hidden_ever, hidden_now, phase_of, times_of
from tocsin.policies.rules import stored_rules
from tocsin.policies.rules.silencing import Effect, Phase
from tocsin.policies.services import silences as services
from tocsin.web.console import empties, silence_quick
from tocsin.web.console.actors import actor_of, may
from tocsin.web.console.display import NOTHING, chip, clock, moment, read_once, state_chip
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.policy_lately import rules_read
from tocsin.web.console.policy_text import read_rules, write_rules
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.silence_forms import EFFECTS, SilenceForm, windows_text
from tocsin.web.console.words import EVENT_STATES, Words, choices

_SHOWN = 20
PHASES: Words = {
    Phase.IN_FORCE: _("In force"),
    Phase.WAITING: _("Scheduled"),
    Phase.ENDED: _("Ended"),
    Phase.DISABLED: _("disabled"),
}
_COLOURS = {Phase.IN_FORCE: "warning", Phase.WAITING: "info"}


class PhaseFilter(SimpleListFilter):
    title = _("state")
    parameter_name = "phase"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return choices(PHASES)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() not in list(Phase):
            return queryset
        now = utc_now()
        rows = SilencePolicy.objects.all()
        return queryset.filter(pk__in=[silence.pk for silence in rows if phase_of(silence, now) == self.value()])


class SilencePolicyAdmin(ServiceAdmin):
    empty = empties.SILENCES
    form = SilenceForm
    writes = ("add", "change", "delete")
    list_display = ("name", "shown_phase", "rules_text", "times_text", "hides", "hid", "created_by")
    list_filter = (PhaseFilter,)
    search_fields = ("name", "comment", "rules")
    actions_detail = ("end", "enable")
    _content = (
        (None, {"fields": ("name", "is_enabled", "comment")}),
        (_("Which events"), {"fields": ("rules",)}),
        (_("When"), {"fields": ("effect", "starts_at", "ends_at", "windows", "time_zone")}),
    )
    _hidden = ((_("What it hides"), {"fields": ("shown_phase", "hidden_list", "history_list", "made")}),)
    _read_only = (
        (None, {"fields": ("name", "shown_phase", "comment")}),
        (_("Which events"), {"fields": ("rules_lines",)}),
        (_("When"), {"fields": ("times_text",)}),
        (_("What it hides"), {"fields": ("hidden_list", "history_list", "made")}),
    )

    def get_urls(self) -> list[URLPattern]:
        quick = path("quick/", self.admin_site.admin_view(self.quick), name="policies_silencepolicy_quick")
        return [quick, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        now_hidden = Event.objects.filter(state=EventState.SILENCED, silenced_by=OuterRef("pk")).order_by()
        counted = now_hidden.values("silenced_by").annotate(total=Count("pk")).values("total")
        rows = SilencePolicy.objects.annotate(hides_now=Coalesce(Subquery(counted), 0), hid_ever=Count("hidden"))
        return rows.order_by(*self.get_ordering(request))

    def get_fieldsets(self, request: HttpRequest, obj: SilencePolicy | None = None) -> Any:
        if obj is None:
            return self._content
        return self._content + self._hidden if self.has_change_permission(request, obj) else self._read_only

    def get_readonly_fields(self, request: HttpRequest, obj: SilencePolicy | None = None) -> Any:
        return ("shown_phase", "rules_lines", "times_text", "hidden_list", "history_list", "made")

    def has_respond_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, Permission.RESPOND)

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> SilencePolicy:
        return services.create_silence(by=actor_of(request), now=utc_now(), **_typed(data))

    def change_row(self, request: HttpRequest, row: SilencePolicy, data: dict[str, Any]) -> None:
        services.save_silence(
            by=actor_of(request), now=utc_now(), silence_id=row.pk, version=data["version"], **_typed(data)
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        for silence_id in ids:
            services.delete_silence(by=actor_of(request), now=utc_now(), silence_id=silence_id)

    def notes_on_deleting(self, ids: list[int]) -> list[str]:
        total = sum(hidden_now(pk).count() for pk in ids)
        if not total:
            return []
        text = ngettext(
            "One event that it hides fires now and will be told.",
            "%(count)d events that it hides fire now and will be told.",
            total,
        )
        return [text % {"count": total}]

    def quick(self, request: HttpRequest) -> HttpResponse:
        return silence_quick.page(request, self.admin_site.each_context(request))

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Ending what can still be in force, enabling what is disabled."""
        is_key = str(object_id).isascii() and str(object_id).isdecimal()
        silence = SilencePolicy.objects.filter(pk=object_id).first() if is_key else None
        if silence is None:
            return []
        phase = phase_of(silence, utc_now())
        fit = {Phase.DISABLED: "_enable", Phase.IN_FORCE: "_end", Phase.WAITING: "_end"}.get(phase, "none")
        actions: list[Any] = super().get_actions_detail(request, object_id)
        return [item for item in actions if item.action_name.endswith(fit)]

    @action(description=_("End now"), icon="notifications_active", permissions=["respond"], attrs={"data-dialog": True})
    def end(self, request: HttpRequest, object_id: str) -> HttpResponse:
        silence = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.end_silence(by=actor_of(request), now=utc_now(), silence_id=silence.pk)
            return self.done(request, _now("The silence has ended; what still fires is told."), "change", silence.pk)

        total = hidden_now(silence.pk).count()
        text = ngettext(
            "It hides %(count)d event now. What still fires is told at once.",
            "It hides %(count)d events now. What still fires is told at once.",
            total,
        )
        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("End %(name)s") % {"name": silence},
            text=text % {"count": total},
            submit=_now("End now"),
        )

    @action(description=_("Enable"), icon="play_arrow", permissions=["write"], attrs={"data-dialog": True})
    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        silence = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.enable_silence(by=actor_of(request), now=utc_now(), silence_id=silence.pk)
            return self.done(request, _now("The silence policy is enabled."), "change", silence.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Enable %(name)s") % {"name": silence},
            text=_now("It acts at once: what fires now and matches becomes quiet."),
            submit=_now("Enable"),
        )

    @display(description=_("state"))
    def shown_phase(self, silence: SilencePolicy) -> SafeString:
        phase = phase_of(silence, utc_now())
        return chip(PHASES[phase], _COLOURS.get(phase, "default"))

    @display(description=_("match rules"))
    def rules_text(self, silence: SilencePolicy) -> SafeString:
        return format_html('<span class="tc-mono tc-lines">{}</span>', write_rules(stored_rules(silence.rules)))

    @display(description=_("match rules"))
    def rules_lines(self, silence: SilencePolicy) -> SafeString | str:
        return rules_read(stored_rules(silence.rules))

    @display(description=_("in force"))
    def times_text(self, silence: SilencePolicy) -> SafeString | str:
        if silence.effect == Effect.PERIOD and silence.ends_at is not None:
            pair = {"start": clock(silence.starts_at) if silence.starts_at else NOTHING, "end": clock(silence.ends_at)}
            return _now("%(start)s until %(end)s") % pair
        if silence.effect == Effect.ALWAYS:
            return str(EFFECTS[Effect.ALWAYS])
        lines = format_html_join("", "<div>{}</div>", ((line,) for line in windows_text(silence.windows)))
        change = times_of(silence).next_change(utc_now()) if silence.is_enabled else None
        following = _now("next change: %(time)s") % {"time": clock(change)} if change else ""
        return format_html(
            '<div>{} <div class="tc-quiet">{} · {}</div><div class="tc-quiet">{}</div></div>',
            lines,
            EFFECTS[Effect(silence.effect)],
            silence.time_zone,
            following,
        )

    @display(description=_("hides now"))
    def hides(self, silence: Any) -> str:
        return str(silence.hides_now)

    @display(description=_("hidden since it began"))
    def hid(self, silence: Any) -> str:
        return str(silence.hid_ever)

    @display(description=_("hidden now"))
    @read_once
    def hidden_list(self, silence: SilencePolicy) -> SafeString | str:
        found = hidden_now(silence.pk)
        rows = [(_event_url(event.pk), event, moment(event.changed_at, utc_now())) for event in found[:_SHOWN]]
        return _listed(rows, found.count())

    @display(description=_("hidden since it began"))
    @read_once
    def history_list(self, silence: SilencePolicy) -> SafeString | str:
        found = hidden_ever(silence.pk)
        rows = [
            (_event_url(item.event_id), item.event,
             format_html("{} {}", state_chip(item.event.state, EVENT_STATES), moment(item.last_at, utc_now())))
            for item in found[:_SHOWN]
        ]  # fmt: skip
        return _listed(rows, found.count())

    @display(description=_("created"))
    def made(self, silence: SilencePolicy) -> str:
        return _now("%(time)s by %(name)s") % {"time": clock(silence.created_at), "name": silence.created_by}


def _listed(rows: list[tuple[str, Any, Any]], total: int) -> SafeString | str:
    if not rows:
        return NOTHING
    line = '<div><a class="text-link" href="{}"><bdi>{}</bdi></a> <span class="tc-quiet">{}</span></div>'
    lines = format_html_join("", line, rows)
    more = total - len(rows)
    rest = format_html('<div class="tc-quiet">{}</div>', _now("and %(count)d more") % {"count": more}) if more else ""
    head = ngettext("%(count)d event", "%(count)d events", total) % {"count": total}
    return format_html('<div class="tc-hidden-events"><b>{}</b>{}{}</div>', head, lines, rest)


def _event_url(event_id: int) -> str:
    return reverse("console:events_event_change", args=[event_id])


def _typed(data: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "comment", "effect", "starts_at", "ends_at", "windows", "time_zone", "is_enabled")
    return {**{name: data[name] for name in names}, "rules": read_rules(data["rules"])}
