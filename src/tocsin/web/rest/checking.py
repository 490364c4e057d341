"""`/explain`, `/coverage` and `/drills`: whether people would be told, asked before it matters."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.channels.kinds import Channel
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError
from tocsin.core.labels import label_errors
from tocsin.delivery.coverage import coverage as dead_ends
from tocsin.delivery.drills import MemberReport, drill_report, start_drill
from tocsin.delivery.drills import drills as all_drills
from tocsin.delivery.explaining import ANY_SOURCE, ExplainedPolicy, ExplainedStep, explain
from tocsin.delivery.rules import DeliveryState
from tocsin.delivery.rules.coverage import CURES, TITLES, count_broken
from tocsin.events.queries import integration_keys
from tocsin.policies.queries import is_any_enabled
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, Moment, Typed, TypedMoment, taken
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.policies import PolicyState, state_of
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ComingOut, Lack, Named, lacks, what_comes
from tocsin.web.shared.words import said

explaining = Resource("Explain", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)
coverage = Resource("Coverage", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)
drills = Resource("Fire drills", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)
_LABELS = {"alertname": "DiskFull", "severity": "critical"}


class Asked(Typed):
    """Labels of an event that need not exist."""

    labels: dict[str, str] = Field(max_length=1000, examples=[_LABELS])
    integration_id: Id | None = Field(None, description="That it would come from.")
    at: TypedMoment | None = Field(None, description="Another moment than now.")


class Told(BaseModel):
    id: int
    name: str
    channel: Channel
    address: str = Field(description="Masked.")


class Duty(BaseModel):
    schedule: str
    people: list[str]


class StepTold(BaseModel):
    """A step of the escalation, were nobody to react."""

    number: int
    unless: str
    at: Moment
    repetitions: int
    every_seconds: float
    is_passed_over: bool
    tells: list[Told]
    does_not_tell: list[Lack]
    on_duty: list[Duty]


class PolicyTold(BaseModel):
    id: int
    name: str
    state: PolicyState
    is_match: bool
    why_not: list[str]
    group: dict[str, str]
    open_alert_id: int | None
    open_alert_fault: str = Field(
        description="Why that alert cannot be planned now, so that nobody is told of it; else empty."
    )
    coming: list[ComingOut] = Field(description="What falls due of that alert if nothing happens; the next first.")
    is_dropped: bool = Field(description="Outside its hours nothing is sent.")
    waits_until: Moment | None
    tells: list[Told]
    does_not_tell: list[Lack]
    on_duty: list[Duty]
    repeats_after_seconds: float | None
    escalation: str
    rounds: int
    steps: list[StepTold]


class ExplanationOut(BaseModel):
    """What the planner itself would do."""

    severity: int
    at: Moment
    is_anybody_told: bool
    silenced_by: Named | None
    inhibited_by: Named | None
    policies: list[PolicyTold]


class DeadEndItem(BaseModel):
    kind: str
    id: int
    name: str
    since: Moment | None
    until: Moment | None
    failure: str


class DeadEnds(BaseModel):
    kind: str
    title: str
    cure: str
    is_advice: bool
    total: int
    is_more: bool
    items: list[DeadEndItem]


class CoverageOut(BaseModel):
    broken: int = Field(description="Dead ends that are more than advice.")
    is_any_policy_enabled: bool = Field(description="False: nobody is told of anything.")
    sections: list[DeadEnds]


class DrillOut(BaseModel):
    id: int
    about: str
    channels: list[Channel]
    started_at: Moment
    deadline_at: Moment
    started_by: str
    total: int
    confirmed: int


class DrillAsk(BaseModel):
    channel: Channel
    state: DeliveryState
    reason: str


class DrillMemberOut(BaseModel):
    contact_id: int | None
    name: str
    confirmed_at: Moment | None
    via: str
    channel: str
    is_late: bool
    asks: list[DrillAsk]


class DrillReport(DrillOut):
    members: list[DrillMemberOut] = Field(description="Who has not confirmed first; at most 10,000.")


class NewDrill(Typed):
    """Asks contacts, the members of groups and the people of schedules to confirm that a message reaches them."""

    object_ids: list[Id] = Field(min_length=1, max_length=1000)
    channels: list[Channel] = Field(min_length=1, max_length=10, examples=[["sms"]])
    minutes: int = Field(60, ge=0, le=1_000_000, description="How long a confirmation is in time.")


@explaining.act("", ExplanationOut, reads=True, needs=Permission.VIEW)
def explain_labels(request: HttpRequest, typed: Asked) -> Any:
    """Who would be told of such an event and who not, and why. Stores and sends nothing."""
    if errors := label_errors(typed.labels):
        raise InvalidInputError({f"labels.{name}" if name else "labels": text for name, text in errors.items()})
    if typed.at is not None and not 2000 <= typed.at.year <= 2200:
        raise InvalidInputError({"at": "Write a moment between the years 2000 and 2200."})
    at = typed.at.astimezone(UTC) if typed.at else utc_now()
    found = explain(typed.labels, at, integration=_source(typed.integration_id), is_now=typed.at is None)
    return ExplanationOut(
        severity=found.severity,
        at=found.at,
        is_anybody_told=found.is_anybody_told,
        silenced_by=Named(id=found.silence.id, name=found.silence.name) if found.silence else None,
        inhibited_by=Named(id=found.inhibition[0], name=found.inhibition[1]) if found.inhibition else None,
        policies=[_policy(policy) for policy in found.policies],
    )


@coverage.get("", CoverageOut)
def read_coverage(request: HttpRequest) -> Any:
    """What would leave an alert untold."""
    sections = dead_ends(utc_now())
    names = ("kind", "id", "name", "since", "until", "failure")
    return CoverageOut(
        broken=count_broken(sections),
        is_any_policy_enabled=is_any_enabled(),
        sections=[
            DeadEnds(
                kind=section.dead_end.value,
                title=said(str(TITLES[section.dead_end])),
                cure=said(str(CURES[section.dead_end])),
                is_advice=section.is_advice,
                total=section.total,
                is_more=section.is_more,
                items=[DeadEndItem(**taken(item, names)) for item in section.items],
            )
            for section in sections
        ],
    )


@drills.get("", Page[DrillOut])
def list_drills(request: HttpRequest, asked: Query[PageQuery]) -> Any:
    """The newest first."""
    rows, following = one_page(all_drills().order_by("-pk"), ("-pk",), asked)
    return Page[DrillOut](items=[DrillOut(**_drill(row)) for row in rows], next=following)


@drills.creation("", DrillReport)
def start_fire_drill(request: HttpRequest, typed: NewDrill) -> Any:
    lasts = timedelta(minutes=typed.minutes)
    drill = start_drill(
        by=actor_of(request), now=utc_now(), object_ids=typed.object_ids, channels=typed.channels, lasts=lasts
    )
    return _report(drill.pk)


@drills.get("/{int:drill_id}", DrillReport)
def read_drill(request: HttpRequest, drill_id: Id) -> Any:
    return _report(drill_id)


def _source(integration_id: int | None) -> Any:
    if integration_id is None:
        return ANY_SOURCE
    found = integration_keys([integration_id])
    if integration_id not in found:
        raise InvalidInputError({"integration_id": "There is no such integration."})
    return found[integration_id]


def _policy(policy: ExplainedPolicy) -> PolicyTold:
    return PolicyTold(
        id=policy.policy_id,
        name=policy.name,
        state=state_of(policy),
        is_match=policy.is_match,
        why_not=[said(text) for text in policy.why_not],
        group=dict(policy.group_labels or {}),
        open_alert_id=policy.open_alert_id,
        open_alert_fault=policy.open_alert_fault,
        coming=what_comes(policy.coming),
        is_dropped=policy.moment.is_dropped,
        waits_until=policy.waits_until,
        repeats_after_seconds=policy.repeat_every.total_seconds() if policy.repeat_every else None,
        escalation=policy.escalation,
        rounds=policy.rounds,
        steps=[_step(step) for step in policy.steps],
        **_told(policy),
    )


def _step(step: ExplainedStep) -> StepTold:
    return StepTold(
        number=step.number,
        unless=step.until,
        at=step.at,
        repetitions=step.repetitions,
        every_seconds=step.every.total_seconds(),
        is_passed_over=step.is_passed_over,
        **_told(step),
    )


def _told(told: ExplainedPolicy | ExplainedStep) -> dict[str, Any]:
    return {
        "tells": [
            Told(id=item.recipient_id, name=item.name, channel=item.channel, address=item.address_masked)
            for item in told.deliveries
        ],
        "does_not_tell": lacks(told.shortfalls),
        "on_duty": [Duty(schedule=name, people=list(people)) for name, people in told.on_duty],
    }


def _drill(row: Any) -> dict[str, Any]:
    return {"id": row.pk, **taken(row, set(DrillOut.model_fields) - {"id"})}


def _report(drill_id: int) -> DrillReport:
    report = drill_report(drill_id, most=10_000)
    return DrillReport(**_drill(report.drill), members=[_member(member) for member in report.members])


def _member(member: MemberReport) -> DrillMemberOut:
    names = set(DrillMemberOut.model_fields) - {"asks"}
    asks = [DrillAsk(channel=ask.channel, state=ask.state, reason=ask.reason) for ask in member.asks]
    return DrillMemberOut(asks=asks, **taken(member, names))
