"""How a test proves itself to the sign-in: a password, a code of an authenticator app, a recovery code."""

from __future__ import annotations

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client

from tests.web.people import PASSWORD
from tocsin.accounts.models import User


def code_of(secret: str, steps: int = 0) -> str:
    """What the app shows now, or so many half minutes later."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + steps))


def give_app(user: User) -> str:
    """The secret of a user's new authenticator app."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def give_recovery_codes(user: User) -> list[str]:
    return RecoveryCodes.activate(user).generate_codes()


def factors(user: User) -> list[str]:
    return sorted(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def send_password(client: Client, user: User, word: str = PASSWORD, **more: Any) -> Any:
    return client.post("/console/login/", {"login": user.username, "password": word, **more})


def is_inside(client: Client) -> bool:
    return client.get("/console/").status_code == 200
