"""*My account*: who one is, what one signs in with, and where one is signed in."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.queries import authenticators_of, has_second_factor, is_provided, role_of, sessions_of
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.web.console.actors import actor_of, user_of
from tocsin.web.console.browsers import browser_name, shown_sessions
from tocsin.web.console.choices import language_choices, zone_choices
from tocsin.web.console.form_pages import form_page
from tocsin.web.console.pages import console
from tocsin.web.console.second_factor_needed import needs_second_factor
from tocsin.web.console.sign_in_adapters import passkey_host
from tocsin.web.console.sign_in_limits import trying_password
from tocsin.web.console.words import ROLE_NAMES

View = Callable[..., HttpResponseBase]


class ProfileForm(forms.Form):
    full_name = forms.CharField(label=_("full name"), max_length=150, required=False, widget=UnfoldAdminTextInputWidget)
    email = forms.CharField(label=_("email"), required=False, widget=UnfoldAdminEmailInputWidget)
    language = forms.ChoiceField(
        label=_("language"), choices=language_choices, required=False, widget=UnfoldAdminSelectWidget
    )
    time_zone = forms.ChoiceField(
        label=_("time zone"), choices=zone_choices, required=False, widget=UnfoldAdminSelectWidget
    )


class PasswordForm(forms.Form):
    old = forms.CharField(
        label=_("current password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )
    password = forms.CharField(
        label=_("new password"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters. Your other sessions end."),
    )
    again = forms.CharField(
        label=_("new password, once more"),
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "again" in cleaned and cleaned["again"] != cleaned.get("password"):
            self.add_error("again", _now("The two passwords differ."))
        return cleaned


def signed_in(view: View) -> View:
    """For everybody with a role; others are led to the sign-in."""

    @never_cache
    @wraps(view)
    def asked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if role_of(request.user) is None:
            return redirect_to_login(request.get_full_path(), reverse("account_login"))
        request.current_app = console.name
        return view(request, *args, **kwargs)

    return asked


@signed_in
def account(request: HttpRequest) -> HttpResponse:
    user, provider = user_of(request), settings.IDENTITY_PROVIDER
    authenticators = authenticators_of(user.pk)
    context = {
        **console.each_context(request),
        "title": _("My account"),
        "person": user,
        "role": ROLE_NAMES.get(role_of(user) or "", ""),
        "language": dict(settings.LANGUAGES).get(user.language, _("Default")),
        "app": next((each for each in authenticators if each.type == Authenticator.Type.TOTP), None),
        "passkeys": [each for each in authenticators if each.type == Authenticator.Type.WEBAUTHN],
        "codes": next((each for each in authenticators if each.type == Authenticator.Type.RECOVERY_CODES), None),
        "passkeys_work": bool(passkey_host()),
        "must_set_up": needs_second_factor(request),
        "has_second_factor": has_second_factor(user.pk),
        "provider": provider,
        "is_provided": provider is not None and is_provided(user.pk, provider.key),
        "sessions": shown_sessions(sessions_of(user.pk, utc_now()), request.session.session_key),
        "now": utc_now(),
    }
    return TemplateResponse(request, "console/account/account.html", context)


@signed_in
def profile(request: HttpRequest) -> HttpResponse:
    user = user_of(request)

    def act(data: dict[str, Any]) -> HttpResponse:
        services.change_user(by=actor_of(request), now=utc_now(), user_id=user.pk, **data)
        return _done(request, _now("Saved."))

    initial = {
        "full_name": user.get_full_name(),
        "email": user.email,
        "language": user.language,
        "time_zone": user.time_zone,
    }
    return form_page(
        request, console.each_context(request), ProfileForm, act, title=_now("Edit my profile"), initial=initial
    )


@signed_in
def password(request: HttpRequest) -> HttpResponse:
    user = user_of(request)
    if not user.has_usable_password():
        raise Http404

    def act(data: dict[str, Any]) -> HttpResponse:
        _check_old(request, user, data["old"])
        before = request.session.session_key or ""
        changed = services.set_password(
            by=actor_of(request), now=utc_now(), user_id=user.pk, password=data["password"], keep_session=before
        )
        update_session_auth_hash(request, changed)
        services.renew_session(user_id=user.pk, before=before, after=request.session.session_key or "")
        return _done(request, _now("The password was changed; other sessions have ended."))

    return form_page(request, console.each_context(request), PasswordForm, act, title=_now("Change my password"))


@signed_in
def end_session(request: HttpRequest, session_id: int) -> HttpResponse:
    """One of one's own; of others there is none."""
    user = user_of(request)
    found = [session for session in sessions_of(user.pk, utc_now()) if session.pk == session_id]
    if not found:
        raise Http404

    def act(data: dict[str, Any]) -> HttpResponse:
        services.end_sessions(by=actor_of(request), now=utc_now(), user_id=user.pk, session_ids=[session_id])
        return _done(request, _now("The session has ended."))

    title = _now("Sign out %(browser)s?") % {"browser": browser_name(found[0].user_agent)}
    return form_page(request, console.each_context(request), forms.Form, act, title=title, submit=_now("Sign out"))


@signed_in
def end_other_sessions(request: HttpRequest) -> HttpResponse:
    user = user_of(request)

    def act(data: dict[str, Any]) -> HttpResponse:
        this = request.session.session_key or ""
        services.end_sessions(by=actor_of(request), now=utc_now(), user_id=user.pk, but=this)
        return _done(request, _now("You are signed in here alone."))

    return form_page(
        request,
        console.each_context(request),
        forms.Form,
        act,
        title=_now("Sign out everywhere else?"),
        text=_now("All your sessions end but this one."),
        submit=_now("Sign out everywhere else"),
    )


def _check_old(request: HttpRequest, user: User, typed: str) -> None:
    """InvalidInputError names `old`; wrong ones are counted like those of the sign-in."""
    try:
        with trying_password(request, user.username) as attempt:
            attempt.was_right = user.check_password(typed)
    except forms.ValidationError as error:
        raise InvalidInputError({"old": error.messages[0]}) from error
    if not attempt.was_right:
        raise InvalidInputError({"old": _now("That is not your password.")})


def _done(request: HttpRequest, text: str) -> HttpResponse:
    messages.success(request, text)
    return HttpResponseRedirect(reverse("account"))
