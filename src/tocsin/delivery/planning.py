"""The second step of the pipeline: alerts that are due become notifications and their deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from tocsin.alerts.models import Alert, AlertEvent
from tocsin.alerts.rules import ActivityKind, AlertState
from tocsin.alerts.services import NewActivity, record_activities
from tocsin.channels.kinds import Channel
from tocsin.contacts.queries import directory
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Content, Delivery, Notification
from tocsin.delivery.queries import carriers
from tocsin.delivery.render import AlertSummary, render
from tocsin.delivery.rules import Cause, Purpose
from tocsin.delivery.rules.deciding import AlertFacts, Decision, decide
from tocsin.delivery.rules.plan import Plan, PlannedDelivery, Shortfall, plan
from tocsin.delivery.summaries import EventCounts, count_events, sample_events, summarise
from tocsin.events.retrying import retried
from tocsin.policies.queries import PolicyView, policy_versions

_LOOK_AGAIN_AFTER = timedelta(minutes=1)
_REASONS_KEPT = 200
_ROWS_PER_INSERT = 2000


@dataclass(slots=True)
class _Due:
    alert: Alert
    policy: PolicyView
    counts: EventCounts
    decision: Decision

    @property
    def cause(self) -> Cause:
        """Of those that are told."""
        return Cause(self.decision.cause or "")


@retried
def plan_due(now: datetime, *, limit: int = 50) -> int:
    """Decides for up to `limit` due alerts and returns how many. Other workers skip what this one has locked."""
    alerts = list(
        Alert.objects.select_for_update(skip_locked=True, of=("self",), no_key=True)
        .select_related("policy")
        .filter(due_at__lte=now)
        .order_by("due_at", "id")[:limit]
    )
    if not alerts:
        return 0
    counts = count_events([alert.pk for alert in alerts])
    versions = policy_versions({alert.policy_version_id for alert in alerts})
    due = [_decided(alert, versions[alert.policy_version_id], counts.get(alert.pk, EventCounts())) for alert in alerts]
    _leave_reopening_to_newer_alerts(due)

    activities: list[NewActivity] = []
    for item in due:
        activities += _apply(item, now)
    told = [item for item in due if item.decision.cause is not None]
    activities += _notify(told, now)
    Alert.objects.bulk_update(
        alerts,
        ["state", "severity", "notified_at", "due_at", "active_count", "event_count", "claimed_at", "claimed_by",
         "handler", "resolved_at", "resolved_by", "reasons"],
    )  # fmt: skip
    _remember_what_was_told(due)
    record_activities(activities, at=now)
    return len(alerts)


def next_due_at() -> datetime | None:
    """When the next alert wants a decision."""
    return Alert.objects.filter(due_at__isnull=False).order_by("due_at").values_list("due_at", flat=True).first()


def _decided(alert: Alert, policy: PolicyView, counts: EventCounts) -> _Due:
    facts = AlertFacts(
        state=AlertState(alert.state),
        was_notified=alert.notified_at is not None,
        active=counts.active,
        fresh=len(counts.fresh_ids),
        is_policy_enabled=alert.policy.is_enabled and alert.policy.deleted_at is None,
        sends_recovery=policy.sends_recovery,
    )
    return _Due(alert, policy, counts, decide(facts))


def _leave_reopening_to_newer_alerts(due: Sequence[_Due]) -> None:
    """An alert resolved by hand stays closed when a newer one of its group is open."""
    reopening = [item for item in due if item.alert.resolved_at and item.decision.state is AlertState.PENDING]
    if not reopening:
        return
    open_keys = set(
        Alert.objects.filter(
            resolved_at__isnull=True,
            policy_id__in={item.alert.policy_id for item in reopening},
            group_key__in={item.alert.group_key for item in reopening},
        ).values_list("policy_id", "group_key")
    )
    for item in reopening:
        if (item.alert.policy_id, item.alert.group_key) in open_keys:
            item.decision = Decision(AlertState.RESOLVED)


def _apply(item: _Due, now: datetime) -> list[NewActivity]:
    """Moves the alert to its decided state; returns what the timeline says of it."""
    alert, counts, decision = item.alert, item.counts, item.decision
    activities = []
    alert.active_count, alert.event_count = counts.active, counts.total
    alert.severity = counts.worst or alert.severity
    alert.due_at = now + _LOOK_AGAIN_AFTER if decision.looks_again else None
    if decision.cause is not None:
        alert.notified_at = now
    if decision.state is AlertState.RESOLVED and alert.resolved_at is None:
        alert.resolved_at, alert.resolved_by = now, ""
        activities.append(NewActivity(alert.pk, ActivityKind.RESOLVED, data={"by": "events"}))
    elif decision.state is AlertState.PENDING and alert.resolved_at is not None:
        activities.append(NewActivity(alert.pk, ActivityKind.REOPENED, data={"active": counts.active}))
        alert.resolved_at, alert.resolved_by = None, ""
        alert.claimed_at, alert.claimed_by, alert.handler = None, "", None
    elif counts.gone_ids and alert.resolved_at is None:
        data = {"recovered": len(counts.gone_ids), "active": counts.active}
        activities.append(NewActivity(alert.pk, ActivityKind.EVENTS_RECOVERED, data=data))
    alert.state = decision.state
    return activities


def _remember_what_was_told(due: Sequence[_Due]) -> None:
    told_active = [pk for item in due if item.decision.cause is not None for pk in item.counts.fresh_ids]
    told_gone = [pk for item in due for pk in item.counts.gone_ids]
    if told_active:
        AlertEvent.objects.filter(pk__in=told_active).update(told_state="active")
    if told_gone:
        AlertEvent.objects.filter(pk__in=told_gone).update(told_state="resolved")


def _notify(due: Sequence[_Due], now: datetime) -> list[NewActivity]:
    """Writes notifications, contents and deliveries of all; returns the activities."""
    if not due:
        return []
    people = directory({object_id for item in due for object_id, _ in item.policy.targets})
    carried, mentions_by = carriers()
    samples = sample_events([item.alert.pk for item in due])
    numbers = _next_numbers([item.alert.pk for item in due])
    notifications = Notification.objects.bulk_create(
        [
            Notification(
                alert=item.alert, cause=item.cause, number=numbers[item.alert.pk], created_at=now,
                active_count=item.counts.active,
            )
            for item in due
        ]
    )  # fmt: skip
    activities: list[NewActivity] = []
    deliveries: list[Delivery] = []
    for item, notification in zip(due, notifications, strict=True):
        made = plan(item.policy.targets, people, channels_carried=carried, mentions_by=mentions_by,
                    is_recovery=item.cause is Cause.RECOVERED)  # fmt: skip
        summary = summarise(item.alert, item.cause, item.counts, samples[item.alert.pk])
        deliveries += new_deliveries(made.deliveries, notification, summary, now)
        activities += _tell_timeline(item, notification, made)
    Delivery.objects.bulk_create(deliveries, batch_size=_ROWS_PER_INSERT)
    if deliveries:
        ring_send()
    return activities


def new_deliveries(
    planned: Sequence[PlannedDelivery], notification: Notification, summary: AlertSummary, now: datetime
) -> list[Delivery]:
    """Unsaved rows for a plan. Texts are rendered once for each channel, language and zone, and saved."""
    keys = {key: None for item in planned for key in [_content_key(item)]}
    contents = Content.objects.bulk_create(
        [_content(summary, channel, language, zone) for channel, language, zone in keys]
    )
    by_key = dict(zip(keys, contents, strict=True))
    return [
        Delivery(
            purpose=Purpose.ALERT,
            notification=notification,
            recipient_id=item.recipient_id,
            recipient_name=item.name,
            address_masked=item.address_masked,
            channel=item.channel,
            content=by_key[_content_key(item)],
            language=_content_key(item)[1],
            mention_ids=list(item.mention_ids),
            is_legacy_chatbot=item.is_legacy_chatbot,
            priority=item.priority,
            next_at=now,
            planned_at=now,
        )
        for item in planned
    ]


def _content_key(item: PlannedDelivery) -> tuple[Channel, str, str]:
    return item.channel, item.language or settings.LANGUAGE_CODE, item.time_zone


def _content(summary: AlertSummary, channel: Channel, language: str, zone: str) -> Content:
    text = render(summary, channel, language=language, time_zone=zone)
    return Content(subject=text.subject, text=text.text, html=text.html, markdown=text.markdown)


def _tell_timeline(item: _Due, notification: Notification, made: Plan) -> list[NewActivity]:
    alert = item.alert
    data: dict[str, Any] = {
        "cause": notification.cause,
        "notification": notification.pk,
        "active": item.counts.active,
        "messages": len(made.deliveries),
    }
    kind = ActivityKind.NOTIFIED if made.deliveries else ActivityKind.NOBODY_TOLD
    activities = [NewActivity(alert.pk, kind, data=data)]
    reasons = [_as_json(shortfall) for shortfall in made.shortfalls[:_REASONS_KEPT]]
    if reasons != alert.reasons:
        alert.reasons = reasons
        told = {"reasons": reasons, "count": len(made.shortfalls)}
        activities.append(NewActivity(alert.pk, ActivityKind.NOT_TOLD, data=told))
    return activities


def _as_json(shortfall: Shortfall) -> dict[str, Any]:
    return {
        "id": shortfall.object_id,
        "name": shortfall.name,
        "channel": shortfall.channel,
        "reason": shortfall.reason.value,
    }


def _next_numbers(alert_ids: list[int]) -> dict[int, int]:
    """The next notification number of each alert (its row is locked, so nobody else takes it)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT alert_id, max(number) FROM delivery_notification WHERE alert_id = ANY(%s) GROUP BY alert_id",
            [alert_ids],
        )
        highest = dict(cursor.fetchall())
    return {alert_id: highest.get(alert_id, 0) + 1 for alert_id in alert_ids}
