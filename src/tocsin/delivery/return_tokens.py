"""Tokens in return addresses: they prove of which message a bounce is."""

from __future__ import annotations

import base64

from django.conf import settings

from tocsin.core.crypto import keyed_digest, same
from tocsin.core.ids import from_base36, to_base36

_PURPOSE = "bounce"
_TAG = 16


def return_token(delivery_id: int) -> str:
    """Small letters and digits, since mail servers may change the case of an address: the reference and 80 bits."""
    return _made(delivery_id, settings.SECRET_KEYS[0])


def _made(delivery_id: int, secret: str) -> str:
    tag = base64.b32encode(keyed_digest(secret, _PURPOSE, delivery_id)).decode().lower()[:_TAG]
    return f"{to_base36(delivery_id)}-{tag}"


def reference_of(token: str) -> str:
    """The message's; "" for a token that none of our keys has made."""
    reference, _, _tag = token.partition("-")
    try:
        delivery_id = from_base36(reference)
    except ValueError:
        return ""
    is_ours = any(same(_made(delivery_id, secret), token) for secret in settings.SECRET_KEYS)
    return reference if is_ours else ""
