"""Reads what a text says of an alert: counts of its events and a sample of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from tocsin.alerts.memberships import events_of_each
from tocsin.alerts.models import Alert
from tocsin.delivery.notes import Note
from tocsin.delivery.render import AlertSummary, EventSummary
from tocsin.delivery.rules import Cause
from tocsin.events.statements import execute

EVENTS_LISTED = 10
_SAMPLED = 100
"""A text of more alerts than this tells of none of their events."""

_COUNTS = f"""
SELECT m.alert_id, count(*), count(*) FILTER (WHERE e.state = 'active'),
       min(e.severity) FILTER (WHERE e.state = 'active'),
       coalesce(array_agg(m.id) FILTER (WHERE e.state = 'active' AND m.told_state <> 'active'), '{{}}'),
       coalesce(array_agg(m.id) FILTER (WHERE e.state = 'resolved' AND m.told_state = 'active'), '{{}}'),
       count(*) FILTER (WHERE e.state = 'silenced'),
       bool_and(e.state = 'resolved' AND coalesce(e.silenced_by, e.inhibited_by) IS NOT NULL)
FROM {events_of_each("%s")} GROUP BY m.alert_id
"""  # noqa: S608 (a part of the statement)
_SAMPLES = f"""
SELECT a.id, e.labels::text, e.annotations::text, e.state = 'active', e.severity, e.starts_at, e.generator_url,
       e.fingerprint::text, e.ends_at
FROM unnest(%s::bigint[]) AS a(id) CROSS JOIN LATERAL (
    SELECT e.* FROM {events_of_each("ARRAY[a.id]")} WHERE e.state <> 'silenced'
    ORDER BY e.state = 'active' DESC, e.severity, e.starts_at DESC, e.id LIMIT %s
) e
"""  # noqa: S608 (a part of the statement)
_TOLD = """
SELECT coalesce(d.merged_into_id, d.id), n.alert_id, n.cause
FROM delivery_delivery d JOIN delivery_notification n ON n.id = d.notification_id
WHERE d.id = ANY(%s) OR d.merged_into_id = ANY(%s) ORDER BY d.id DESC
"""


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Of an alert's events now. `fresh_ids`, `gone_ids`: memberships whose state differs from what was told.

    `quiet`: how many are silenced. `ended_quietly`: all have ended, each while it was silenced.
    """

    total: int = 0
    active: int = 0
    worst: int | None = None
    fresh_ids: tuple[int, ...] = ()
    gone_ids: tuple[int, ...] = ()
    quiet: int = 0
    ended_quietly: bool = False


def count_events(alert_ids: list[int]) -> dict[int, EventCounts]:
    """One statement for all; an alert without events is missing from the result."""
    rows = execute(_COUNTS, [alert_ids])
    return {row[0]: EventCounts(row[1], row[2], row[3], tuple(row[4]), tuple(row[5]), row[6], row[7]) for row in rows}


def sample_events(alert_ids: list[int]) -> dict[int, list[EventSummary]]:
    """Up to ten events of each alert, active ones first, then the worst, then the newest."""
    samples: dict[int, list[EventSummary]] = {alert_id: [] for alert_id in alert_ids}
    for alert_id, labels, notes, *rest in execute(_SAMPLES, [alert_ids, EVENTS_LISTED]):
        samples[alert_id].append(EventSummary(_json(labels), _json(notes), *rest))
    return samples


def summaries(causes: Mapping[int, Cause]) -> dict[int, AlertSummary]:
    """What the texts of these alerts (id -> why they are told of now) are made from, in three statements."""
    ids = list(causes)
    alerts = {alert.pk: alert for alert in Alert.objects.filter(pk__in=ids).select_related("policy", "policy_version")}
    counts = count_events(ids)
    samples = sample_events(ids) if len(ids) <= _SAMPLED else {alert_id: [] for alert_id in ids}
    return {
        alert_id: summarise(alert, causes[alert_id], counts.get(alert_id, EventCounts()), samples[alert_id])
        for alert_id, alert in alerts.items()
    }


def told_alerts(delivery_ids: list[int]) -> dict[int, dict[int, Cause]]:
    """Delivery -> the alerts it tells of and why, those it stands for included, newest first."""
    told: dict[int, dict[int, Cause]] = {delivery_id: {} for delivery_id in delivery_ids}
    for delivery_id, alert_id, cause in execute(_TOLD, [delivery_ids, delivery_ids]):
        told[delivery_id].setdefault(alert_id, Cause(cause))
    return told


def summarise(
    alert: Alert,
    cause: Cause,
    counts: EventCounts,
    sample: list[EventSummary],
    note: Note | None = None,
    templates: Mapping[str, str] | None = None,
    common: Mapping[str, str] | None = None,
) -> AlertSummary:
    """`templates`: of the policy's version; None reads them from the alert. `common`: the labels that its events share,
    told where they are too many to be listed.
    """
    return AlertSummary(
        alert_id=alert.pk,
        title=alert.title,
        severity=alert.chosen_severity or counts.worst or alert.severity,
        cause=cause,
        policy=alert.policy.name,
        group_labels=alert.group_labels,
        active=counts.active,
        total=counts.total,
        opened_at=alert.opened_at,
        events=sample,
        note=note,
        templates=alert.policy_version.templates if templates is None else templates,
        common=common or {},
    )


def _json(text: str) -> dict[str, str]:
    return msgspec.json.decode(text, type=dict[str, str])
