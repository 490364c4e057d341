"""The console's own admin site: who may enter, the front page, and pages that are no table."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.sites import UnfoldAdminSite

from tocsin.accounts.queries import role_of
from tocsin.accounts.rules import Permission
from tocsin.core.clock import utc_now
from tocsin.web.console import (
    contact_exports,
    contact_imports,
    contact_page,
    coverage,
    drills,
    explain,
    first_run,
    home,
    my_contact,
    outbox,
    picker,
)
from tocsin.web.console.actors import may
from tocsin.web.console.language import choose_language


@require_safe
def front_door(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("console:index"))


class ConsoleSite(UnfoldAdminSite):
    """`/console/`. Every page asks for a role; ServiceAdmin and `require` ask for the permission it needs."""

    index_title = _("Overview")
    enable_nav_sidebar = True
    index_template = "console/home.html"

    def has_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) is not None

    def extra_urls(self) -> list[URLPattern]:
        return [
            path("explain/", self.admin_view(self._page(explain.page)), name="explain"),
            path("coverage/", self.admin_view(self._page(coverage.page)), name="coverage"),
            *drills.urls(lambda view: self.admin_view(self._page(view))),
            path("help/", self.admin_view(self._page(contact_page.help_page)), name="help"),
            path("picker/", self.admin_view(self._page(picker.search)), name="picker"),
            path("my-contact/", self.admin_view(self._page(my_contact.page)), name="my-contact"),
            path(
                "my-contact/messages/<int:delivery_id>/",
                self.admin_view(self._page(my_contact.message)),
                name="my-message",
            ),
            path("language/", choose_language, name="language"),
            path("first-run/hide/", self.admin_view(self._page(first_run.hide)), name="hide-first-run"),
            path(
                "first-run/<slug:name>/aside/",
                self.admin_view(self._page(first_run.set_line_aside)),
                name="first-run-aside",
            ),
            path(
                "first-run/<slug:name>/use/", self.admin_view(self._page(first_run.take_line_up)), name="first-run-use"
            ),
            *contact_imports.urls(lambda view: self.admin_view(self._page(view))),
            *contact_exports.urls(lambda view: self.admin_view(self._page(view))),
            path("outbox/", self.admin_view(self._page(outbox.page)), name="outbox"),
            path("outbox/<int:delivery_id>/<slug:answer>/", self.admin_view(self._page(outbox.answer)), name="answer"),
        ]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context: dict[str, Any] = super().each_context(request)
        return {
            **context,
            "may_respond": may(request, Permission.RESPOND),
            "may_manage": may(request, Permission.MANAGE),
            "may_administer": may(request, Permission.ADMINISTER),
        }

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        page: TemplateResponse = super().index(request, {**home.context(request, utc_now()), **(extra_context or {})})
        return page

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Tables are grouped by the sidebar, not by the apps they belong to."""
        return HttpResponseRedirect(reverse("console:index"))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one way in (sign_in.py); Django's own page would ask for no second factor."""
        return HttpResponseRedirect(reverse("account_login"))

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_change_password"))

    def password_change_done(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("account"))

    def _page(self, view: Any) -> Any:
        """Pages that are no table get the context that every page of the site shows."""

        def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            request.current_app = self.name
            response: HttpResponse = view(request, self.each_context(request), **kwargs)
            return response

        return wrapped
