"""Which integration a token names, remembered for a few seconds so that the hot path asks the database nothing."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass

from tocsin.core.crypto import hash_token
from tocsin.events.queries import integration_for_token
from tocsin.events.rules import KEY_KEPT_FOR, IntegrationKey

_MOST_KEPT = 1000


@dataclass(frozen=True, slots=True)
class _Known:
    integration: IntegrationKey | None
    until: float


_known: dict[str, _Known] = {}


def token_of(authorization: str) -> str | None:
    """From `Bearer <token>`, or from `Basic` with the token as password, for senders that know nothing else."""
    scheme, _, value = authorization.strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def integration_of(token: str) -> IntegrationKey | None:
    """Unknown tokens are remembered too. A change of the integration is seen within three seconds."""
    digest, moment = hash_token(token), time.monotonic()
    known = _known.get(digest)
    if known is None or known.until < moment:
        if len(_known) >= _MOST_KEPT:
            _known.clear()
        known = _known[digest] = _Known(integration_for_token(token), moment + KEY_KEPT_FOR.total_seconds())
    return known.integration


def forget(token: str) -> None:
    """The database has just said that what is remembered is no longer so."""
    _known.pop(hash_token(token), None)


def forget_all() -> None:
    _known.clear()
