"""Users and API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.accounts import services
from tocsin.accounts.models import ApiToken, User
from tocsin.accounts.queries import role_of, with_ways_in
from tocsin.accounts.rules import Permission, Role, Scope
from tocsin.core.clock import utc_now
from tocsin.web.console import empties
from tocsin.web.console.actors import actor_of, user_of
from tocsin.web.console.choices import language_choices, zone_choices
from tocsin.web.console.contact_self_service import own_contact_of
from tocsin.web.console.display import NOTHING, chip, moment
from tocsin.web.console.fields import SwitchField
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.secrets_once import show_once
from tocsin.web.console.service_admin import ServiceAdmin, ServiceForm
from tocsin.web.console.user_sessions import sessions_page
from tocsin.web.console.words import ROLE_NAMES, ROLES, choices


def role_field() -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=_("role"),
        choices=choices(ROLES),
        coerce=Role,
        initial=Role.VIEWER,
        widget=UnfoldAdminRadioSelectWidget,
    )


class UserForm(ServiceForm):
    full_name = forms.CharField(label=_("full name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget)
    email = forms.CharField(label=_("email"), required=False, widget=UnfoldAdminEmailInputWidget)
    role = role_field()
    is_active = SwitchField(label=_("may sign in"), initial=True)
    language = forms.ChoiceField(
        label=_("language"), choices=language_choices, required=False, widget=UnfoldAdminSelectWidget
    )
    time_zone = forms.ChoiceField(
        label=_("time zone"), choices=zone_choices, required=False, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is not None:
            self.initial.update(full_name=self.instance.first_name, role=self.instance.role or "")


class NewUserForm(UserForm):
    username = forms.CharField(label=_("name to sign in with"), max_length=150, widget=UnfoldAdminTextInputWidget)
    password = forms.CharField(
        label=_("password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters. The user can change it under their name, at the bottom left."),
    )


class PasswordForm(forms.Form):
    password = forms.CharField(
        label=_("new password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )


class UserAdmin(ServiceAdmin):
    empty = empties.USERS
    form = UserForm
    needs_to_view = needs_to_write = Permission.ADMINISTER
    writes = ("add", "change")
    list_display = ("username", "full_name", "email", "shown_role", "second_factor", "source", "signed_in")
    search_fields = ("username", "first_name", "email")
    ordering = ("username",)
    readonly_fields = ("own_contact", "second_factor", "source", "signed_in")
    actions_detail = ("new_password", "reset_second_factor", "sessions")
    fieldsets = (
        (None, {"fields": ("full_name", "email", "role", "is_active", "own_contact")}),
        (_("Signing in"), {"fields": ("second_factor", "source", "signed_in")}),
        (_("How the console looks to them"), {"fields": ("language", "time_zone")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "password", "full_name", "email", "role")}),
        (_("How the console looks to them"), {"fields": ("language", "time_zone")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        users: QuerySet = super().get_queryset(request)
        return with_ways_in(users.prefetch_related("groups"))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if not change:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, change=change, **kwargs)

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> User:
        names = ("username", "password", "role", "full_name", "email", "language", "time_zone")
        return services.create_user(by=actor_of(request), now=utc_now(), **{name: data[name] for name in names})

    def change_row(self, request: HttpRequest, row: User, data: dict[str, Any]) -> None:
        by, now = actor_of(request), utc_now()
        names = ("full_name", "email", "is_active", "language", "time_zone")
        user = services.change_user(
            by=by, now=now, user_id=row.pk, version=data["version"], **{name: data[name] for name in names}
        )
        services.set_role(by=by, now=now, user_id=row.pk, role=data["role"], version=user.version)

    @action(description=_("Set a new password"), icon="password", url_path="new-password", permissions=["write"])
    def new_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.set_password(by=actor_of(request), now=utc_now(), user_id=user.pk, password=data["password"])
            return self.done(request, _now("The password was changed; other sessions have ended."), "change", user.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            PasswordForm,
            act,
            title=_now("New password for %(name)s") % {"name": user},
        )

    @action(
        description=_("Reset the second factor"), icon="phonelink_erase", url_path="reset-second-factor",
        permissions=["write"],
    )  # fmt: skip
    def reset_second_factor(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            removed = services.reset_second_factor(by=actor_of(request), now=utc_now(), user_id=user.pk)
            said = _now("The second factor was reset.") if removed else _now("There was no second factor.")
            return self.done(request, said, "change", user.pk)

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Reset the second factor of %(name)s?") % {"name": user},
            text=_now(
                "Authenticator app, passkeys and recovery codes are removed; the password alone signs in until they "
                "set up another. Make sure that it is really they who ask: this is what an attacker would ask for."
            ),
            submit=_now("Reset"),
        )

    @action(description=_("Sessions"), icon="devices", permissions=["write"])
    def sessions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return sessions_page(request, self.admin_site.each_context(request), self.row(request, object_id))

    @display(description=_("second factor"))
    def second_factor(self, user: User) -> SafeString:
        is_on = getattr(user, "has_factor", False)
        return chip(_now("on"), "success") if is_on else chip(_now("off"), "warning" if _is_admin(user) else "default")

    @display(description=_("signs in through"))
    def source(self, user: User) -> str:
        provider = settings.IDENTITY_PROVIDER
        if getattr(user, "has_provider", False):
            return provider.name if provider else _now("identity provider")
        return _now("password here")

    @display(description=_("contact"))
    def own_contact(self, user: User) -> SafeString | str:
        return own_contact_of(user)

    @display(description=_("full name"), ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or NOTHING

    @display(description=_("role"))
    def shown_role(self, user: User) -> SafeString:
        if not user.is_active:
            return chip(_now("disabled"))
        role = role_of(user)
        return chip(ROLE_NAMES[role], "primary") if role else chip(_now("no role: cannot sign in"), "danger")

    @display(description=_("last signed in"), ordering="last_login")
    def signed_in(self, user: User) -> SafeString | str:
        return moment(user.last_login, utc_now())


def _is_admin(user: User) -> bool:
    return role_of(user) is Role.ADMIN


_SCOPES = {
    "contacts": _("contacts and files of them, groups, robots, webhooks, verification, personal links"),
    "policies": _("notification and escalation policies, inhibitions"),
    "schedules": _("on-call schedules, substitutes"),
    "integrations": _("integrations"),
    "alerts": _("alerts, events, silences, deliveries, explain, coverage, drills, life-cycle webhooks"),
    "admin": _("provider accounts, users, tokens, access keys, the audit log"),
}
_NEVER = ""
_LIFETIMES = ("30", "90", "365", _NEVER)


class TokenForm(ServiceForm):
    name = forms.CharField(
        label=_("name"),
        max_length=64,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What uses it. The audit log shows this name."),
    )
    role = role_field()
    scopes = forms.MultipleChoiceField(
        label=_("what it is for"),
        choices=lambda: [(scope.value, _scope_label(scope)) for scope in Scope],
        initial=[scope.value for scope in Scope if scope.endswith(":read")],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("Within the role. Writing includes reading."),
    )
    lifetime = forms.ChoiceField(
        label=_("ends"),
        choices=lambda: [(days, _in_days(days)) for days in _LIFETIMES],
        required=False,
        initial=_NEVER,
        widget=UnfoldAdminSelectWidget,
    )


def _scope_label(scope: Scope) -> str:
    return f"{scope.value}: {_SCOPES[scope.partition(':')[0]]}"


def _in_days(days: str) -> str:
    return _now("after %(days)s days") % {"days": days} if days else _now("never by itself")


class ApiTokenAdmin(ServiceAdmin):
    empty = empties.TOKENS
    form = TokenForm
    needs_to_view = needs_to_write = Permission.ADMINISTER
    writes = ("add",)
    list_display = ("name", "shown_role", "owned_by", "prefix", "created", "used", "live")
    list_select_related = ("owner",)
    search_fields = ("name",)
    actions_detail = ("revoke",)
    add_fieldsets = ((None, {"fields": ("name", "role", "scopes", "lifetime")}),)
    fieldsets = (
        (None, {"fields": ("name", "shown_role", "is_for", "owned_by", "prefix", "created", "used", "ends", "live")}),
    )

    def add_row(self, request: HttpRequest, data: dict[str, Any]) -> ApiToken:
        now = utc_now()
        token, secret = services.create_token(
            by=actor_of(request),
            now=now,
            name=data["name"],
            role=data["role"],
            scopes=data["scopes"],
            owner=user_of(request),
            expires_at=now + timedelta(days=int(data["lifetime"])) if data["lifetime"] else None,
        )
        show_once(request, _now("The token %(name)s") % {"name": token.name}, secret)
        return token

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        return self.done(request, _now("The token was created."), "change", obj.pk)

    @action(description=_("Revoke"), icon="block", permissions=["write"])
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        token = self.row(request, object_id)

        def act(data: dict[str, Any]) -> HttpResponse:
            services.revoke_token(by=actor_of(request), now=utc_now(), token_id=token.pk)
            return self.done(request, _now("The token was revoked."))

        return form_page(
            request,
            self.admin_site.each_context(request),
            forms.Form,
            act,
            title=_now("Revoke %(name)s") % {"name": token},
            text=_now("Programs that use this token are refused from now on. This cannot be undone."),
            submit=_now("Revoke"),
        )

    @display(description=_("role"), ordering="role")
    def shown_role(self, token: ApiToken) -> SafeString:
        return chip(ROLE_NAMES.get(token.role, token.role), "primary")

    @display(description=_("created"), ordering="created_at")
    def created(self, token: ApiToken) -> SafeString | str:
        return moment(token.created_at, utc_now())

    @display(description=_("last used"), ordering="last_used_at")
    def used(self, token: ApiToken) -> SafeString | str:
        return moment(token.last_used_at, utc_now())

    @display(description=_("what it is for"))
    def is_for(self, token: ApiToken) -> SafeString | str:
        return (
            format_html_join(" ", '<code class="tc-label">{}</code>', ((scope,) for scope in token.scopes)) or NOTHING
        )

    @display(description=_("owner"), ordering="owner__username")
    def owned_by(self, token: ApiToken) -> SafeString | str:
        return token.owner.username if token.owner else NOTHING

    @display(description=_("ends"), ordering="expires_at")
    def ends(self, token: ApiToken) -> SafeString | str:
        return moment(token.expires_at, utc_now()) if token.expires_at else _in_days(_NEVER)

    @display(description=_("state"))
    def live(self, token: ApiToken) -> SafeString:
        if token.revoked_at:
            return chip(_now("revoked"))
        is_over = token.expires_at is not None and token.expires_at <= utc_now()
        return chip(_now("expired")) if is_over else chip(_now("live"), "success")
