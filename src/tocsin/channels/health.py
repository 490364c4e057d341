"""How accounts do, as their sends show it: last success and failure, and whether one rests after failures."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from django.db import connection, transaction

from tocsin.channels.models import ProviderAccount
from tocsin.channels.rules import PROBED_FOR, Breaker, Fault, after_failures, is_paused, wants_probe

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_READ = """
SELECT id, failures, pauses, opened_at, paused_until FROM channels_provideraccount WHERE id = ANY(%s)
ORDER BY id FOR NO KEY UPDATE
"""
_WRITE = """
UPDATE channels_provideraccount AS account
SET last_accepted_at = greatest(account.last_accepted_at, told.accepted_at),
    last_failure = CASE WHEN told.failed_at >= coalesce(account.last_failed_at, '-infinity')
                        THEN told.failure ELSE account.last_failure END,
    last_failed_at = greatest(account.last_failed_at, told.failed_at),
    failures = told.failures, pauses = told.pauses, opened_at = told.opened_at, paused_until = told.paused_until
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::int[], %s::int[], %s::timestamptz[],
            %s::timestamptz[])
     AS told (id, accepted_at, failed_at, failure, failures, pauses, opened_at, paused_until)
WHERE account.id = told.id
"""


@dataclass(frozen=True, slots=True)
class Health:
    """What a batch of sends showed of one account. A time that is None stays as it was.

    `failures`: how many of kind `fault` came after the last success of the batch; the last of them began at
    `started_at`. Without a fault they say nothing of the account.
    """

    account_id: int
    accepted_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""
    fault: Fault | None = None
    failures: int = 0
    started_at: datetime | None = None


def record_health(entries: Sequence[Health], now: datetime) -> None:
    """Two statements for any number of accounts; times only move forward. Not audited, and not an edit."""
    told: dict[int, Health] = {}
    for entry in entries:
        told[entry.account_id] = _both(told[entry.account_id], entry) if entry.account_id in told else entry
    if not told:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_READ, [list(told)])
        rows = [(told[pk], _after(Breaker(*breaker), told[pk], now)) for pk, *breaker in cursor.fetchall()]
        if not rows:
            return
        cursor.execute(
            _WRITE,
            [
                [entry.account_id for entry, _ in rows],
                [entry.accepted_at for entry, _ in rows],
                [entry.failed_at for entry, _ in rows],
                [entry.failure[:500] for entry, _ in rows],
                [breaker.failures for _, breaker in rows],
                [breaker.pauses for _, breaker in rows],
                [breaker.opened_at for _, breaker in rows],
                [breaker.paused_until for _, breaker in rows],
            ],
        )


def begin_probes(account_ids: Collection[int], now: datetime) -> None:
    """One message goes over each of them; until it is recorded, others do not."""
    if account_ids:
        accounts = ProviderAccount.objects.filter(pk__in=account_ids, paused_until__lte=now)
        accounts.update(paused_until=now + PROBED_FOR)


def breaker_of(account: ProviderAccount) -> Breaker:
    return Breaker(account.failures, account.pauses, account.opened_at, account.paused_until)


def is_resting(account: ProviderAccount, now: datetime) -> bool:
    """Others of its channel come first, where there are any."""
    return is_paused(breaker_of(account), now)


def is_half_open(account: ProviderAccount, now: datetime) -> bool:
    return wants_probe(breaker_of(account), now)


def _both(first: Health, second: Health) -> Health:
    """Of one account; what the second says of faults holds."""
    accepted = [at for at in (first.accepted_at, second.accepted_at) if at is not None]
    failed = [item for item in (first, second) if item.failed_at is not None]
    latest = max(failed, key=lambda item: item.failed_at or _LONG_AGO, default=second)
    return replace(second, accepted_at=max(accepted, default=None), failed_at=latest.failed_at, failure=latest.failure)


def _after(breaker: Breaker, entry: Health, now: datetime) -> Breaker:
    if entry.accepted_at is not None:
        breaker = Breaker()
    if entry.fault is None or not entry.failures:
        return breaker
    started_at = entry.started_at or now
    return after_failures(breaker, entry.failures, entry.fault, started_at=started_at, now=now)
