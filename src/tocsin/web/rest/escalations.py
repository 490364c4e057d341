"""`/escalation-policies`: what follows when nobody reacts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from tocsin.accounts.rules import Scope
from tocsin.alerts.services import save_escalation
from tocsin.contacts.queries import names_of
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.policies import services
from tocsin.policies.models import EscalationPolicy
from tocsin.policies.queries.escalations import existing_escalations
from tocsin.policies.rules.escalations import Until
from tocsin.policies.services import StepInput
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned, taken
from tocsin.web.rest.paging import Page, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName, Target, TargetOut, targets_out, targets_sent, targets_typed
from tocsin.web.rest.versions import expected_version

escalations = Resource("Escalation policies", reads=Scope.POLICIES_READ, writes=Scope.POLICIES_WRITE)
_BEGINS = Field(None, description="Of the step's notification period; null: at any time.", examples=["08:00:00"])


class Step(Typed):
    """Not claimed, or not resolved, for so many minutes: these are told."""

    until: Until = Field(Until.CLAIMED, description="Whether a claim stops it, or only the end of the alert.")
    after_minutes: int = Field(10, ge=0, le=10_000, examples=[10])
    repetitions: int = Field(0, ge=0, le=1000)
    every_minutes: int = Field(5, ge=0, le=10_000)
    begins: time | None = _BEGINS
    ends: time | None = None
    time_zone: str = Field("", max_length=64)
    tells: list[Target] = Field(max_length=500)


class StepOut(Step):
    tells: list[TargetOut]  # type: ignore[assignment]


class EscalationOut(Versioned):
    name: str = Field(examples=["First the team, then its lead"])
    steps: list[StepOut]
    rounds: int = Field(description="How often the chain begins again.")
    claim_minutes: int = Field(description="After them a claim lapses; 0: it does not.")
    created_at: Moment


class EscalationChanges(Typed):
    """What is left out stays; steps are replaced as a whole."""

    name: str = Field("", max_length=200, examples=["First the team, then its lead"])
    steps: list[Step] = Field([], max_length=100)
    rounds: int = Field(1, ge=0, le=1000)
    claim_minutes: int = Field(0, ge=0, le=100_000)


class NewEscalation(EscalationChanges):
    name: str = Field(max_length=200, examples=["First the team, then its lead"])
    steps: list[Step] = Field(max_length=100)


@escalations.get("", Page[EscalationOut])
def list_escalation_policies(request: HttpRequest, asked: Query[ByName]) -> Any:
    rows, following = one_page(asked.among(_found()).order_by("pk"), ("pk",), asked)
    return Page[EscalationOut](items=_shown(rows), next=following)


@escalations.creation("", EscalationOut)
def create_escalation_policy(request: HttpRequest, typed: NewEscalation) -> Any:
    row = services.create_escalation(by=actor_of(request), now=utc_now(), **_content(typed))
    return _one(row.pk)


@escalations.get("/{int:escalation_id}", EscalationOut)
def read_escalation_policy(request: HttpRequest, escalation_id: Id) -> Any:
    return _one(escalation_id)


@escalations.patch("/{int:escalation_id}", EscalationOut)
def update_escalation_policy(
    request: HttpRequest, escalation_id: Id, typed: EscalationChanges, if_match: IfMatch = None
) -> Any:
    """Acts at once, also on open alerts."""
    with transaction.atomic():
        before = _one(escalation_id)
        whole = EscalationChanges(**_typed(before) | typed.model_dump(exclude_unset=True))
        version = expected_version(if_match, before.version) or before.version
        save_escalation(
            by=actor_of(request), now=utc_now(), escalation_id=escalation_id, version=version, **_content(whole)
        )
    return _one(escalation_id)


@escalations.removal("/{int:escalation_id}")
def delete_escalation_policy(request: HttpRequest, escalation_id: Id, if_match: IfMatch = None) -> Any:
    """Not while a notification policy uses it."""
    version = expected_version(if_match)
    services.delete_escalation(by=actor_of(request), now=utc_now(), escalation_id=escalation_id, version=version)


def _found() -> QuerySet[EscalationPolicy]:
    return existing_escalations().prefetch_related("steps__targets")


def _one(escalation_id: int) -> EscalationOut:
    row = existing(_found().filter(pk=escalation_id).first(), "There is no such escalation policy.")
    return _shown([row])[0]


def _content(typed: EscalationChanges) -> dict[str, Any]:
    steps = [StepInput(targets=targets_typed(step.tells), **step.model_dump(exclude={"tells"})) for step in typed.steps]
    return {"name": typed.name, "steps": steps, "rounds": typed.rounds, "claim_minutes": typed.claim_minutes}


def _typed(shown: EscalationOut) -> dict[str, Any]:
    whole = shown.model_dump(include=set(EscalationChanges.model_fields))
    for step in whole["steps"]:
        step["tells"] = targets_sent(step["tells"])
    return whole


_STEP = ("until", "after_minutes", "repetitions", "every_minutes", "begins", "ends", "time_zone")


def _shown(rows: Iterable[EscalationPolicy]) -> list[EscalationOut]:
    found = list(rows)
    names = names_of({target.object_id for row in found for step in row.steps.all() for target in step.targets.all()})
    return [
        EscalationOut(
            id=row.pk,
            version=row.version,
            name=row.name,
            rounds=row.rounds,
            claim_minutes=row.claim_minutes,
            created_at=row.created_at,
            steps=[
                StepOut(
                    tells=targets_out([(each.object_id, each.channels) for each in step.targets.all()], names),
                    **taken(step, _STEP),
                )
                for step in row.steps.all()
            ],
        )
        for row in found
    ]
