"""Access keys: what programs sign requests of the ARMS-compatible API with."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tocsin.accounts import services
from tocsin.accounts.models import AccessKey, User
from tocsin.accounts.rules import Permission, Role, lower_role
from tocsin.core.clock import utc_now
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of
from tocsin.web.console.display import chip, moment
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.secrets_once import show_once
from tocsin.web.console.service_admin import ServiceAdmin, ServiceForm
from tocsin.web.console.users import role_field
from tocsin.web.console.words import ROLE_NAMES


class AccessKeyForm(ServiceForm):
    user = forms.ModelChoiceField(
        label=_("user"),
        queryset=User.objects.filter(is_active=True),
        widget=UnfoldAdminSelectWidget,
        help_text=_("The key acts on this user's behalf and never does more than the user may."),
    )
    name = forms.CharField(
        label=_("name"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What uses it. The audit log shows this name."),
    )
    role = role_field()


class AccessKeyAdmin(ServiceAdmin):
    empty = empties.ACCESS_KEYS
    form = AccessKeyForm
    needs_to_view = needs_to_write = Permission.ADMINISTER
    writes = ("add",)
    list_display = ("name", "user", "shown_role", "key_id", "created", "used", "state")
    list_select_related = ("user",)
    search_fields = ("name", "key_id", "user__username")
    actions_detail = ("disable", "enable")
    add_fieldsets = ((None, {"fields": ("user", "name", "role")}),)
    fieldsets = ((None, {"fields": ("name", "user", "shown_role", "key_id", "created", "used", "state")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessKey]:
        rows: QuerySet[AccessKey] = super().get_queryset(request)
        return rows.defer("secret").prefetch_related("user__groups")

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> AccessKey:
        key, secret = services.create_access_key(
            by=actor_of(request), now=utc_now(), user_id=data["user"].pk, name=data["name"], role=data["role"]
        )
        usage = f"access_key_id     {key.key_id}\naccess_key_secret {secret}"
        show_once(request, _now("The secret of the access key %(name)s") % {"name": key.name}, secret, usage)
        return key

    def response_add(self, request: HttpRequest, obj: AccessKey, post_url_continue: str | None = None) -> HttpResponse:
        return self.done(request, _now("The access key was created."), "change", obj.pk)

    @action(description=_("Disable"), icon="block", permissions=["write"])
    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.disable_access_key(by=actor_of(request), now=utc_now(), access_key_id=key.pk)
            return self.done(request, _now("The access key was disabled."), "change", key.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Disable %(name)s") % {"name": key},
            text=_now("Requests that this key signs are refused from now on, until it is enabled again."),
            submit=_now("Disable"),
        )

    @action(description=_("Enable"), icon="check_circle", permissions=["write"])
    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.enable_access_key(by=actor_of(request), now=utc_now(), access_key_id=key.pk)
            return self.done(request, _now("The access key was enabled."), "change", key.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Enable %(name)s") % {"name": key},
            text=_now("Requests that this key signs are taken again."),
            submit=_now("Enable"),
        )

    @display(description=_("role"), ordering="role")
    def shown_role(self, key: AccessKey) -> SafeString:
        may = lower_role(Role(key.role), key.user.role)
        return chip(ROLE_NAMES[may], "primary") if may else chip(_now("nothing any more"), "danger")

    @display(description=_("created"), ordering="created_at")
    def created(self, key: AccessKey) -> SafeString | str:
        return moment(key.created_at, utc_now())

    @display(description=_("last used"), ordering="last_used_at")
    def used(self, key: AccessKey) -> SafeString | str:
        return moment(key.last_used_at, utc_now())

    @display(description=_("state"))
    def state(self, key: AccessKey) -> SafeString:
        return chip(_now("disabled")) if key.disabled_at else chip(_now("live"), "success")
