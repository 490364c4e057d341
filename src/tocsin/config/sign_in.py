"""How people sign in, as the environment says it: an identity provider, and who needs a second factor."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from tocsin.accounts.rules import IdentityProvider, Role
from tocsin.config.environment import listed, switch
from tocsin.core.errors import ConfigurationError

_OTHERS = ("CLIENT_ID", "CLIENT_SECRET", "NAME", "SCOPES", "ROLE_CLAIM", "ROLE_MAP", "DEFAULT_ROLE", "REQUIRED")


def identity_provider(public_url: str) -> IdentityProvider | None:
    """`TOCSIN_OIDC_...`; None without an issuer."""
    issuer = os.environ.get("TOCSIN_OIDC_ISSUER", "").strip().rstrip("/")
    if not issuer:
        if given := [name for name in _OTHERS if os.environ.get(f"TOCSIN_OIDC_{name}")]:
            raise ConfigurationError(f"TOCSIN_OIDC_{given[0]} needs TOCSIN_OIDC_ISSUER, the provider's address.")
        return None
    _check_issuer(issuer)
    if not public_url:
        raise ConfigurationError(
            "TOCSIN_OIDC_ISSUER needs TOCSIN_PUBLIC_URL: that is where the provider sends people back to."
        )
    return IdentityProvider(
        issuer=issuer,
        client_id=_needed("TOCSIN_OIDC_CLIENT_ID"),
        client_secret=_needed("TOCSIN_OIDC_CLIENT_SECRET"),
        name=os.environ.get("TOCSIN_OIDC_NAME", "").strip() or (urlsplit(issuer).hostname or ""),
        scopes=tuple(dict.fromkeys(["openid", *(os.environ.get("TOCSIN_OIDC_SCOPES") or "profile email").split()])),
        role_claim=os.environ.get("TOCSIN_OIDC_ROLE_CLAIM", "").strip() or "groups",
        role_map=dict(_mapping(entry) for entry in listed("TOCSIN_OIDC_ROLE_MAP")),
        default_role=_role("TOCSIN_OIDC_DEFAULT_ROLE", os.environ.get("TOCSIN_OIDC_DEFAULT_ROLE", "").strip()),
        is_required=switch("TOCSIN_OIDC_REQUIRED"),
    )


def least_role_with_second_factor() -> Role | None:
    """`TOCSIN_REQUIRE_2FA`: that role and those above it need one; `1` is everybody, None nobody."""
    typed = os.environ.get("TOCSIN_REQUIRE_2FA", "").strip()
    if typed in ("", "0"):
        return None
    return Role.VIEWER if typed == "1" else _role("TOCSIN_REQUIRE_2FA", typed)


ALLAUTH: dict[str, Any] = {
    "ACCOUNT_ADAPTER": "tocsin.web.console.sign_in_adapters.AccountAdapter",
    "ACCOUNT_LOGIN_METHODS": {"username", "email"},
    "ACCOUNT_EMAIL_VERIFICATION": "none",
    "ACCOUNT_SIGNUP_FIELDS": ["username*", "email", "password1*"],
    "ACCOUNT_SESSION_REMEMBER": True,
    "ACCOUNT_RATE_LIMITS": False,  # ours are counted in the database, which all processes share
    "ACCOUNT_REAUTHENTICATION_REQUIRED": True,
    "MFA_ADAPTER": "tocsin.web.console.sign_in_adapters.MfaAdapter",
    "MFA_FORMS": {
        "authenticate": "tocsin.web.console.sign_in_forms.SecondFactorForm",
        "reauthenticate": "tocsin.web.console.sign_in_forms.SecondFactorAgainForm",
        "login_webauthn": "tocsin.web.console.sign_in_forms.PasskeySignInForm",
        "authenticate_webauthn": "tocsin.web.console.sign_in_forms.PasskeySecondForm",
        "reauthenticate_webauthn": "tocsin.web.console.sign_in_forms.PasskeyAgainForm",
    },
    "MFA_RATE_LIMITS": False,
    "MFA_SUPPORTED_TYPES": ["totp", "webauthn", "recovery_codes"],
    "MFA_PASSKEY_LOGIN_ENABLED": True,
    "MFA_RECOVERY_CODES_SHOW_ONCE": True,
    "MFA_TOTP_TOLERANCE": 1,
    "SOCIALACCOUNT_ADAPTER": "tocsin.web.console.sign_in_adapters.ProviderAdapter",
    "SOCIALACCOUNT_STORE_TOKENS": False,
    "SOCIALACCOUNT_EMAIL_AUTHENTICATION": False,
}
"""django-allauth's settings: no sign-up, no mails, no limits of its own."""


def _check_issuer(issuer: str) -> None:
    parts = urlsplit(issuer)
    if parts.scheme not in ("http", "https") or not parts.hostname or "?" in issuer or "#" in issuer:
        raise ConfigurationError(
            "TOCSIN_OIDC_ISSUER must be the provider's address, like https://login.example.org/realms/main."
        )
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigurationError(
            "TOCSIN_OIDC_ISSUER must start with https://: what comes from it decides who may enter."
        )


def _needed(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise ConfigurationError(f"TOCSIN_OIDC_ISSUER needs {name}, which the provider shows for this client.")
    return value


def _mapping(entry: str) -> tuple[str, Role]:
    """The last `=` divides: names of groups may hold one (`cn=sre,...` cannot: commas divide the list)."""
    value, divider, role = entry.rpartition("=")
    found = _role("TOCSIN_OIDC_ROLE_MAP", role.strip()) if divider and value.strip() else None
    if found is None:
        raise ConfigurationError("TOCSIN_OIDC_ROLE_MAP must look like sre-leads=admin,sre=responder.")
    return value.strip(), found


def _role(name: str, typed: str) -> Role | None:
    if not typed:
        return None
    if typed not in set(Role):
        raise ConfigurationError(f"{name} must name a role ({', '.join(Role)}), not {typed!r}.")
    return Role(typed)
