"""Decisions become notifications, texts and deliveries, and what the timeline says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from tocsin.alerts.common_labels import labels_in_common
from tocsin.alerts.models import Alert
from tocsin.alerts.rules import ActivityKind, DueStep
from tocsin.alerts.services import NewActivity
from tocsin.channels.kinds import Channel
from tocsin.contacts.rules import Directory
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.notes import Note
from tocsin.delivery.own_texts import template_failed
from tocsin.delivery.plan_rows import (
    NewDelivery,
    NewNotification,
    heard_of,
    insert_contents,
    insert_deliveries,
    insert_notifications,
    reserve_contents,
)
from tocsin.delivery.queries import carriers
from tocsin.delivery.render import EventSummary, Text, render
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.hours import begins_as
from tocsin.delivery.rules.plan import Plan, PlannedDelivery, Shortfall, assignee_channels, plan, plan_recovery
from tocsin.delivery.summaries import EVENTS_LISTED, EventCounts, sample_events, summarise
from tocsin.events.statements import together
from tocsin.oncall.queries import directory_at
from tocsin.policies.queries import PolicyView
from tocsin.policies.rules import Window, window_as_json

_REASONS_KEPT = 200
Targets = Sequence[tuple[int, Sequence[Channel]]]


@dataclass(frozen=True, slots=True)
class Telling:
    """One notification to be made. `step`: of an escalation; `by`: who wanted it.

    `among`: an assignee is told over the channels that these objects of the policy have for them. `only`: nobody else
    is told, and of these whoever no other telling of the alert reaches. `heard`: recipients and channels that have it
    already.
    """

    alert: Alert
    cause: Cause
    counts: EventCounts
    targets: Targets
    policy: PolicyView
    step: DueStep | None = None
    by: str = ""
    among: Targets = ()
    only: frozenset[int] | None = None
    heard: frozenset[tuple[int, str]] = frozenset()

    @property
    def note(self) -> Note:
        return Note(step=self.step, by=self.by)

    @property
    def hours(self) -> Window | None:
        """Of the policy; a step of an escalation has its own, unless somebody wants it now."""
        if self.step is None:
            return self.policy.window
        period = self.step.step.period
        return period.as_window() if period is not None and not self.step.is_asked else None

    @property
    def limits(self) -> Mapping[str, int]:
        """Steps of an escalation name their own channels, and who is assigned is told whatever the severity."""
        return {} if self.step is not None or self.cause is Cause.ASSIGNED else self.policy.severity_limits


def assignment(alert: Alert, counts: EventCounts, policy: PolicyView, by: str) -> Telling:
    """Tells whom it was given to."""
    targets = [(alert.assigned_to_id or 0, ())]
    return Telling(alert, Cause.ASSIGNED, counts, targets, policy, by=by, among=policy.targets)


def tell(tellings: Sequence[Telling], now: datetime) -> list[NewActivity]:
    """Writes notifications, contents and deliveries of all; returns the activities."""
    if not tellings:
        return []
    told = heard_of({item.alert.pk for item in tellings if item.cause is Cause.RECOVERED})
    named = {pk for item in tellings for pk, _ in (*item.targets, *item.among)}
    named |= {pk for pairs in told.values() for pk, _ in pairs}
    assigned = {item.alert.assigned_to_id for item in tellings if item.alert.assigned_to_id is not None}
    people = directory_at(named | assigned, now)
    carried, mentions_by = carriers()
    samples = sample_events(list({item.alert.pk for item in tellings}))
    many = {item.alert.pk for item in tellings if item.counts.active > EVENTS_LISTED}
    common = labels_in_common(many) if many else {}
    planned_for = [_made(item, people, carried, mentions_by, told.get(item.alert.pk, ())) for item in tellings]
    made_of = _each_once(list(zip(tellings, planned_for, strict=True)))
    plans = [(item, made) for item, made in made_of if made.deliveries or (item.only is None and not item.heard)]
    texts = {
        (at, key): _rendered(item, samples[item.alert.pk], common.get(item.alert.pk, {}), key)
        for at, (item, made) in enumerate(plans)
        for key in dict.fromkeys(map(_content_key, made.deliveries))
    }
    notifications = insert_notifications([_notification(at, item) for at, (item, _made) in enumerate(plans)], now)
    contents = dict(zip(texts, reserve_contents(len(texts)), strict=True))
    deliveries = [
        _delivery(planned, item, now, notifications[at], contents[at, _content_key(planned)])
        for at, (item, made) in enumerate(plans)
        for planned in made.deliveries
    ]
    if deliveries:
        with together():
            insert_contents({contents[key]: text for key, text in texts.items()})
            insert_deliveries(deliveries, now)
            ring_send()
    activities = [
        activity for at, (item, made) in enumerate(plans) for activity in _told(item, notifications[at], made)
    ]
    faults = {(at, key[0], text.problem) for (at, key), text in texts.items() if text.problem}
    return activities + [template_failed(plans[at][0].alert.pk, channel, why) for at, channel, why in sorted(faults)]


def _made(
    item: Telling,
    people: Directory,
    carried: Collection[Channel],
    mentions_by: Mapping[str, Sequence[str]],
    told: Collection[tuple[int, Channel]],
) -> Plan:
    """`told`: to whom and over what it was said that the alert fires."""
    targets, severity, limits = _channels_of(item, people), item.alert.severity, item.limits
    if item.cause is Cause.RECOVERED:
        return plan_recovery(
            targets, people, heard=told, channels_carried=carried, mentions_by=mentions_by, severity=severity,
            severity_limits=limits,
        )  # fmt: skip
    made = plan(
        targets, people, channels_carried=carried, mentions_by=mentions_by, severity=severity, severity_limits=limits
    )
    return _limited(item, made)


def _limited(item: Telling, made: Plan) -> Plan:
    """To those alone that it is for."""
    if item.only is not None:
        return Plan(tuple(planned for planned in made.deliveries if planned.recipient_id in item.only), ())
    if not item.heard:
        return made
    lacking = (planned for planned in made.deliveries if (planned.recipient_id, planned.channel) not in item.heard)
    return Plan(tuple(lacking), made.shortfalls)


def _each_once(made_of: Sequence[tuple[Telling, Plan]]) -> list[tuple[Telling, Plan]]:
    """What makes up for something (`only`) is not for those who are told of the same alert anyway."""
    told: dict[int, set[int]] = {}
    for item, made in made_of:
        if item.only is None:
            told.setdefault(item.alert.pk, set()).update(planned.recipient_id for planned in made.deliveries)
    return [
        (item, made) if item.only is None else (item, _without(made, told.get(item.alert.pk, set())))
        for item, made in made_of
    ]


def _without(made: Plan, told: Collection[int]) -> Plan:
    return Plan(tuple(planned for planned in made.deliveries if planned.recipient_id not in told), ())


def _channels_of(item: Telling, people: Directory) -> Targets:
    """An assignee is told over the policy's channels for them, and at the end that it is over."""
    if item.cause is Cause.ASSIGNED:
        return [(pk, assignee_channels(pk, item.among, people)) for pk, _ in item.targets]
    assignee = item.alert.assigned_to_id
    if item.cause is Cause.RECOVERED and assignee is not None and assignee not in dict(item.targets):
        return [*item.targets, (assignee, assignee_channels(assignee, item.among, people))]
    return item.targets


