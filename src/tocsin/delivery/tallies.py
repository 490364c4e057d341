"""Counters and histograms that are right however many processes count: they grow in the database.

What happens in a transaction is counted in it, as its last statement, so that no number holds what was rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from tocsin.delivery.outcome_rows import Recorded
from tocsin.delivery.rules import Cause, Purpose
from tocsin.delivery.rules.handing_over import bucket_of
from tocsin.events.statements import execute, run

INGEST_REQUESTS = "ingest_requests"
INGEST_REPORTS = "ingest_reports"
ATTEMPTS = "attempts"
HANDED_OVER = "handed_over"
HANDED_OVER_SECONDS = "handed_over_seconds"
_SHARDS = 32
_ADD = """
INSERT INTO delivery_tally AS t (name, labels, shard, value)
SELECT n.name, n.labels, pg_backend_pid() %% %(shards)s, n.value
FROM unnest(%(names)s::text[], %(labels)s::text[], %(values)s::float8[]) AS n (name, labels, value)
ORDER BY 1, 2
ON CONFLICT (name, labels, shard) DO UPDATE SET value = t.value + excluded.value
"""
_ALERTS = """
SELECT d.id, n.alert_id, CASE WHEN n.cause = %(fired)s AND n.number = 1 THEN a.opened_at END FROM delivery_delivery d
JOIN delivery_notification n ON n.id = d.notification_id JOIN alerts_alert a ON a.id = n.alert_id
WHERE d.id = ANY(%(ids)s)
"""

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A counter's name and its labels, sorted."""


@dataclass(frozen=True, slots=True)
class Total:
    name: str
    labels: Mapping[str, str]
    value: float


def key_of(name: str, **labels: str) -> Key:
    return name, tuple(sorted(labels.items()))


def add_tallies(added: Mapping[Key, float]) -> None:
    """Inside the caller's transaction, or by itself."""
    if not added:
        return
    keys = sorted(added)
    run(
        _ADD,
        {
            "shards": _SHARDS,
            "names": [name for name, _labels in keys],
            "labels": [msgspec.json.encode(dict(labels)).decode() for _name, labels in keys],
            "values": [float(added[key]) for key in keys],
        },
    )


def tally_outcomes(moved: Sequence[Recorded]) -> dict[int, int]:
    """What moved of a batch that is recorded: tries by channel, account and outcome; how long first notices took.

    A batch that is recorded again moves nothing and counts nothing. Returns delivery -> alert.
    """
    added: dict[Key, float] = {}

    def add(key: Key, value: float = 1) -> None:
        added[key] = added.get(key, 0) + value

    for item in moved:
        account = item.route.name if item.route.account_id is not None else ""
        add(key_of(ATTEMPTS, channel=item.claim.channel, account=account, outcome=item.result.outcome))
    told = {item.claim.delivery_id: item for item in moved if item.claim.purpose is Purpose.ALERT}
    rows = execute(_ALERTS, {"ids": list(told), "fired": Cause.FIRED.value}) if told else []
    for delivery_id, _alert_id, opened_at in rows:
        item = told[delivery_id]
        if opened_at is None or not item.is_accepted:
            continue
        seconds = max(0.0, (item.sent.finished_at - opened_at).total_seconds())
        add(key_of(HANDED_OVER, channel=item.claim.channel, le=bucket_of(seconds)))
        add(key_of(HANDED_OVER_SECONDS, channel=item.claim.channel), seconds)
    add_tallies(added)
    return {delivery_id: alert_id for delivery_id, alert_id, _opened_at in rows}


def totals() -> list[Total]:
    """Every counter, in one statement."""
    rows = execute("SELECT name, labels, sum(value) FROM delivery_tally GROUP BY name, labels ORDER BY name, labels")
    return [Total(name, msgspec.json.decode(labels), value) for name, labels, value in rows]
