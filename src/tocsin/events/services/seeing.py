"""Reports that their senders have named: the second one of a name changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from tocsin.core.labels import fingerprint
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
    """Without those that an earlier post brought, in the order they have. In the transaction that stores the others."""
    if not any(report.report_id for report in reports):
        return list(reports)
    keys = [_key(report) if report.report_id else None for report in reports]
    values = {"integration": integration.id, "keys": list({key for key in keys if key}), "now": now}
    new = {key for (key,) in execute(_SEE, values)}
    return [report for report, key in zip(reports, keys, strict=True) if key is None or key in new]


def forget_seen_reports(now: datetime) -> int:
    """One bite; returns how many went."""
    return len(execute(_FORGET, {"before": now - SEEN_FOR, "limit": _AT_ONCE}))


def _key(report: Report) -> UUID:
    """Of the event, too: many senders give one name to all that they send at a time, or to a firing and its end."""
    key = blake2b(fingerprint(report.labels).bytes, digest_size=16)
    key.update(f"{len(report.phase)}:{report.phase}{report.report_id}".encode(errors="surrogatepass"))
    return UUID(bytes=key.digest())
