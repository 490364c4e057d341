"""`/policies`: notification policies. Fields have the names of `tocsin replay`'s files, with ids instead of names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any, Literal

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Scope
from tocsin.alerts.services import apply_current_policy
from tocsin.contacts.queries import names_of
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.doorbell import ring_due
from tocsin.delivery.explaining import ExplainedPolicy
from tocsin.delivery.queries import shortfalls_of
from tocsin.delivery.shadows import shadow_report
from tocsin.policies import services
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.queries import existing_policies
from tocsin.policies.services.contents import TypedContent, content_of
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Rule, Typed, Versioned, taken
from tocsin.web.rest.paging import Page, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName, Lack, Target, TargetOut, lacks, targets_out, targets_sent, targets_typed
from tocsin.web.rest.versions import expected_version
from tocsin.web.shared.words import reason_text

policies = Resource("Notification policies", reads=Scope.POLICIES_READ, writes=Scope.POLICIES_WRITE)
_SECONDS = 10_000_000
PolicyState = Literal["enabled", "shadow", "disabled"]


class SendingWindow(Typed):
    """When messages may go out."""

    start: str = Field(max_length=8, examples=["08:00"])
    end: str = Field(max_length=8, examples=["20:00"])
    days: list[Annotated[int, Field(ge=1, le=7)]] = Field([1, 2, 3, 4, 5, 6, 7], max_length=7, examples=[[1, 2, 3]])
    zone: str = Field(max_length=64, examples=["Asia/Shanghai"])
    outside: str = Field("hold", max_length=16, description="hold, drop or urgent.", examples=["hold"])


class PolicyOut(Versioned):
    name: str = Field(examples=["Databases"])
    state: PolicyState = Field(description="In shadow it plans and records everything and sends nothing.")
    position: int
    rules: list[Rule] = Field(description="One of them must match; []: every event.")
    sources: list[int] = Field(description="Ids of integrations; []: every one.")
    stops_here: bool
    group_by: list[str] = Field(examples=[["alertname"]])
    group_wait_seconds: int
    group_interval_seconds: int
    tells: list[TargetOut]
    sends_recovery: bool
    repeat_minutes: float | None
    escalation_id: int | None
    severity_limits: dict[str, int]
    sending_window: SendingWindow | None
    templates: dict[str, str]
    created_at: Moment


class PolicyChanges(Typed):
    """What is left out stays."""

    name: str = Field("", max_length=200, examples=["Databases"])
    rules: list[Rule] = Field([], max_length=100)
    sources: list[Id] = Field([], max_length=1000)
    stops_here: bool = False
    group_by: list[Annotated[str, Field(max_length=1000)]] = Field(["alertname"], max_length=100)
    group_wait_seconds: int = Field(5, ge=0, le=_SECONDS)
    group_interval_seconds: int = Field(30, ge=0, le=_SECONDS)
    tells: list[Target] = Field([], max_length=500)
    sends_recovery: bool = True
    repeat_minutes: float | None = Field(None, ge=1, le=_SECONDS, description="null: once is enough.")
    escalation_id: Id | None = Field(None, description="Instead of repeating.")
    severity_limits: dict[str, int] = Field({}, description="Channel: the mildest severity that uses it, 1 to 6.")
    sending_window: SendingWindow | None = None
    templates: dict[str, str] = Field({}, description="Texts instead of the built-in ones.")


class NewPolicy(PolicyChanges):
    name: str = Field(max_length=200, examples=["Databases"])
    state: PolicyState = "enabled"


class PolicyOrder(Typed):
    ids: list[Id] = Field(max_length=100_000, description="All policies, in the order in which they get events.")


class CopyName(Typed):
    name: str = Field("", max_length=200)


class AppliedTo(BaseModel):
    alert_ids: list[int]


class Lacks(BaseModel):
    shortfalls: list[Lack]


class ReportSpan(BaseModel):
    days: int = Field(7, ge=1, le=90, description="The last days.")


class WouldTell(BaseModel):
    """Somebody, over one channel: how many messages, of how many alerts."""

    object_id: int
    name: str
    channel: str
    messages: int
    alerts: int
    first_at: Moment
    last_at: Moment


class WouldNotTell(BaseModel):
    name: str
    channel: str
    reason: str
    why: str
    count: int


class ShadowReportOut(BaseModel):
    """At most 200 lines of each kind."""

    alerts: int
    alerts_unheard: int = Field(description="That would have reached nobody.")
    told: list[WouldTell]
    not_told: list[WouldNotTell]


@policies.get("", Page[PolicyOut])
def list_policies(request: HttpRequest, asked: Query[ByName]) -> Any:
    rows, following = one_page(asked.among(_found()).order_by("pk"), ("pk",), asked)
    return Page[PolicyOut](items=_shown(rows), next=following)


@policies.creation("", PolicyOut)
def create_policy(request: HttpRequest, typed: NewPolicy) -> Any:
    states = {"is_enabled": typed.state == "enabled", "is_shadow": typed.state == "shadow"}
    row = services.create_policy(by=actor_of(request), now=utc_now(), name=typed.name, **states, **_content(typed))
    return _one(row.pk)


@policies.get("/{int:policy_id}", PolicyOut)
def read_policy(request: HttpRequest, policy_id: Id) -> Any:
    return _one(policy_id)


@policies.patch("/{int:policy_id}", PolicyOut)
def update_policy(request: HttpRequest, policy_id: Id, typed: PolicyChanges, if_match: IfMatch = None) -> Any:
    """A new version; open alerts keep the one they began with."""
    with transaction.atomic():
        before = _one(policy_id)
        whole = PolicyChanges(**_typed(before) | typed.model_dump(exclude_unset=True))
        services.save_policy(
            by=actor_of(request),
            now=utc_now(),
            policy_id=policy_id,
            version=expected_version(if_match, before.version) or before.version,
            name=whole.name,
            **_content(whole),
        )
    return _one(policy_id)


@policies.removal("/{int:policy_id}")
def delete_policy(request: HttpRequest, policy_id: Id, if_match: IfMatch = None) -> Any:
    """Its alerts stay and send nothing more."""
    version = expected_version(if_match)
    services.delete_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id, version=version)


@policies.act("/{int:policy_id}/enable", PolicyOut)
def enable_policy(request: HttpRequest, policy_id: Id, if_match: IfMatch = None) -> Any:
    """Takes what is firing now, too."""
    version = expected_version(if_match)
    services.enable_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id, version=version)
    return _one(policy_id)


@policies.act("/{int:policy_id}/disable", PolicyOut)
def disable_policy(request: HttpRequest, policy_id: Id, if_match: IfMatch = None) -> Any:
    """Open alerts send nothing more."""
    version = expected_version(if_match)
    services.disable_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id, version=version)
    return _one(policy_id)


@policies.act("/{int:policy_id}/shadow", PolicyOut)
def shadow_policy(request: HttpRequest, policy_id: Id, if_match: IfMatch = None) -> Any:
    """From now on it plans and records everything and sends nothing."""
    version = expected_version(if_match)
    services.shadow_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id, version=version)
    return _one(policy_id)


@policies.act("/{int:policy_id}/apply", AppliedTo)
def apply_policy(request: HttpRequest, policy_id: Id) -> Any:
    """Its open alerts go by the current version from now on."""
    _one(policy_id)
    with transaction.atomic():
        found = apply_current_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id)
        ring_due()
    return AppliedTo(alert_ids=found)


@policies.creation("/{int:policy_id}/copy", PolicyOut)
def copy_policy(request: HttpRequest, policy_id: Id, typed: CopyName) -> Any:
    """Disabled, behind the original."""
    row = services.copy_policy(by=actor_of(request), now=utc_now(), policy_id=policy_id, name=typed.name)
    return _one(row.pk)


@policies.put("/order", {200: PolicyOrder})
def reorder_policies(request: HttpRequest, typed: PolicyOrder) -> Any:
    services.reorder_policies(by=actor_of(request), now=utc_now(), ids=typed.ids)
    return typed


@policies.get("/{int:policy_id}/shortfalls", Lacks)
def list_policy_shortfalls(request: HttpRequest, policy_id: Id) -> Any:
    """Whom it names and could not tell now, and why."""
    _one(policy_id)
    return Lacks(shortfalls=lacks(shortfalls_of(policy_id, utc_now())))


@policies.get("/{int:policy_id}/shadow-report", ShadowReportOut)
def read_shadow_report(request: HttpRequest, policy_id: Id, asked: Query[ReportSpan]) -> Any:
    """Whom it would have told while it was in shadow, and whom not and why."""
    _one(policy_id)
    report = shadow_report(policy_id, utc_now() - timedelta(days=asked.days))
    return ShadowReportOut(
        alerts=report.alerts,
        alerts_unheard=report.alerts_unheard,
        told=[WouldTell(object_id=each.id, **taken(each, _COUNTED)) for each in report.told],
        not_told=[WouldNotTell(why=reason_text(each.reason), **taken(each, _LACKING)) for each in report.not_told],
    )


_COUNTED = ("name", "channel", "messages", "alerts", "first_at", "last_at")
_LACKING = ("name", "channel", "reason", "count")


def state_of(policy: NotificationPolicy | ExplainedPolicy) -> PolicyState:
    return "enabled" if policy.is_enabled else "shadow" if policy.is_shadow else "disabled"


def _found() -> QuerySet[NotificationPolicy]:
    return existing_policies().select_related("current").prefetch_related("current__targets")


def _one(policy_id: int) -> PolicyOut:
    row = existing(_found().filter(pk=policy_id).first(), "There is no such notification policy.")
    return _shown([row])[0]


def _content(typed: PolicyChanges) -> TypedContent:
    return TypedContent(
        rules=[[condition.model_dump() for condition in rule] for rule in typed.rules],
        sources=typed.sources,
        stops_here=typed.stops_here,
        group_by=typed.group_by,
        group_wait=timedelta(seconds=typed.group_wait_seconds),
        group_interval=timedelta(seconds=typed.group_interval_seconds),
        targets=targets_typed(typed.tells),
        sends_recovery=typed.sends_recovery,
        repeat_every=timedelta(minutes=typed.repeat_minutes) if typed.repeat_minutes else None,
        escalation_id=typed.escalation_id,
        severity_limits=typed.severity_limits,
        sending_window=typed.sending_window.model_dump() if typed.sending_window else None,
        templates=typed.templates,
    )


def _typed(shown: PolicyOut) -> dict[str, Any]:
    """What is shown, as it would be sent."""
    whole = shown.model_dump(include=set(PolicyChanges.model_fields))
    whole["tells"] = targets_sent(whole["tells"])
    return whole


def _shown(rows: Iterable[NotificationPolicy]) -> list[PolicyOut]:
    contents = [(row, content_of(row.current)) for row in rows]
    names = names_of({object_id for _row, content in contents for object_id, _channels in content.targets})
    return [
        PolicyOut(
            id=row.pk,
            **taken(row, ("version", "name", "position")),
            state=state_of(row),
            **taken(content, _KEPT),
            tells=targets_out(content.targets, names),
            repeat_minutes=content.repeat_seconds / 60 or None,
            created_at=row.created_at,
        )
        for row, content in contents
    ]


_KEPT = ("rules", "sources", "stops_here", "group_by", "group_wait_seconds", "group_interval_seconds",
         "sends_recovery", "escalation_id", "severity_limits", "sending_window", "templates")  # fmt: skip
