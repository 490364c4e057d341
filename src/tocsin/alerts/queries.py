"""Reads of alerts: what is listed of them, their events and what people did."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from tocsin.alerts.models import Activity, Alert, AlertEvent
from tocsin.alerts.rules import ActivityKind, AlertState


@dataclass(frozen=True, slots=True)
class WantedAlerts:
    """What is not said (None, "") excludes none. `told`: the name of somebody whom its policy tells."""

    title: str = ""
    severity: int | None = None
    state: AlertState | None = None
    policy_id: int | None = None
    told: str = ""
    opened_from: datetime | None = None
    opened_until: datetime | None = None


def alerts_found(wanted: WantedAlerts) -> QuerySet[Alert]:
    """The newest first, with their policies; without those of policies in shadow, of which nobody was told."""
    filters = Q(is_shadow=False)
    if wanted.title:
        filters &= Q(title__icontains=wanted.title)
    if wanted.severity is not None:
        filters &= Q(severity=wanted.severity)
    if wanted.state is not None:
        filters &= Q(state=wanted.state)
    if wanted.policy_id is not None:
        filters &= Q(policy_id=wanted.policy_id)
    if wanted.told:
        filters &= Q(policy_version__targets__object__contact__name=wanted.told)
    if wanted.opened_from is not None:
        filters &= Q(opened_at__gte=wanted.opened_from)
    if wanted.opened_until is not None:
        filters &= Q(opened_at__lte=wanted.opened_until)
    found = Alert.objects.filter(filters).select_related("policy").order_by("-id")
    return found.distinct() if wanted.told else found


def activities_since(
    alert_ids: Collection[int], kinds: Collection[ActivityKind], since: datetime | None = None
) -> dict[int, list[Activity]]:
    """Of each alert in order; alerts without any are left out."""
    rows = Activity.objects.filter(alert_id__in=alert_ids, kind__in=[kind.value for kind in kinds])
    if since is not None:
        rows = rows.filter(at__gte=since)
    found: dict[int, list[Activity]] = {}
    for row in rows.order_by("at", "id"):
        found.setdefault(row.alert_id, []).append(row)
    return found


def events_of_alerts(alert_ids: Collection[int], *, most: int) -> dict[int, list[AlertEvent]]:
    """The first `most` of each alert, with the events and their integrations; in one statement."""
    ranked = AlertEvent.objects.filter(alert_id__in=alert_ids).annotate(
        place=Window(RowNumber(), partition_by=F("alert_id"), order_by=F("id").asc())
    )
    found: dict[int, list[AlertEvent]] = {}
    for row in ranked.filter(place__lte=most).select_related("event__integration").order_by("id"):
        found.setdefault(row.alert_id, []).append(row)
    return found


def alerts_of_events(event_ids: Collection[int]) -> dict[int, list[Alert]]:
    """The alerts that each event is or was in, the newest first, with their policies."""
    rows = AlertEvent.objects.filter(event_id__in=event_ids, alert__is_shadow=False)
    found: dict[int, list[Alert]] = {}
    for row in rows.select_related("alert__policy").order_by("-alert_id"):
        found.setdefault(row.event_id, []).append(row.alert)
    return found
