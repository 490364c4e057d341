"""How often one address may ask pages that anybody can open for something."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import F

from tocsin.contacts.models import AddressCount
from tocsin.contacts.rules import LONGEST_PERIOD, PageLimit, address_key

_COUNT = """
INSERT INTO contacts_addresscount AS known (key, count, started_at) VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN known.started_at <= %(over)s THEN 1 ELSE known.count + 1 END,
    started_at = CASE WHEN known.started_at <= %(over)s THEN excluded.started_at ELSE known.started_at END
RETURNING count, started_at
"""


def count_request(*, limit: PageLimit, address: str, now: datetime, about: str = "") -> datetime | None:
    """Counts one request; None while the address is within the limit, else when it may ask again."""
    key = address_key(limit, address, about)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"key": key, "now": now, "over": now - limit.per})
        count, started_at = cursor.fetchone()
    if count == 1:
        old = AddressCount.objects.filter(started_at__lte=now - LONGEST_PERIOD).select_for_update(skip_locked=True)
        AddressCount.objects.filter(pk__in=old.values("pk")).delete()
    return None if count <= limit.count else started_at + limit.per


def uncount_request(*, limit: PageLimit, address: str, about: str = "") -> None:
    """Takes one back, where only failures count: counting before the outcome leaves no room for a burst."""
    AddressCount.objects.filter(pk=address_key(limit, address, about), count__gt=0).update(count=F("count") - 1)


def forget_requests(*, limit: PageLimit, address: str, about: str = "") -> None:
    """All of them: the next one is the first again."""
    AddressCount.objects.filter(pk=address_key(limit, address, about)).delete()
