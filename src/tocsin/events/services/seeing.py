"""Reports that their senders have named: the second one of a name changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from tocsin.events.rules import SEEN_FOR, IntegrationKey, Report
from tocsin.events.statements import execute

_AT_ONCE = 10_000
_SEE = """
INSERT INTO events_seenreport (integration_id, key, at)
SELECT %(integration)s, n.key, %(now)s FROM unnest(%(keys)s::uuid[]) AS n (key) ORDER BY n.key
ON CONFLICT (integration_id, key) DO NOTHING RETURNING key
"""
_FORGET = """
WITH old AS (
    SELECT id FROM events_seenreport WHERE at < %(before)s ORDER BY at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
DELETE FROM events_seenreport s USING old WHERE s.id = old.id RETURNING s.id
"""


def drop_seen(integration: IntegrationKey, reports: Sequence[Report], now: datetime) -> list[Report]:
    """Without those that came before, in the order they have. In the transaction that stores the others."""
    if not any(report.report_id for report in reports):
        return list(reports)
    named = {_key(report.report_id): report for report in reversed(reports) if report.report_id}
    values = {"integration": integration.id, "keys": list(named), "now": now}
    new = {id(named[key]) for (key,) in execute(_SEE, values)}
    return [report for report in reports if not report.report_id or id(report) in new]


def forget_seen_reports(now: datetime) -> int:
    """One bite; returns how many went."""
    return len(execute(_FORGET, {"before": now - SEEN_FOR, "limit": _AT_ONCE}))


def _key(report_id: str) -> UUID:
    return UUID(bytes=blake2b(report_id.encode(errors="surrogatepass"), digest_size=16).digest())
