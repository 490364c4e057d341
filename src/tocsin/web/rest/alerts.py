"""`/alerts` and `/events`: what fires, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from django.db import transaction
from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.alerts import services
from tocsin.alerts.models import Alert, AlertEvent
from tocsin.alerts.rules import AlertState
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.doorbell import ring_due
from tocsin.delivery.foreseeing import coming
from tocsin.delivery.timeline import timeline
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, Moment, Typed, taken
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ComingOut, Named, what_comes

alerts = Resource("Alerts", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)
events = Resource("Events", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)
_RESPOND = Permission.RESPOND
_MINUTES = 1_000_000
_STEPS = 1_000_000


class AlertOut(BaseModel):
    id: int = Field(examples=[42])
    title: str = Field(examples=["DiskFull"])
    severity: int = Field(description="1 (worst) to 6.", examples=[1])
    state: AlertState
    is_shadow: bool = Field(description="Of a policy in shadow: nothing is sent.")
    policy: Named
    group_labels: dict[str, str]
    opened_at: Moment
    notified_at: Moment | None
    active_count: int
    event_count: int
    claimed_at: Moment | None
    claimed_by: str
    lapses_at: Moment | None = Field(description="When the claim ends by itself.")
    assigned_to: Named | None
    muted_until: Moment | None
    resolved_at: Moment | None
    resolved_by: str
    escalated_count: int = Field(description="How often its escalation went on, by itself or because somebody asked.")


class EventOut(BaseModel):
    id: int = Field(examples=[99])
    integration_id: int
    fingerprint: str
    labels: dict[str, str]
    annotations: dict[str, str]
    generator_url: str
    severity: int
    state: EventState
    count: int = Field(description="Reports of it.")
    starts_at: Moment
    ends_at: Moment
    first_seen_at: Moment
    last_seen_at: Moment
    silenced_by: int | None = Field(description="The silence policy's id.")
    inhibited_by: int | None
    matched_policies: int | None = Field(description="How many policies took it; null before the first look.")


class TimelineStep(BaseModel):
    at: Moment
    text: str
    account: str
    is_ambiguous: bool


class TimelineItem(BaseModel):
    """One entry; those of deliveries have the fields from `delivery_id` on."""

    at: Moment
    kind: str = Field(examples=["notified"])
    title: str
    actor: str
    text: str
    reasons: list[str]
    delivery_id: int | None
    channel: str
    recipient: str
    address: str = Field(description="Masked.")
    state: str
    reason: str
    steps: list[TimelineStep]


class Story(BaseModel):
    entries: list[TimelineItem]
    coming: list[ComingOut] = Field(description="What falls due of an open alert if nothing happens; the next first.")


class AlertFilters(PageQuery):
    state: AlertState | Literal["open"] | None = Field(None, description="`open`: pending or handling.")
    severity: int | None = Field(None, ge=1, le=6)
    policy_id: Id | None = None
    is_shadow: bool | None = None
    text: str = Field("", max_length=200, description="In the title.")


class EventFilters(PageQuery):
    state: EventState | None = None
    severity: int | None = Field(None, ge=1, le=6)
    integration_id: Id | None = None
    alert_id: Id | None = None
    label: str = Field("", max_length=2000, description="name=value", examples=["alertname=DiskFull"])


class ForMinutes(Typed):
    minutes: int | None = Field(None, ge=0, le=_MINUTES, description="Then the claim lapses.", examples=[60])


class Mute(Typed):
    minutes: int = Field(ge=0, le=_MINUTES, examples=[60])


class Text(Typed):
    text: str = Field("", max_length=100_000, examples=["The disk was extended."])


class Assignment(Typed):
    contact_id: Id


class NewSeverity(Typed):
    severity: int = Field(ge=1, le=6, examples=[2])


class Escalation(Typed):
    escalated_count: int | None = Field(
        None,
        ge=0,
        le=_STEPS,
        description="As the alert said it when you looked. 409 when its escalation went on since, so that two who "
        "ask, or one who asks again, take one step. Without it the step that comes next, whichever it is.",
        examples=[1],
    )


@alerts.get("", Page[AlertOut])
def list_alerts(request: HttpRequest, asked: Query[AlertFilters]) -> Any:
    """The newest first."""
    found = Alert.objects.select_related("policy").filter(title__icontains=asked.text)
    if asked.state == "open":
        found = found.filter(resolved_at__isnull=True)
    elif asked.state is not None:
        found = found.filter(state=asked.state)
    found = found.filter(**asked.given("severity", "policy_id", "is_shadow"))
    rows, following = one_page(found.order_by("-pk"), ("-pk",), asked)
    return Page[AlertOut](items=[_out(row) for row in rows], next=following)


@alerts.get("/{int:alert_id}", AlertOut)
def read_alert(request: HttpRequest, alert_id: Id) -> Any:
    return _out(_alert(alert_id))


@alerts.get("/{int:alert_id}/timeline", Story)
def read_timeline(request: HttpRequest, alert_id: Id) -> Any:
    """What happened, who was told by what, and why others were not; the oldest first."""
    names = (
        "at",
        "kind",
        "title",
        "actor",
        "text",
        "reasons",
        "delivery_id",
        "channel",
        "recipient",
        "state",
        "reason",
    )
    steps = ("at", "text", "account", "is_ambiguous")
    return Story(
        entries=[
            TimelineItem(
                **taken(entry, names),
                address=entry.address_masked,
                steps=[TimelineStep(**taken(step, steps)) for step in entry.steps],
            )
            for entry in timeline(_alert(alert_id).pk)
        ],
        coming=what_comes(coming([alert_id], utc_now())[alert_id]),
    )


@alerts.act("/{int:alert_id}/claim", AlertOut, needs=_RESPOND)
def claim_alert(request: HttpRequest, alert_id: Id, typed: ForMinutes) -> Any:
    """Messages of what fired that wait are no longer sent."""
    lasts = timedelta(minutes=typed.minutes) if typed.minutes is not None else None
    return _act(request, services.claim_alert, alert_id, lapses_after=lasts)


@alerts.act("/{int:alert_id}/unclaim", AlertOut, needs=_RESPOND)
def unclaim_alert(request: HttpRequest, alert_id: Id) -> Any:
    """Repeats and escalation go on."""
    return _act(request, services.unclaim_alert, alert_id)


@alerts.act("/{int:alert_id}/resolve", AlertOut, needs=_RESPOND)
def resolve_alert(request: HttpRequest, alert_id: Id, typed: Text) -> Any:
    """With the solution. It opens again when its events still fire later."""
    return _act(request, services.resolve_alert, alert_id, text=typed.text)


@alerts.act("/{int:alert_id}/reopen", AlertOut, needs=_RESPOND)
def reopen_alert(request: HttpRequest, alert_id: Id) -> Any:
    return _act(request, services.reopen_alert, alert_id)


@alerts.act("/{int:alert_id}/comment", AlertOut, needs=_RESPOND)
def comment_alert(request: HttpRequest, alert_id: Id, typed: Text) -> Any:
    return _act(request, services.comment_alert, alert_id, text=typed.text)


@alerts.act("/{int:alert_id}/assign", AlertOut, needs=_RESPOND)
def assign_alert(request: HttpRequest, alert_id: Id, typed: Assignment) -> Any:
    """The contact is told; a claim ends."""
    return _act(request, services.assign_alert, alert_id, contact_id=typed.contact_id)


@alerts.act("/{int:alert_id}/severity", AlertOut, needs=_RESPOND)
def change_alert_severity(request: HttpRequest, alert_id: Id, typed: NewSeverity) -> Any:
    """Counts from now on, whatever its events say."""
    return _act(request, services.change_severity, alert_id, severity=typed.severity)


@alerts.act("/{int:alert_id}/mute", AlertOut, needs=_RESPOND)
def mute_alert(request: HttpRequest, alert_id: Id, typed: Mute) -> Any:
    """What fires meanwhile is told afterwards."""
    return _act(request, services.mute_alert, alert_id, lasts=timedelta(minutes=typed.minutes))


@alerts.act("/{int:alert_id}/unmute", AlertOut, needs=_RESPOND)
def unmute_alert(request: HttpRequest, alert_id: Id) -> Any:
    return _act(request, services.unmute_alert, alert_id)


@alerts.act("/{int:alert_id}/escalate", AlertOut, needs=_RESPOND)
def escalate_alert(request: HttpRequest, alert_id: Id, typed: Escalation | None = None) -> Any:
    """The next step now."""
    return _act(request, services.escalate_alert, alert_id, seen=typed.escalated_count if typed is not None else None)


@alerts.act("/{int:alert_id}/apply-policy", AlertOut, needs=_RESPOND)
def apply_policy_to_alert(request: HttpRequest, alert_id: Id) -> Any:
    """It goes by the current version of its policy from now on."""
    _alert(alert_id)
    return _act(request, services.apply_policy_to_alert, alert_id)


@events.get("", Page[EventOut])
def list_events(request: HttpRequest, asked: Query[EventFilters]) -> Any:
    """The newest first."""
    found = Event.objects.filter(**asked.given("state", "severity", "integration_id"))
    if asked.alert_id is not None:
        found = found.filter(pk__in=AlertEvent.objects.filter(alert_id=asked.alert_id).values("event_id"))
    if asked.label:
        name, _equals, value = asked.label.partition("=")
        found = found.filter(labels__contains={name: value})
    rows, following = one_page(found.order_by("-pk"), ("-pk",), asked)
    names = set(EventOut.model_fields) - {"id", "fingerprint"}
    items = [EventOut(id=row.pk, fingerprint=str(row.fingerprint), **taken(row, names)) for row in rows]
    return Page[EventOut](items=items, next=following)


def _alert(alert_id: int) -> Alert:
    return existing(Alert.objects.select_related("policy").filter(pk=alert_id).first(), "There is no such alert.")


def _act(request: HttpRequest, act: Callable[..., object], alert_id: int, **how: Any) -> AlertOut:
    """And the worker decides at once what it has made due."""
    act(by=actor_of(request), now=utc_now(), alert_id=alert_id, **how)
    with transaction.atomic():
        ring_due()
    return _out(_alert(alert_id))


def _out(row: Alert) -> AlertOut:
    names = set(AlertOut.model_fields) - {"id", "policy", "assigned_to"}
    assigned = Named(id=row.assigned_to_id, name=row.assigned_name) if row.assigned_to_id is not None else None
    return AlertOut(
        id=row.pk,
        policy=Named(id=row.policy_id, name=row.policy.name),
        assigned_to=assigned,
        **taken(row, names),
    )
