"""Check-in links and calendar feeds by their tokens."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from tocsin.core import crypto
from tocsin.oncall.models import Handover, Schedule
from tocsin.oncall.rules.tokens import check_in_token, feed_token


def check_in_token_of(handover: Handover) -> str:
    """Derived anew; "" where no check-in is asked for, or the key it was made with is gone."""
    return _token(check_in_token, handover.pk, handover.nonce, handover.token_digest)


def feed_token_of(schedule: Schedule) -> str:
    """As `check_in_token_of`; "" where there is no feed."""
    return _token(feed_token, schedule.pk, schedule.feed_nonce, schedule.feed_digest)


def handover_by_token(token: str) -> Handover | None:
    """Found by its digest, then compared with what our own key derives."""
    rows = Handover.objects.select_related("schedule", "contact", "keeps")
    row = rows.filter(token_digest=_digest(token)).first()
    return row if row is not None and crypto.same(check_in_token_of(row), token) else None


def schedule_by_feed_token(token: str) -> Schedule | None:
    row = Schedule.objects.filter(feed_digest=_digest(token)).first()
    return row if row is not None and crypto.same(feed_token_of(row), token) else None


def is_latest(handover: Handover) -> bool:
    """Whether the turn that it began is still the last one."""
    later = Handover.objects.filter(schedule_id=handover.schedule_id, at__gt=handover.at, is_missed=False)
    return not later.exists()


def _digest(token: str) -> str:
    return crypto.hash_token(token if token.isascii() else "")


def _token(derive: Callable[[str, int, str], str], pk: int, nonce: str, digest: str | None) -> str:
    if not nonce or not digest:
        return ""
    for secret in settings.SECRET_KEYS:
        token = derive(secret, pk, nonce)
        if crypto.same(crypto.hash_token(token), digest):
            return token
    return ""
