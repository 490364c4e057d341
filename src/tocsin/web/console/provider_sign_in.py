"""Signing in through an identity provider (OpenID Connect, code flow with PKCE, state and nonce).

django-allauth carries the flow. Ours: the address to come back to is TOCSIN_PUBLIC_URL's, the nonce, the signature of
the ID token is always checked, and the claims are read for the role and not kept.
"""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from tocsin.accounts.rules import IdentityProvider
from tocsin.accounts.services import ProvidedIdentity
from tocsin.core import crypto
from tocsin.core.storable import storable
from tocsin.web.console.id_tokens import read_id_token
from tocsin.web.console.pages import console
from tocsin.web.console.sign_in_adapters import refused

_LONGEST = 150


class WrongAnswerError(OAuth2Error):
    """The provider's answer cannot be believed. Its text is fit for the log: it repeats nothing of the answer."""

    is_loggable = True


class Oidc(OpenIDConnectOAuth2Adapter):
    """The provider of the environment. `nonce` is what this sign-in began with."""

    nonce = ""

    @property
    def openid_config(self) -> dict[str, Any]:
        """WrongAnswerError when it is another issuer's: who answers there must be who is meant."""
        found: dict[str, Any] = super().openid_config
        if str(found.get("issuer", "")).rstrip("/") != _provider().issuer:
            raise WrongAnswerError("the issuer calls itself by another name than TOCSIN_OIDC_ISSUER")
        return found

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return settings.PUBLIC_URL.removesuffix(settings.BASE_PATH) + reverse("provider_callback")

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        try:
            claims = self._claims(app, token, kwargs["response"])
            login = self.get_provider().sociallogin_from_response(request, {"id_token": {"sub": claims["sub"]}})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WrongAnswerError("the answer lacks what OpenID Connect asks for") from error
        login.account.extra_data = {}
        login.identity = _identity(_provider(), claims)
        return login

    def _claims(self, app: Any, token: Any, response: dict[str, Any]) -> dict[str, Any]:
        """Of the ID token, which is signed, and what the user info endpoint adds about the same subject."""
        with get_adapter().get_requests_session() as session:
            reply = session.get(self.openid_config["jwks_uri"])
            reply.raise_for_status()
        try:
            signed = read_id_token(
                response["id_token"],
                key_set=reply.json(),
                issuer=self.openid_config["issuer"],
                client_id=app.client_id,
            )
        except ValueError as error:
            raise WrongAnswerError(str(error)) from error
        if not self.nonce or not crypto.same(str(signed.get("nonce", "")), self.nonce):
            raise WrongAnswerError("the ID token answers another sign-in")
        if not self.openid_config.get("userinfo_endpoint"):
            return signed
        more = self._fetch_user_info(token.token)
        if more["sub"] != signed["sub"]:
            raise WrongAnswerError("the user info is of somebody else than the ID token")
        return {**more, **signed}


class _Provider(OpenIDConnectProvider):
    oauth2_adapter_class = Oidc


class _Callback(OAuth2CallbackView):
    adapter: Oidc

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        self.adapter.nonce = str((state or {}).get("nonce", ""))
        return state, response


@never_cache
@require_safe
def provider_login(request: HttpRequest) -> HttpResponseBase:
    """On to the provider. A link, not a form: browsers hold forms to `form-action` of our policy, also redirected."""
    following = get_next_redirect_url(request) or reverse("console:index")
    return _begin(request, "login", following)


@never_cache
@require_POST
@reauthentication_required(app="allauth.socialaccount")
def provider_connect(request: HttpRequest) -> HttpResponseBase:
    """A signed-in user's own wish, so it is posted; then a page with the link to the provider."""
    begun = _begin(request, "connect", reverse("account"))
    if not isinstance(begun, HttpResponseRedirect):
        return begun
    context = {
        **console.each_context(request),
        "title": _("One step more"),
        "url": begun.url,
        "provider": _provider(),
    }
    return render(request, "console/sign_in/connect.html", context)


@never_cache
@require_safe
def provider_callback(request: HttpRequest) -> HttpResponseBase:
    provider = _provider()
    response: HttpResponseBase = _Callback.adapter_view(Oidc(request, provider.key))(request)
    return response


def _begin(request: HttpRequest, process: str, following: str) -> HttpResponseBase:
    nonce = secrets.token_urlsafe(24)
    app = get_adapter().list_apps(request)
    if not app:
        raise Http404
    provider = _Provider(request, app=app[0])
    try:
        begun: HttpResponse = provider.redirect(
            request, process, next_url=following, auth_params={"nonce": nonce}, nonce=nonce
        )
    except (OAuth2Error, RequestException, KeyError, ValueError):
        text = _("%(provider)s does not answer. Try again in a moment, or ask an administrator of Tocsin.")
        return refused(request, text % {"provider": _provider().name}, status=502)
    return begun


def _provider() -> IdentityProvider:
    """Http404 when none is set up."""
    provider: IdentityProvider | None = settings.IDENTITY_PROVIDER
    if provider is None:
        raise Http404
    return provider


def _identity(provider: IdentityProvider, claims: dict[str, Any]) -> ProvidedIdentity:
    def text(name: str) -> str:
        value = claims.get(name)
        return storable(value, _LONGEST).strip() if isinstance(value, str) else ""

    email = text("email")
    return ProvidedIdentity(
        provider=provider.key,
        provider_name=provider.name,
        subject=claims["sub"],
        username=text("preferred_username") or email or claims["sub"],
        full_name=text("name") or " ".join(filter(None, (text("given_name"), text("family_name")))),
        email=email,
        role=provider.role_for(claims),
    )
