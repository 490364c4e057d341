"""What verifications and personal links share: tokens are derived and found by their digest; sends are counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import QuerySet

from tocsin.contacts.models import PersonalLink, PhoneVerification, VerificationSend
from tocsin.core import crypto

_LONGEST_LIMIT = timedelta(days=1)
_Row = TypeVar("_Row", PhoneVerification, PersonalLink)


def derived_token(derive: Callable[[str], str], digest: str) -> str:
    """From whichever key it was made with; "" when that is gone. Only for the message that carries it."""
    for secret in settings.SECRET_KEYS:
        token = derive(secret)
        if crypto.same(crypto.hash_token(token), digest):
            return token
    return ""


def row_by_token(rows: QuerySet[_Row], token: str, token_of: Callable[[_Row], str]) -> _Row | None:
    """With its contact. Found by the token's digest, then compared with what our own key derives."""
    digest = crypto.hash_token(token if token.isascii() else "")
    known = rows.select_related("contact").defer("contact__legacy_chatbot_url")
    row = known.filter(token_digest=digest).first()
    return row if row is not None and crypto.same(token_of(row), token) else None


def sends_to(addresses: Collection[str], digest_of: Callable[[str], str], now: datetime) -> dict[str, list[datetime]]:
    """When each was sent something, as far back as a limit asks."""
    by_digest = {digest_of(address): address for address in addresses}
    sends: defaultdict[str, list[datetime]] = defaultdict(list)
    recent = VerificationSend.objects.filter(phone_digest__in=by_digest, sent_at__gt=now - _LONGEST_LIMIT)
    for digest, sent_at in recent.values_list("phone_digest", "sent_at"):
        sends[by_digest[digest]].append(sent_at)
    return sends
