"""On-call: who is on duty where, and the pages of each schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from tocsin.accounts.rules import Permission
from tocsin.contacts import queries as contacts
from tocsin.core.clock import utc_now
from tocsin.core.errors import TocsinError
from tocsin.oncall import services
from tocsin.oncall.feed import feed_url
from tocsin.oncall.models import Handover, Schedule, Substitute
from tocsin.oncall.queries import feed_token_of, standings
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.consequences import confirmation
from tocsin.web.console.display import NOTHING, chip, moment
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.on_call_forms import ScheduleForm, SubstituteForm, moment_in, typed_in, zone_note
from tocsin.web.console.on_call_page import gap_text, schedule_page
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.uses import notes_on_deleting, uses_list
from tocsin.web.console.words import refused

_GAPS_NAMED = 3


class ScheduleAdmin(ServiceAdmin):
    empty = empties.SCHEDULES
    form = ScheduleForm
    writes = ("add", "change", "delete")
    list_display = ("shown_name", "duty", "following", "holes", "used")
    list_display_links = None
    search_fields = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "time_zone")}),
        (_("Who takes turns"), {"fields": ("layers",)}),
        (_("Hand-over"), {"fields": ("tells_by", "robot", "check_in_minutes", "lead")}),
    )

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        pages = [
            ("<path:object_id>/page/", self.page, "page"),
            ("<path:object_id>/substitute/", self.substitute, "substitute"),
            ("<path:object_id>/substitutes/<int:substitute_id>/end/", self.end_substitute, "end_substitute"),
            ("<path:object_id>/check-in/<int:handover_id>/", self.check_in, "check_in"),
            ("<path:object_id>/feed/", self.feed, "feed"),
        ]
        mine = [path(route, site.admin_view(view), name=f"oncall_schedule_{name}") for route, view, name in pages]
        return [*mine, *super().get_urls()]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        ids = [row.pk for row in changelist.result_list]
        known = {item.schedule_id: item for item in standings(utc_now(), ids)}
        used = contacts.uses_of(ids)
        for row in changelist.result_list:
            row.standing = known.get(row.pk)
            row.uses = [use for use in used if use.object_id == row.pk]
        return changelist

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Schedule:
        schedule = services.create_schedule(by=actor_of(request), now=utc_now(), **_given(data))
        _warn_of_gaps(request, schedule)
        return schedule

    def change_row(self, request: HttpRequest, row: Schedule, data: dict[str, Any]) -> None:
        saved = services.update_schedule(
            by=actor_of(request), now=utc_now(), schedule_id=row.pk, version=data["version"], **_given(data)
        )
        _warn_of_gaps(request, saved)

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_schedules(by=actor_of(request), now=utc_now(), ids=ids)

    def notes_on_deleting(self, ids: list[int]) -> list[SafeString]:
        return notes_on_deleting(ids, contacts.uses_of(ids))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form is for those who may change; everybody has the page."""
        if request.method != "POST" and not self.has_change_permission(request) and object_id.isdecimal():
            return HttpResponseRedirect(self.url("page", self.row(request, object_id).pk))
        return super().change_view(request, object_id, form_url, extra_context)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.done(request, _now("The schedule was saved."), "page", obj.pk)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self.done(request, _now("The schedule was saved."), "page", obj.pk)

    # Pages of one schedule.

    def page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request, self.needs_to_view)
        schedule = self.row(request, object_id)
        return schedule_page(request, self.admin_site.each_context(request), schedule, self)

    def substitute(self, request: HttpRequest, object_id: str) -> HttpResponse:
        require(request, self.needs_to_write)
        schedule, now = self.row(request, object_id), utc_now()

        def act(data: dict[str, Any]) -> HttpResponse:
            replaces = data["replaces"]
            services.substitute(
                by=actor_of(request),
                now=utc_now(),
                schedule_id=schedule.pk,
                contact_id=data["contact"].pk,
                replaces_id=replaces.pk if replaces else None,
                starts_at=moment_in(schedule, data["starts_at"]),
                ends_at=moment_in(schedule, data["ends_at"]),
            )
            return self.done(request, _now("%(name)s stands in.") % {"name": data["contact"]}, "page", schedule.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            SubstituteForm,
            act,
            title=_now("Substitute somebody"),
            text=zone_note(schedule),
            initial={
                "starts_at": typed_in(schedule, now),
                "ends_at": typed_in(schedule, now + timedelta(days=1)),
                "replaces": request.GET.get("for", ""),
            },
        )

    def end_substitute(self, request: HttpRequest, object_id: str, substitute_id: int) -> HttpResponse:
        require(request, self.needs_to_write)
        schedule = self.row(request, object_id)
        row = Substitute.objects.select_related("contact").filter(pk=substitute_id, schedule=schedule).first()

        def act(data: dict[str, Any]) -> HttpResponse:
            services.end_substitute(by=actor_of(request), now=utc_now(), substitute_id=substitute_id)
            return self.done(request, _now("The substitute was ended."), "page", schedule.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("End the substitute"),
            text=_now("From now on %(name)s no longer stands in.") % {"name": row.contact} if row else "",
        )

    def check_in(self, request: HttpRequest, object_id: str, handover_id: int) -> HttpResponse:
        """For whoever sits at the console: the person, or a colleague who has heard from them."""
        require(request, Permission.RESPOND)
        schedule = self.row(request, object_id)
        row = Handover.objects.select_related("contact").filter(pk=handover_id, schedule=schedule).first()
        if row is None or row.contact is None:
            return HttpResponseRedirect(self.url("page", schedule.pk))
        if request.method == "POST":
            try:
                services.check_in(by=actor_of(request), now=utc_now(), handover_id=row.pk, via="console")
                messages.success(request, _now("%(name)s is on duty.") % {"name": row.contact})
            except TocsinError as error:
                messages.error(request, refused(error))
            return HttpResponseRedirect(self.url("page", schedule.pk))
        return confirmation(
            request,
            self.admin_site.each_context(request),
            title=_now("Check in"),
            text=_now("%(name)s is on duty from now on.") % {"name": row.contact},
            cancel_url=self.url("page", schedule.pk),
        )

    def feed(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The secret address of the calendar: shown to those who may renew it."""
        require(request, self.needs_to_write)
        schedule = self.row(request, object_id)
        address = feed_url(feed_token_of(schedule))
        if request.method == "POST" and "remove" in request.POST:
            services.remove_feed(by=actor_of(request), now=utc_now(), schedule_id=schedule.pk)
            return self.done(request, _now("The address leads nowhere any more."), "page", schedule.pk)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.renew_feed(by=actor_of(request), now=utc_now(), schedule_id=schedule.pk)
            return HttpResponseRedirect(self.url("feed", schedule.pk))

        if address:
            text = _now("Calendars subscribe to this address; whoever has it sees the schedule:") + f" {address}"
            submit = _now("Make a new address")
        else:
            text = _now("An address that calendars subscribe to. Whoever has it sees the schedule, without sign-in.")
            submit = _now("Make an address")
        context = self.admin_site.each_context(request)
        if address:
            context |= {"second_button": ("remove", _now("Remove the address"))}
        return form_page(request, context, forms.Form, act, title=_now("Calendar feed"), text=text, submit=submit)

    # The list.

    @display(description=_("name"), ordering="name")
    def shown_name(self, schedule: Schedule) -> SafeString:
        return format_html(
            '<a class="text-link tc-name" href="{}">{}</a>', self.url("page", schedule.pk), schedule.name
        )

    @display(description=_("on duty now"))
    def duty(self, schedule: Any) -> SafeString | str:
        standing = schedule.standing
        if standing is None or standing.contact_id is None:
            return chip(_now("nobody"), "danger")
        if not standing.awaited_name:
            return str(standing.contact_name)
        waits = _now("%(name)s has not checked in") % {"name": standing.awaited_name}
        return format_html("{} {}", standing.contact_name, chip(waits, "warning"))

    @display(description=_("next hand-over"))
    def following(self, schedule: Any) -> SafeString | str:
        standing = schedule.standing
        if standing is None or standing.until is None:
            return NOTHING
        return format_html("{} · {}", moment(standing.until, utc_now()), standing.next_name or _now("nobody"))

    @display(description=_("gaps in 14 days"))
    def holes(self, schedule: Any) -> SafeString | str:
        count = len(schedule.standing.gaps) if schedule.standing else 0
        return chip(ngettext("%(n)d gap", "%(n)d gaps", count) % {"n": count}, "warning") if count else NOTHING

    @display(description=_("used by"))
    def used(self, schedule: Any) -> SafeString | str:
        lines = uses_list(schedule.uses)
        return format_html_join(", ", "{}", ((line,) for line in lines)) if lines else chip(_now("nothing"))


def _given(data: dict[str, Any]) -> dict[str, Any]:
    given = {name: data[name] for name in ("name", "time_zone", "layers", "tells_by", "check_in_minutes")}
    return given | {
        "lead_id": data["lead"].pk if data["lead"] else None,
        "robot_id": data["robot"].pk if data["robot"] else None,
    }


def _warn_of_gaps(request: HttpRequest, schedule: Schedule) -> None:
    """Before the bad night."""
    for item in standings(utc_now(), [schedule.pk]):
        if item.gaps:
            count = len(item.gaps)
            text = ngettext(
                "Nobody is on duty at one time in the next 14 days: %(times)s",
                "Nobody is on duty at %(count)d times in the next 14 days: %(times)s",
                count,
            )
            times = "; ".join(gap_text(gap, schedule.time_zone) for gap in item.gaps[:_GAPS_NAMED])
            messages.warning(request, text % {"count": count, "times": times + (" …" if count > _GAPS_NAMED else "")})
