"""Robots of IM groups: the DingTalk/Lark/WeCom tab."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from tocsin.contacts import services
from tocsin.contacts.models import Robot
from tocsin.core.clock import utc_now
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of, require
from tocsin.web.console.display import chip
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.outlet_forms import DailyForm, RobotForm, kind_of, settings_of_kinds
from tocsin.web.console.outlet_test import outlet_test_page
from tocsin.web.console.outlets import OutletAdmin, write_only
from tocsin.web.console.words import CHANNELS, said

_FIELDS = (
    "name", "url", "secret", "keyword", "settings", "chat_id", "language", "time_zone", "sends_daily", "daily_times",
    "is_enabled",
)  # fmt: skip


class RobotAdmin(OutletAdmin):
    empty = empties.ROBOTS
    form = RobotForm
    list_display = (
        "name", "shown_platform", "policies", "last_success", "last_failure", "shown_daily", "shown_state", "links",
    )  # fmt: skip
    readonly_fields = (*OutletAdmin.readonly_fields, "shown_platform", "shown_daily")
    list_select_related = ("account",)
    list_before_template = "console/outlets_note.html"
    actions_detail = ("test_robot",)
    test_page = "test_robot"
    add_title = _("Create Robot")
    edit_title = _("Edit Robot")

    def get_urls(self) -> list[URLPattern]:
        daily = self.admin_site.admin_view(self.daily)
        return [path("<path:object_id>/daily/", daily, name="contacts_robot_daily"), *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: Robot | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            shown = ("name", "shown_platform", "keyword", "shown_state", "shown_daily", "fared", "used_by")
            return ((None, {"fields": shown}),)
        has = _fields_of(obj) if obj else ("url", "secret", "keyword", *settings_of_kinds(), "chat_id")
        if obj and obj.secret and "secret" in has:
            has = (*has, "forgets_secret")
        sets = [
            (None, {"fields": ("name", "platform", *has, "is_enabled")}),
            (_("Messages"), {"fields": ("language", "time_zone")}),
            (_("Daily statistics"), {"fields": ("sends_daily", "daily_times")}),
        ]
        return [*sets, (_("Use"), {"fields": ("fared", "used_by")})] if obj is not None else sets

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Robot:
        given = {name: data[name] for name in _FIELDS}
        kind = data["kind"]
        return services.create_robot(
            by=actor_of(request),
            now=utc_now(),
            platform=kind.channel,
            provider=kind.name,
            account_id=data.get("account_id"),
            **given,
        )

    def change_row(self, request: HttpRequest, row: Robot, data: dict[str, Any]) -> None:
        given = {name: data.get(name) for name in _FIELDS if name not in ("url", "secret")}
        services.update_robot(
            by=actor_of(request),
            now=utc_now(),
            robot_id=row.pk,
            version=data["version"],
            **write_only(data),
            **given,
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_robots(by=actor_of(request), now=utc_now(), ids=ids)

    @action(
        description=_("Send a test message"),
        icon="send",
        url_path="test",
        permissions=["write"],
        attrs={"data-dialog": ""},
    )
    def test_robot(self, request: HttpRequest, object_id: str) -> HttpResponse:
        robot = self.row(request, object_id)
        return outlet_test_page(request, self.admin_site.each_context(request), robot, self.url("change", robot.pk))

    def daily(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The switch of the daily statistics and their times, by themselves."""
        require(request, self.needs_to_write)
        robot = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            given = {name: data[name] for name in ("sends_daily", "daily_times", "version")}
            services.update_robot(by=actor_of(request), now=utc_now(), robot_id=robot.pk, **given)
            return self.done(request, _now("The daily statistics were changed."))

        return form_page(
            request,
            self.admin_site.each_context(request),
            DailyForm,
            act,
            title=_now("Daily statistics of %(name)s") % {"name": robot},
            text=_now("Times are those of %(zone)s.") % {"zone": _zone(robot)},
            initial={
                "sends_daily": robot.sends_daily,
                "daily_times": ", ".join(robot.daily_times),
                "version": robot.version,
            },
        )

    @display(description=_("platform"), ordering="platform")
    def shown_platform(self, robot: Robot) -> str:
        """The platform, and the kind of robot where it has several."""
        kind = kind_of(robot)
        if kind is not None and robot.account is not None:
            return f"{said(kind.title)}: {robot.account.name}"
        if kind is None or kind.name == robot.platform:
            return str(CHANNELS.get(robot.platform, robot.platform))
        return said(kind.title)

    @display(description=_("daily statistics"))
    def shown_daily(self, robot: Any) -> SafeString:
        """On or off, when, and for those who may: the switch."""
        state = _now("on") if robot.sends_daily else _now("off")
        times = f"{', '.join(robot.daily_times)} ({_zone(robot)})" if robot.sends_daily else ""
        if not getattr(robot, "may_write", False):
            return format_html("{} {}", chip(state, "success" if robot.sends_daily else "default"), times)
        return format_html(
            '<div><a class="text-link tc-switch" data-dialog href="{}" aria-label="{}">'
            '<span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</a> {}</div>',
            self.url("daily", robot.pk),
            f"{state}: {_now('Daily statistics of %(name)s') % {'name': robot}}",
            "toggle_on" if robot.sends_daily else "toggle_off",
            state,
            times,
        )


def _zone(robot: Robot) -> str:
    return robot.time_zone or str(settings.TIME_ZONE)


def _fields_of(robot: Robot) -> tuple[str, ...]:
    """What robots of its kind are set up with."""
    kind = kind_of(robot)
    if kind is not None and kind.chat is not None:
        return ("chat_id",)
    return tuple(field.name for field in kind.fields) if kind else ()
