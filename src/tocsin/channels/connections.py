"""Which worker holds the connection of an account that listens, and how it goes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from tocsin.channels.models import Connection, ProviderAccount
from tocsin.channels.registry import PROVIDERS
from tocsin.core.storable import storable

HELD_FOR = timedelta(seconds=20)
"""A worker that says nothing for so long has died, and another one connects."""
_CLAIM = """
INSERT INTO channels_connection AS known (account_id, worker_id, held_until)
SELECT id, %(worker)s, %(until)s FROM channels_provideraccount
WHERE is_enabled AND provider = ANY(%(providers)s) ORDER BY id
ON CONFLICT (account_id) DO UPDATE
SET worker_id = excluded.worker_id, held_until = excluded.held_until,
    connected_at = CASE WHEN known.worker_id = excluded.worker_id THEN known.connected_at END
WHERE known.worker_id = excluded.worker_id OR coalesce(known.held_until, '-infinity') <= %(now)s
RETURNING account_id
"""
_FAILURE = 500


@dataclass(frozen=True, slots=True)
class Listening:
    """How the connection of an account that listens is, for people."""

    is_connected: bool
    since: datetime | None
    """Of the connection, or of the failure."""
    failure: str
    heard_at: datetime | None


def listening_providers() -> list[str]:
    return [name for name, kind in PROVIDERS.items() if kind.listens]


def hold_connections(*, worker_id: int, now: datetime) -> list[ProviderAccount]:
    """The accounts that this worker connects for the next HELD_FOR: those it holds, and those that nobody holds."""
    providers = listening_providers()
    if not ProviderAccount.objects.filter(is_enabled=True, provider__in=providers).exists():
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"worker": worker_id, "until": now + HELD_FOR, "providers": providers, "now": now})
        ids = [account_id for (account_id,) in cursor.fetchall()]
    return list(ProviderAccount.objects.filter(pk__in=ids).order_by("pk"))


def release_connections(*, worker_id: int, ids: Collection[int] | None = None) -> None:
    """Another worker may take them at once. `ids` None: all that this worker holds."""
    held = Connection.objects.filter(worker_id=worker_id)
    held = held if ids is None else held.filter(pk__in=ids)
    held.update(worker_id=None, held_until=None, connected_at=None)


def note_connected(*, account_id: int, worker_id: int, now: datetime) -> None:
    Connection.objects.filter(pk=account_id, worker_id=worker_id).update(connected_at=now, failure="")


def note_lost(*, account_id: int, worker_id: int, failure: str, now: datetime) -> None:
    """`failure`: for people, without a secret; "" when the vendor only asked to come again."""
    held = Connection.objects.filter(pk=account_id, worker_id=worker_id)
    if failure:
        held.update(connected_at=None, failed_at=now, failure=storable(failure, _FAILURE))
    else:
        held.update(connected_at=None)


def note_heard(*, account_id: int, now: datetime) -> None:
    Connection.objects.filter(pk=account_id).update(heard_at=now)


def listening(account: ProviderAccount, now: datetime) -> Listening | None:
    """None for an account that does not listen."""
    kind = PROVIDERS.get(account.provider)
    if kind is None or not kind.listens:
        return None
    row = Connection.objects.filter(pk=account.pk).first()
    if row is None:
        return Listening(is_connected=False, since=None, failure="", heard_at=None)
    is_held = row.held_until is not None and row.held_until > now
    is_connected = is_held and row.connected_at is not None and account.is_enabled
    since = row.connected_at if is_connected else row.failed_at
    return Listening(is_connected, since, "" if is_connected else row.failure, row.heard_at)
