"""Looks for what should have happened and did not, repairs it, and raises an event about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils.translation import gettext as _

from tocsin.core.actors import SYSTEM
from tocsin.delivery.crashes import release_crashed
from tocsin.delivery.models import Beat
from tocsin.delivery.pipeline import accept
from tocsin.events.models import Event, Integration
from tocsin.events.rules import Report
from tocsin.events.services import create_integration, request_rematch

OWN_INTEGRATION = "Tocsin itself"
_REMATCHED = ("TocsinEventsUnmatched", "TocsinEventsWithoutAlert")
_LATE = timedelta(minutes=1)
_STUCK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` names the fault and becomes the event's alertname; `count` rows have it."""

    kind: str
    count: int
    summary: str


def find_faults(now: datetime) -> list[Finding]:
    """What is late, in one statement. Rows that a worker is at right now are not counted as forgotten."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (SELECT count(*) FROM alerts_alert WHERE due_at < %(late)s),
                   (SELECT count(*) FROM delivery_delivery WHERE next_at < %(late)s AND state <> 'held'),
                   (SELECT count(*) FROM delivery_delivery WHERE state = 'sending' AND started_at < %(stuck)s),
                   (SELECT count(*) FROM delivery_delivery WHERE deadline_at < %(late)s),
                   (SELECT count(*) FROM events_event
                    WHERE state = 'active' AND matched_policies IS NULL AND changed_at < %(late)s),
                   (SELECT count(*) FROM events_event e
                    WHERE e.state = 'active' AND e.matched_policies > 0 AND e.changed_at < %(late)s
                      AND NOT EXISTS (SELECT FROM alerts_alertevent m WHERE m.event_id = e.id)),
                   (SELECT count(*) FROM policies_silencepolicy WHERE next_change_at < %(late)s)
            """,
            {"late": now - _LATE, "stuck": now - _STUCK},
        )
        alerts, deliveries, sending, receipts, unmatched, alone, silences = cursor.fetchone() or (0,) * 7
    texts = {
        "TocsinAlertsLate": (alerts, _("alerts wait for a decision for more than a minute")),
        "TocsinDeliveriesLate": (deliveries, _("messages wait to be sent for more than a minute")),
        "TocsinSendsStuck": (sending, _("messages are being sent for more than ten minutes")),
        "TocsinReceiptsLate": (receipts, _("deadlines of receipts have passed unseen")),
        "TocsinEventsUnmatched": (unmatched, _("active events were never compared with the policies")),
        "TocsinEventsWithoutAlert": (alone, _("active events that a policy takes are in no alert")),
    }
    texts["TocsinSilencesLate"] = (silences, _("silences began or ended more than a minute ago, unseen"))
    return [Finding(kind, count, f"{count} {text}") for kind, (count, text) in texts.items() if count]


def audit(now: datetime) -> list[Finding]:
    """One round. What can be repaired is; what was found is an event, which resolves when a round finds it gone."""
    findings = find_faults(now)
    release_crashed(now)
    if any(finding.kind in _REMATCHED for finding in findings):
        request_rematch(because="auditor", now=now)
    _raise_events(findings, now)
    Beat.objects.update_or_create(name="auditor", defaults={"beat_at": now})
    return findings


def _raise_events(findings: list[Finding], now: datetime) -> None:
    integration = Integration.objects.filter(name=OWN_INTEGRATION).first()
    if integration is None:
        if not findings:
            return
        integration, _token = create_integration(by=SYSTEM, now=now, name=OWN_INTEGRATION)
    reports = [
        Report(
            labels={"alertname": finding.kind, "severity": "critical"},
            annotations={"summary": finding.summary},
            starts_at=now,
        )
        for finding in findings
    ]
    found = {finding.kind for finding in findings}
    gone = Event.objects.filter(integration=integration, state="active").exclude(labels__alertname__in=found)
    reports += [
        Report(labels=event.labels, annotations=event.annotations, starts_at=event.starts_at, ends_at=now)
        for event in gone
    ]  # fmt: skip
    if reports:
        accept(integration, reports, now)
