"""The console's own admin site: who may enter, the front page, and pages that are no table."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.sites import UnfoldAdminSite

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.queries import role_of
from tocsin.accounts.rules import Permission
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.clock import utc_now
from tocsin.web.console import explain, first_run, home, my_contact, outbox, picker
from tocsin.web.console.actors import may
from tocsin.web.console.language import choose_language
from tocsin.web.console.sign_in import SignInForm


@require_safe
def front_door(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("console:index"))


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """Django's fields and its check by the same validators as the service's; the service writes."""

    user: User

    def save(self, commit: bool = True) -> User:
        by = Actor(ActorKind.USER, self.user.get_full_name() or self.user.username, self.user.pk)
        password = self.cleaned_data["new_password1"]
        self.user.password = services.set_password(
            by=by, now=utc_now(), user_id=self.user.pk, password=password
        ).password
        return self.user


class ConsoleSite(UnfoldAdminSite):
    """`/console/`. Every page asks for a role; ServiceAdmin and `require` ask for the permission it needs."""

    login_form = SignInForm
    index_title = _("Overview")
    enable_nav_sidebar = True
    index_template = "console/home.html"

    def has_permission(self, request: HttpRequest) -> bool:
        return role_of(request.user) is not None

    def extra_urls(self) -> list[URLPattern]:
        return [
            path("explain/", self.admin_view(self._page(explain.page)), name="explain"),
            path("picker/", self.admin_view(self._page(picker.search)), name="picker"),
            path("my-contact/", self.admin_view(self._page(my_contact.page)), name="my-contact"),
            path(
                "my-contact/messages/<int:delivery_id>/",
                self.admin_view(self._page(my_contact.message)),
                name="my-message",
            ),
            path("language/", choose_language, name="language"),
            path("first-run/hide/", self.admin_view(self._page(first_run.hide)), name="hide-first-run"),
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

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        request.current_app = self.name
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            template_name="registration/password_change_form.html",
            success_url=reverse("console:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        response: HttpResponse = view(request)  # type: ignore[assignment]
        return response

    def _page(self, view: Any) -> Any:
        """Pages that are no table get the context that every page of the site shows."""

        def wrapped(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            request.current_app = self.name
            response: HttpResponse = view(request, self.each_context(request), **kwargs)
            return response

        return wrapped
