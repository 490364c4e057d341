"""Robots of IM groups: the DingTalk/Lark/WeCom tab."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from tocsin.channels.kinds import Channel
from tocsin.contacts import queries, services
from tocsin.contacts.models import Robot
from tocsin.core.clock import utc_now
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.contact_forms import RobotForm
from tocsin.web.console.contact_reachability import test_queued
from tocsin.web.console.display import NOTHING, moment, read_once
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.service_admin import ServiceAdmin
from tocsin.web.console.uses import notes_on_deleting, uses_list
from tocsin.web.console.words import CHANNELS


class RobotAdmin(ServiceAdmin):
    empty = empties.ROBOTS
    form = RobotForm
    writes = ("add", "change", "delete")
    list_display = ("name", "shown_platform", "is_enabled", "created")
    list_filter = ("is_enabled",)
    search_fields = ("name",)
    readonly_fields = ("used_by", "shown_platform")
    actions_detail = ("test_robot",)

    def get_fieldsets(self, request: HttpRequest, obj: Robot | None = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return ((None, {"fields": ("name", "shown_platform", "keyword", "is_enabled", "used_by")}),)
        secrets = ("url", "secret", *(("forgets_secret",) if obj and obj.secret else ()))
        fields = ("name", "platform", *secrets, "keyword", "is_enabled", *(("used_by",) if obj else ()))
        return ((None, {"fields": fields}),)

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> Robot:
        names = ("name", "platform", "url", "secret", "keyword", "is_enabled")
        return services.create_robot(by=actor_of(request), now=utc_now(), **{name: data[name] for name in names})

    def change_row(self, request: HttpRequest, row: Robot, data: dict[str, Any]) -> None:
        services.update_robot(
            by=actor_of(request),
            now=utc_now(),
            robot_id=row.pk,
            version=data["version"],
            name=data["name"],
            url=data["url"] or None,
            secret="" if data.get("forgets_secret") else data["secret"] or None,
            keyword=data["keyword"],
            is_enabled=data["is_enabled"],
        )

    def delete_rows(self, request: HttpRequest, ids: list[int]) -> None:
        services.delete_robots(by=actor_of(request), now=utc_now(), ids=ids)

    def notes_on_deleting(self, ids: list[int]) -> list[SafeString]:
        return notes_on_deleting(ids, queries.uses_of(ids))

    @action(description=_("Send a test message"), icon="send", url_path="test", permissions=["write"])
    def test_robot(self, request: HttpRequest, object_id: str) -> HttpResponse:
        robot = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            return test_queued(request, robot.pk, Channel(robot.platform))

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Test %(name)s") % {"name": robot},
            text=_now("One message goes to the group, marked as a test."),
            submit=_now("Send"),
        )

    @display(description=_("platform"), ordering="platform")
    def shown_platform(self, robot: Robot) -> str:
        return str(CHANNELS.get(robot.platform, robot.platform))

    @display(description=_("created"), ordering="created_at")
    def created(self, robot: Robot) -> SafeString | str:
        return moment(robot.created_at, utc_now())

    @display(description=_("used by"))
    @read_once
    def used_by(self, robot: Robot) -> SafeString | str:
        lines = uses_list(queries.uses_of([robot.pk]))
        return format_html_join("", "<div>{}</div>", ((line,) for line in lines)) if lines else NOTHING
