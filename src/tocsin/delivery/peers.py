"""Two installations watch each other: each tells the other that it lives, and what its auditor found.

What one sends is an ordinary report to an integration of the other, which expects a heartbeat. So when one dies, the
other raises an event and tells its own people over its own vendors; and a fault that keeps one from delivering is told
by the other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.conf import settings

from tocsin.channels.http import HttpClient, HttpError
from tocsin.delivery.auditor import Finding, find_faults
from tocsin.delivery.models import Beat

logger = logging.getLogger(__name__)

HEARTBEAT = "TocsinHeartbeat"
TOLD_EVERY = 60.0
"""Seconds."""
_HOLDS_FOR = timedelta(minutes=5)
_AUDITED_WITHIN = timedelta(minutes=5)


def peer_reports(now: datetime, findings: Sequence[Finding], audited_at: datetime | None) -> list[dict[str, object]]:
    """What the peer is told: the heartbeat, unless the auditor has not looked lately, and each fault that it found.

    The heartbeat says more than that a process runs: the database answers, and somebody looks whether messages go out.
    """
    times = {"startsAt": now.isoformat(), "endsAt": (now + _HOLDS_FOR).isoformat()}
    installation = {"installation": settings.ORGANISATION}
    reports: list[dict[str, object]] = [
        {
            "labels": {"alertname": finding.kind, "severity": "critical", **installation},
            "annotations": {"summary": f"{settings.ORGANISATION}: {finding.summary}"},
            **times,
        }
        for finding in findings
    ]
    if audited_at is None or now - audited_at <= _AUDITED_WITHIN:
        reports.append({"labels": {"alertname": HEARTBEAT, "severity": "info", **installation}, **times})
    return reports


def tell_peer(now: datetime) -> int:
    """One round, when `TOCSIN_PEER_URL` is set; a peer that does not answer is only logged: it notices itself.

    Returns how many reports the peer took.
    """
    if not settings.PEER_URL:
        return 0
    audited_at = Beat.objects.filter(name="auditor").values_list("beat_at", flat=True).first()
    reports = peer_reports(now, find_faults(now), audited_at)
    if not reports:
        return 0
    try:
        status = asyncio.run(_post(msgspec.json.encode(reports)))
    except HttpError as error:
        logger.warning("the peer installation cannot be told: %s", error)
        return 0
    if status != 200:
        logger.warning("the peer installation answers %d; is TOCSIN_PEER_TOKEN its integration's token?", status)
        return 0
    return len(reports)


async def _post(body: bytes) -> int:
    client = HttpClient()
    try:
        reply = await client.request(
            "POST",
            f"{settings.PEER_URL}/api/v2/alerts",
            headers={"Authorization": " ".join(("Bearer", settings.PEER_TOKEN)), "Content-Type": "application/json"},
            body=body,
            is_trusted=True,
        )
    finally:
        await client.aclose()
    return reply.status