def _notification(at: int, item: Telling) -> NewNotification:
    alert, step = item.alert, item.step
    hours = window_as_json(item.hours) if step is not None and item.hours is not None else None
    reaches_claimed = step is not None and step.reaches_claimed
    return NewNotification(
        at, alert.pk, item.cause, item.counts.active, alert.escalated_count, reaches_claimed, sending_window=hours
    )


def _content_key(item: PlannedDelivery) -> tuple[Channel, str, str]:
    return item.channel, item.language or settings.DEFAULT_LANGUAGE, item.time_zone


def _rendered(
    item: Telling, sample: list[EventSummary], common: Mapping[str, str], key: tuple[Channel, str, str]
) -> Text:
    """Once for each channel, language and zone."""
    channel, language, zone = key
    summary = summarise(item.alert, item.cause, item.counts, sample, item.note, item.policy.templates, common)
    return render(summary, channel, language=language, time_zone=zone)


def _delivery(
    item: PlannedDelivery, telling: Telling, now: datetime, notification_id: int, content_id: int
) -> NewDelivery:
    alert = telling.alert
    state, reason, next_at = begins_as(telling.hours, telling.cause, alert.severity, now, is_shadow=alert.is_shadow)
    return NewDelivery(
        state=state,
        reason=reason,
        next_at=next_at,
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


def _told(item: Telling, notification_id: int, made: Plan) -> list[NewActivity]:
    """What the timeline says of a notification, and who is not told when that has changed."""
    alert = item.alert
    data: dict[str, Any] = {
        "cause": item.cause,
        "notification": notification_id,
        "active": item.counts.active,
        "messages": len(made.deliveries),
    }
    kind = ActivityKind.NOTIFIED if made.deliveries else ActivityKind.NOBODY_TOLD
    if item.only is not None:
        return [NewActivity(alert.pk, kind, data=data)]
    reasons = [_as_json(shortfall) for shortfall in made.shortfalls[:_REASONS_KEPT]]
    if item.cause in (Cause.ESCALATED, Cause.ASSIGNED):
        data |= {"note": item.note.as_json(), "reasons": reasons, "count": len(made.shortfalls)}
        return [NewActivity(alert.pk, kind, data=data)]
    activities = [NewActivity(alert.pk, kind, data=data)]
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
