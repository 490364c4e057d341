"""Which integration a token names, remembered for a few seconds so that the hot path asks the database nothing.

An integration's own token says it all. An API token of a responder posts to the integration that the user name of Basic
calls: Grafana sends alerts and silences with one pair.
"""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass

from tocsin.accounts.rules import Permission, Scope
from tocsin.accounts.services.tokens import authenticate_token
from tocsin.core.clock import utc_now
from tocsin.core.crypto import hash_token
from tocsin.events.queries import integration_called, integration_for_token
from tocsin.events.rules import KEY_KEPT_FOR, IntegrationKey

_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class _Known:
    integration: IntegrationKey | None
    until: float


_known: dict[str, _Known] = {}


def token_of(authorization: str) -> str | None:
    """From `Bearer <token>`, or from `Basic` with the token as password, for senders that know nothing else."""
    return pair_of(authorization)[1] or None


def pair_of(authorization: str) -> tuple[str, str]:
    """The user name, which Bearer has none of, and the token; "" for what is missing."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return "", value
    if scheme.lower() == "basic":
        try:
            name, _, token = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return name, token
    return "", ""


def integration_of(token: str, name: str = "") -> IntegrationKey | None:
    """Unknown tokens are remembered too. A change of the integration is seen within three seconds."""
    digest, moment = hash_token(f"{name}\0{token}"), time.monotonic()
    known = _known.get(digest)
    if known is None or known.until < moment:
        if len(_known) >= _MOST_KEPT:
            _known.clear()
        known = _known[digest] = _Known(_looked_up(token, name), moment + KEY_KEPT_FOR.total_seconds())
    return known.integration


def forget(token: str, name: str = "") -> None:
    """The database has just said that what is remembered is no longer so."""
    _known.pop(hash_token(f"{name}\0{token}"), None)


def forget_all() -> None:
    _known.clear()


def _looked_up(token: str, name: str) -> IntegrationKey | None:
    if found := integration_for_token(token):
        return found
    known = authenticate_token(secret=token, now=utc_now()) if name else None
    may_post = known is not None and known.may(Permission.RESPOND, Scope.ALERTS_WRITE)
    return integration_called(name) if may_post else None
