"""`/console/login/` and what comes after the password: one way in, whatever the address that asked for it."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.stagekit import clear_login
from allauth.account.models import Login
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import LoginView, ReauthenticateView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.base.views import ReauthenticateView as CodeAgainView
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from allauth.mfa.webauthn.views import LoginWebAuthnView
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView as PasskeyAgainView
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from tocsin.accounts.queries import role_of
from tocsin.web.console.pages import console
from tocsin.web.console.sign_in_adapters import may_use_password, passkey_host, refused
from tocsin.web.console.sign_in_forms import PasswordAgainForm, SignInForm

LOCAL = "local"
"""`?local`: the password form where a provider is required, for administrators who are not the provider's."""


class SignIn(LoginView):
    form_class = SignInForm
    template_name = "console/sign_in/login.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and role_of(request.user) is None:
            logout(request)  # the role went away while they were inside
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        provider = settings.IDENTITY_PROVIDER
        following = self.get_next_url()
        hides_password = bool(provider and provider.is_required and LOCAL not in self.request.GET)
        return {
            **console.each_context(self.request),
            **super().get_context_data(**kwargs),
            "title": _("Sign in"),
            "provider": provider,
            "provider_url": reverse("provider_login") + (f"?{urlencode({'next': following})}" if following else ""),
            "shows_password": self.request.method == "POST" or not hides_password,
            "shows_passkeys": bool(passkey_host()) and not hides_password,
            "following": following or "",
        }


class SecondFactor(AuthenticateView):
    template_name = "console/sign_in/second_factor.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        given = super().get_context_data(**kwargs)
        options = given.get("js_data", {}).get("request_options", {}).get("publicKey", {})
        has_passkey = bool(passkey_host()) and bool(options.get("allowCredentials"))
        context = {"title": _("Second factor"), "has_passkey": has_passkey}
        return {**console.each_context(self.request), **given, **context}


@require_POST
def cancel_sign_in(request: HttpRequest) -> HttpResponse:
    """Back to the password, as somebody else perhaps."""
    clear_login(request)
    return HttpResponseRedirect(reverse("account_login"))


class PasskeySignIn(LoginWebAuthnView):
    def form_valid(self, form: Any) -> HttpResponse:
        """Followed by the same last question as after any other proof: has the user a role?"""
        authenticator = form.cleaned_data["credential"]
        if not may_use_password(authenticator.user):
            return refused(self.request, str(_("This passkey does not open the console. Sign in another way.")))
        login = Login(user=authenticator.user, redirect_url=self.get_next_url())
        response: HttpResponse = perform_passwordless_login(self.request, authenticator, login)
        return response

    def get_next_url(self) -> str | None:
        url: str | None = get_next_redirect_url(self.request)
        return url


class _Again:
    """Before something sensitive, unless somebody has just proved who they are."""

    template_name = "console/sign_in/again.html"
    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        given: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**console.each_context(self.request), **given, "title": _("Is it you?")}


class PasswordAgain(_Again, ReauthenticateView):
    form_class = PasswordAgainForm

    def get_form_class(self) -> Any:
        return self.form_class


class CodeAgain(_Again, CodeAgainView):
    pass


class PasskeyAgain(_Again, PasskeyAgainView):
    def form_invalid(self, form: Any) -> HttpResponse:
        super().form_invalid(form)
        return HttpResponseRedirect(self.request.get_full_path())
