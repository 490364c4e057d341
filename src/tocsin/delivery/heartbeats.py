"""Integrations that promised to report every so often: what has to be reported of those that do, and that do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from tocsin.events.models import Event, IngestBeat, Integration
from tocsin.events.queries import key_of
from tocsin.events.rules import (
    HEARTBEAT_MISSED,
    EventState,
    IntegrationKey,
    Report,
    heartbeat_noted_every,
    sweep_clock,
)
from tocsin.policies.rules import rules_match, stored_rules

_NEVER = timedelta(days=3650)
_AT_ONCE = 50


def is_heartbeat(integration: IntegrationKey, reports: Sequence[Report], now: datetime) -> bool:
    """Whether these are what the integration promised: something that fires and matches, not our own word about it."""
    if integration.heartbeat_every is None:
        return False
    rules = stored_rules(integration.heartbeat_rules)
    return any(
        report.labels.get("alertname") != HEARTBEAT_MISSED
        and (report.ends_at is None or report.ends_at > now)
        and rules_match(rules, report.labels)
        for report in reports
    )


def hear_heartbeat(integration_id: int, now: datetime) -> list[Report]:
    """Writes it down; returns what ends with it. Inside the caller's transaction."""
    integration = Integration.objects.select_for_update(no_key=True).filter(pk=integration_id).first()
    if integration is None or not integration.heartbeat_seconds or not integration.is_enabled:
        return []
    every = timedelta(seconds=integration.heartbeat_seconds)
    was_missed, last = integration.heartbeat_missed_at is not None, integration.heartbeat_at
    if not was_missed and last is not None and last > now - heartbeat_noted_every(every):
        return []
    integration.heartbeat_at, integration.heartbeat_missed_at = now, None
    integration.heartbeat_due_at = now + every
    integration.save(update_fields=["heartbeat_at", "heartbeat_missed_at", "heartbeat_due_at"])
    return _ended(integration, now) if was_missed else []


def miss_heartbeats(now: datetime) -> list[tuple[IntegrationKey, list[Report]]]:
    """What to report of heartbeats that did not come in time, and of those that nobody expects any more.

    Time during which no ingest door was up does not count. Inside the caller's transaction.
    """
    clock = sweep_clock(now, IngestBeat.objects.values_list("beat_at", flat=True).first())
    rows = Integration.objects.select_for_update(skip_locked=True, no_key=True).order_by("pk")
    late = list(rows.filter(is_enabled=True, heartbeat_seconds__gt=0, heartbeat_due_at__lte=clock)[:_AT_ONCE])
    given_up = list(
        rows.filter(Q(heartbeat_seconds=0) | Q(is_enabled=False), heartbeat_missed_at__isnull=False)[:_AT_ONCE]
    )
    for integration in late:
        integration.heartbeat_missed_at, integration.heartbeat_due_at = now, None
    for integration in given_up:
        integration.heartbeat_missed_at = None
    Integration.objects.bulk_update([*late, *given_up], ["heartbeat_missed_at", "heartbeat_due_at"])
    found = [(key_of(integration), [_missed(integration, now)]) for integration in late]
    return found + [(key_of(integration), _ended(integration, now)) for integration in given_up]


def _missed(integration: Integration, now: datetime) -> Report:
    minutes = f"{integration.heartbeat_seconds / 60:g}"
    summary = _("%(name)s has sent no heartbeat for %(minutes)s minutes") % {
        "name": integration.name,
        "minutes": minutes,
    }
    return Report(
        labels={"alertname": HEARTBEAT_MISSED, "severity": "critical", "integration": integration.name},
        annotations={"summary": summary},
        starts_at=now,
        ends_at=now + _NEVER,
    )


def _ended(integration: Integration, now: datetime) -> list[Report]:
    missed = Event.objects.filter(integration=integration, labels__alertname=HEARTBEAT_MISSED)
    return [
        Report(labels=event.labels, annotations=event.annotations, starts_at=event.starts_at, ends_at=now)
        for event in missed.exclude(state=EventState.RESOLVED)
    ]
