"""What django-allauth asks us: who may enter, how often, where links lead, and how secrets are kept."""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.queries import authenticators_of, is_provided, role_of
from tocsin.accounts.rules import Role
from tocsin.core import crypto
from tocsin.core.clock import utc_now
from tocsin.core.errors import TocsinError
from tocsin.web.console.actors import actor_of
from tocsin.web.console.pages import console
from tocsin.web.console.sign_in_limits import trying_password
from tocsin.web.shared.addresses import client_address

_log = logging.getLogger(__name__)
_WRONG = _("Please enter the correct username and password. Both may be case-sensitive.")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FRESH_SECONDS = 300


class AccountAdapter(DefaultAccountAdapter):
    """Anybody with a role may enter. What refuses tells neither who exists nor who is disabled."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _WRONG,
        "email_password_mismatch": _WRONG,
        "incorrect_password": _("That is not your password."),
    }

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Each attempt is counted before the password is looked at, and taken back when it was right."""
        name = str(credentials.get("username") or credentials.get("email") or "")
        with trying_password(request, name) as attempt:
            AuthenticationBackend.unstash_authenticated_user()
            user = authenticate(request, **credentials)
            AuthenticationBackend.unstash_authenticated_user()  # the disabled: known, but not let in
            attempt.was_right = isinstance(user, User) and may_use_password(user)
        return user if isinstance(user, User) and attempt.was_right else None

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """The last word, whatever somebody proved themselves with."""
        if role_of(user) is None:
            return refused(request, _now("You have no role here. Ask an administrator of Tocsin."))
        return None

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        return HttpResponseRedirect(reverse("account_login"))

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or "0.0.0.0"  # noqa: S104 (a Unix socket has none, the column wants one)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return reverse("console:index")

    def is_safe_url(self, url: str) -> bool:
        """Only paths: which hosts are ours, the Host header does not say."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """The pages say it themselves; allauth's templates would say it in other words."""
        if kwargs.get("message"):
            super().add_message(request, *args, **kwargs)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Who has just signed in has just proved who they are."""
        request = context.request
        records = get_authentication_records(request, request.user)
        return not any(time.time() - record["at"] < _FRESH_SECONDS for record in records)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        provider = settings.IDENTITY_PROVIDER
        if provider and isinstance(user, User) and is_provided(user.pk, provider.key):
            text = _now("Sign in with %(name)s again") % {"name": provider.name}
            methods.append({"id": "provider", "description": text, "url": reverse("provider_login")})
        return methods


class MfaAdapter(DefaultMFAAdapter):
    """Secrets are encrypted as accounts' are; names and addresses come from the settings, never from the request."""

    def encrypt(self, text: str) -> str:
        return crypto.encrypt(text, settings.SECRET_KEYS)

    def decrypt(self, encrypted_text: str) -> str:
        return crypto.decrypt(encrypted_text, settings.SECRET_KEYS)

    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": _("That code is not right.")}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        number = sum(each.type == type for each in authenticators_of(user.pk)) + 1
        return _now("Passkey %(number)s") % {"number": number}

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())

    def _get_site_name(self) -> str:
        name: str = settings.ORGANISATION
        return name

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {"id": passkey_host() or "localhost", "name": self._get_site_name()}


class ProviderAdapter(DefaultSocialAccountAdapter):
    """The one provider of the environment, and who of its users may enter."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        ours = settings.IDENTITY_PROVIDER
        if ours is None:
            return []
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=ours.key,
                name=ours.name,
                client_id=ours.client_id,
                secret=ours.client_secret,
                settings={"server_url": ours.issuer, "scope": list(ours.scopes), "oauth_pkce_enabled": True},
            )
        ]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Puts the user in before allauth looks for one by its own rules, or ends with a page that says why not."""
        identity: services.ProvidedIdentity = sociallogin.identity
        if sociallogin.state.get("process") == "connect":
            raise ImmediateHttpResponse(_connect(request, identity))
        try:
            user = services.admit(now=utc_now(), identity=identity, address=client_address(request))
        except TocsinError as error:
            raise ImmediateHttpResponse(refused(request, str(error))) from error
        sociallogin.user = user
        sociallogin.account.user = user

    def on_authentication_error(self, request: HttpRequest, provider: Any, *args: Any, **kwargs: Any) -> None:
        error = kwargs.get("exception")
        reason = (
            error if getattr(error, "is_loggable", False) else type(error).__name__ if error else kwargs.get("error")
        )
        _log.warning("sign-in through %s failed: %s", provider.app.name, reason)
        text = _now("%(provider)s did not sign you in, or took too long, or this page was opened twice. Try again.")
        raise ImmediateHttpResponse(refused(request, text % {"provider": provider.app.name}, status=401))


def may_use_password(user: User) -> bool:
    """Where a provider is required, only administrators of our own: the way in when the provider is down."""
    provider = settings.IDENTITY_PROVIDER
    if role_of(user) is None:
        return False
    if provider is None or not provider.is_required:
        return True
    return role_of(user) is Role.ADMIN and not is_provided(user.pk, provider.key)


def passkey_host() -> str:
    """What passkeys are bound to: the host of TOCSIN_PUBLIC_URL; `localhost` on this machine; "" where browsers have
    none, without https or at a bare address."""
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or "localhost"
    if host in _LOOPBACK:
        return "localhost"
    is_name = any(letter.isalpha() for letter in host) and ":" not in host
    return host if parts.scheme == "https" and is_name else ""


def refused(request: HttpRequest, text: str, *, status: int = 403) -> HttpResponse:
    """A page without the console around it, that says why somebody is not signed in."""
    context = {**console.each_context(request), "title": _("Not signed in"), "text": text}
    return render(request, "console/sign_in/refused.html", context, status=status)


def _connect(request: HttpRequest, identity: services.ProvidedIdentity) -> HttpResponse:
    user = request.user
    account = reverse("account")
    if not isinstance(user, User):
        return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': account})}")
    try:
        services.connect(
            by=actor_of(request),
            now=utc_now(),
            user_id=user.pk,
            provider=identity.provider,
            subject=identity.subject,
        )
    except TocsinError as error:
        messages.error(request, str(error))
    else:
        text = _now("From now on you can sign in with %(provider)s. Your role follows it.")
        messages.success(request, text % {"provider": identity.provider_name})
    return HttpResponseRedirect(account)
