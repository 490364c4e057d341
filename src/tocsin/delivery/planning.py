"""The second step of the pipeline: alerts that are due become notifications and their deliveries."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseFault

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import ActivityKind, AlertState
from tocsin.alerts.services import NewActivity, record_activities
from tocsin.channels.kinds import Channel
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.plan_rows import (
    NewDelivery,
    NewNotification,
    commit_without_waiting,
    insert_contents,
    insert_deliveries,
    insert_notifications,
    lock_due_alerts,
    mark_told,
    reserve_contents,
    update_alerts,
)
from tocsin.delivery.queries import carriers
from tocsin.delivery.render import EventSummary, Text, render
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.deciding import AlertFacts, Decision, decide
from tocsin.delivery.rules.plan import Plan, PlannedDelivery, Shortfall, plan
from tocsin.delivery.summaries import EventCounts, count_events, sample_events, summarise
from tocsin.events.retrying import retried
from tocsin.events.statements import together
from tocsin.oncall.queries import directory_at
from tocsin.policies.queries import PolicyView, policy_versions

logger = logging.getLogger(__name__)

PLANNED_AT_ONCE = 50
_REASONS_KEPT = 200


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


def plan_due(now: datetime, *, limit: int = PLANNED_AT_ONCE) -> int:
    """Decides for up to `limit` due alerts and returns how many. Other workers skip what this one has locked.

    An alert that cannot be planned keeps no other one waiting; it stays due, and the auditor tells of it.
    """
    try:
        return _plan(now, limit)
    except DatabaseFault:
        raise
    except Exception:
        logger.exception("alerts could not be planned; trying one by one")
    return _plan_one_by_one(now, limit)


def _plan_one_by_one(now: datetime, limit: int) -> int:
    done, fault = 0, None
    due = Alert.objects.filter(due_at__lte=now).order_by("due_at", "id").values_list("pk", flat=True)
    for alert_id in list(due[:limit]):
        try:
            done += _plan(now, 1, alert_id)
        except DatabaseFault:
            raise
        except Exception as error:
            logger.error("alert %d cannot be planned: %s", alert_id, type(error).__name__)
            fault = error
    if fault is not None and not done:
        raise fault
    return done


@retried
def _plan(now: datetime, limit: int, only: int | None = None) -> int:
    # Lost in a crash of the database, the alerts are due again. The messages cannot have gone out: their claims are
    # committed later, and flush this to disk with them.
    commit_without_waiting()
    alerts = lock_due_alerts(now, limit, only)
    if not alerts:
        return 0
    counts = count_events([alert.pk for alert in alerts])
    versions = policy_versions({alert.policy_version_id for alert in alerts})
    due = [
        _decided(alert, versions[alert.policy_version_id], counts.get(alert.pk, EventCounts()), now) for alert in alerts
    ]
    _leave_reopening_to_newer_alerts(due)

    activities: list[NewActivity] = []
    for item in due:
        activities += _apply(item, now)
    told = [item for item in due if item.decision.cause is not None]
    activities += _notify(told, now)
    with together():
        update_alerts(alerts)
        mark_told([pk for item in told for pk in item.counts.fresh_ids], "active")
        mark_told([pk for item in due for pk in item.counts.gone_ids], "resolved")
        record_activities(activities, at=now)
    return len(alerts)


def next_due_at() -> datetime | None:
    """When the next alert wants a decision."""
    return Alert.objects.filter(due_at__isnull=False).order_by("due_at").values_list("due_at", flat=True).first()


def _decided(alert: Alert, policy: PolicyView, counts: EventCounts, now: datetime) -> _Due:
    facts = AlertFacts(
        state=AlertState(alert.state),
        notified_at=alert.notified_at,
        active=counts.active,
        fresh=len(counts.fresh_ids),
        is_policy_enabled=alert.policy.is_enabled and alert.policy.deleted_at is None,
        sends_recovery=policy.sends_recovery,
        repeat_every=policy.repeat_every,
        quiet=counts.quiet,
        ended_quietly=counts.ended_quietly,
    )
    return _Due(alert, policy, counts, decide(facts, now))


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
    alert.due_at = decision.due_at
    if decision.cause is not None:
        alert.notified_at = now
    if decision.state is AlertState.RESOLVED and alert.resolved_at is None:
        alert.resolved_at, alert.resolved_by = now, ""
        activities.append(NewActivity(alert.pk, ActivityKind.RESOLVED, data={"by": "events"}))
    elif decision.state is AlertState.PENDING and alert.resolved_at is not None:
        activities.append(NewActivity(alert.pk, ActivityKind.REOPENED, data={"active": counts.active}))
        alert.resolved_at, alert.resolved_by = None, ""
        alert.claimed_at, alert.claimed_by, alert.handler_id = None, "", None
    elif counts.gone_ids and alert.resolved_at is None:
        data = {"recovered": len(counts.gone_ids), "active": counts.active}
        activities.append(NewActivity(alert.pk, ActivityKind.EVENTS_RECOVERED, data=data))
    alert.state = decision.state
    return activities


def _notify(due: Sequence[_Due], now: datetime) -> list[NewActivity]:
    """Writes notifications, contents and deliveries of all; returns the activities."""
    if not due:
        return []
    people = directory_at({object_id for item in due for object_id, _ in item.policy.targets}, now)
    carried, mentions_by = carriers()
    samples = sample_events([item.alert.pk for item in due])
    plans = [
        plan(item.policy.targets, people, channels_carried=carried, mentions_by=mentions_by,
             is_recovery=item.cause is Cause.RECOVERED)
        for item in due
    ]  # fmt: skip
    texts = {
        (at, key): _rendered(item, samples[item.alert.pk], key)
        for at, (item, made) in enumerate(zip(due, plans, strict=True))
        for key in dict.fromkeys(map(_content_key, made.deliveries))
    }
    notifications = insert_notifications(
        [NewNotification(item.alert.pk, item.cause, item.counts.active) for item in due], now
    )
    contents = dict(zip(texts, reserve_contents(len(texts)), strict=True))
    deliveries = [
        _delivery(planned, notifications[item.alert.pk], contents[at, _content_key(planned)])
        for at, (item, made) in enumerate(zip(due, plans, strict=True))
        for planned in made.deliveries
    ]
    if deliveries:
        with together():
            insert_contents({contents[key]: text for key, text in texts.items()})
            insert_deliveries(deliveries, now)
            ring_send()
    return [
        activity
        for item, made in zip(due, plans, strict=True)
        for activity in _told(item, notifications[item.alert.pk], made)
    ]


def _content_key(item: PlannedDelivery) -> tuple[Channel, str, str]:
    return item.channel, item.language or settings.DEFAULT_LANGUAGE, item.time_zone


def _rendered(item: _Due, sample: list[EventSummary], key: tuple[Channel, str, str]) -> Text:
    """Once for each channel, language and zone."""
    channel, language, zone = key
    summary = summarise(item.alert, item.cause, item.counts, sample)
    return render(summary, channel, language=language, time_zone=zone)


def _delivery(item: PlannedDelivery, notification_id: int, content_id: int) -> NewDelivery:
    return NewDelivery(
        notification_id=notification_id,
        recipient_id=item.recipient_id,
        recipient_name=item.name,
        address_masked=item.address_masked,
        channel=item.channel,
        content_id=content_id,
        language=item.language or settings.DEFAULT_LANGUAGE,
        mention_ids=item.mention_ids,
        is_legacy_chatbot=item.is_legacy_chatbot,
        priority=item.priority,
    )


def _told(item: _Due, notification_id: int, made: Plan) -> list[NewActivity]:
    """What the timeline says of a notification, and who is not told when that has changed."""
    alert = item.alert
    data: dict[str, Any] = {
        "cause": item.cause,
        "notification": notification_id,
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
