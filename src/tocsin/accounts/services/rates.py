"""How often a token may ask: one row a token that every web process shares."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from tocsin.accounts.models import TokenRate

_TAKE = """
INSERT INTO accounts_tokenrate AS rate (token_id, whole_at) VALUES (%(token)s, %(now)s + %(step)s)
ON CONFLICT (token_id) DO UPDATE SET whole_at = greatest(rate.whole_at, %(now)s) + %(step)s
WHERE greatest(rate.whole_at, %(now)s) + %(step)s <= %(now)s + %(burst)s * %(step)s
RETURNING whole_at
"""


def take_request(*, token_id: int, now: datetime, per_minute: int, burst: int) -> datetime | None:
    """None when the request may go on, else the moment from which the next one may.

    The allowance fills evenly; a token that was quiet has `burst` requests at once.
    """
    step = timedelta(minutes=1) / per_minute
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"token": token_id, "now": now, "step": step, "burst": burst}
        cursor.execute(_TAKE, values)
        if cursor.fetchone() is not None:
            return None
    rate = TokenRate.objects.filter(pk=token_id).first()
    return now + step if rate is None else max(now, rate.whole_at + step - burst * step)
