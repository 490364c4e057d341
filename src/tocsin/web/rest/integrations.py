"""`/integrations`: where events come from."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Scope
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.trials import send_test_event
from tocsin.events import services
from tocsin.events.models import Integration
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Rule, Typed, Versioned, taken
from tocsin.web.rest.paging import Page, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName
from tocsin.web.rest.versions import expected_version

integrations = Resource("Integrations", reads=Scope.INTEGRATIONS_READ, writes=Scope.INTEGRATIONS_WRITE)
_MAP = {"critical": 1, "warning": 3}


class IntegrationOut(Versioned):
    name: str = Field(examples=["Prometheus"])
    token_prefix: str = Field(description="What its token begins with; the rest is shown once.", examples=["tci_9aB2"])
    severity_map: dict[str, int] = Field(examples=[_MAP])
    auto_resolve_seconds: int = Field(examples=[300])
    enabled: bool
    heartbeat_seconds: int = Field(description="How often something must come; 0: never.")
    heartbeat_rules: list[Rule]
    mapping: str = Field(description="How its plain JSON is read; empty: as is usual.")
    heartbeat_at: Moment | None
    heartbeat_missed_at: Moment | None
    last_event_at: Moment | None
    created_at: Moment


class NewIntegrationOut(IntegrationOut):
    token: str = Field(description="Shown this once.")


class IntegrationChanges(Typed):
    """What is left out stays."""

    name: str = Field("", max_length=200, examples=["Prometheus"])
    severity_map: dict[str, int] = Field({}, description="Words of the `severity` label: 1 to 6.", examples=[_MAP])
    auto_resolve_seconds: int = Field(300, ge=0, le=10_000_000)
    enabled: bool = True
    heartbeat_seconds: int = Field(0, ge=0, le=10_000_000)
    heartbeat_rules: list[Rule] = Field([], max_length=100, description="What counts as a heartbeat; [] any event.")
    mapping: str | None = Field(None, max_length=100_000, description="Of plain JSON: docs/integrations.md has it.")


class NewIntegration(IntegrationChanges):
    name: str = Field(max_length=200, examples=["Prometheus"])


class IntegrationToken(BaseModel):
    id: int
    version: int
    token: str = Field(description="Shown this once; the old one is refused within seconds.")


class TestEvent(Typed):
    labels: dict[str, str] = Field({}, description="Beside those that mark the test.", examples=[{"team": "web"}])


class TestEventSent(BaseModel):
    event_id: int = Field(examples=[4711])
    labels: dict[str, str]


@integrations.get("", Page[IntegrationOut])
def list_integrations(request: HttpRequest, asked: Query[ByName]) -> Any:
    found = asked.among(Integration.objects.all())
    rows, following = one_page(found.order_by("pk"), ("pk",), asked)
    return Page[IntegrationOut](items=[IntegrationOut(**_facts(row)) for row in rows], next=following)


@integrations.creation("", NewIntegrationOut)
def create_integration(request: HttpRequest, typed: NewIntegration) -> Any:
    row, token = services.create_integration(by=actor_of(request), now=utc_now(), **typed.given())
    return NewIntegrationOut(**_facts(row), token=token)


@integrations.get("/{int:integration_id}", IntegrationOut)
def read_integration(request: HttpRequest, integration_id: Id) -> Any:
    row = existing(Integration.objects.filter(pk=integration_id).first(), "There is no such integration.")
    return IntegrationOut(**_facts(row))


@integrations.patch("/{int:integration_id}", IntegrationOut)
def update_integration(
    request: HttpRequest, integration_id: Id, typed: IntegrationChanges, if_match: IfMatch = None
) -> Any:
    version = expected_version(if_match)
    row = services.update_integration(
        by=actor_of(request), now=utc_now(), integration_id=integration_id, version=version, **typed.given()
    )
    return IntegrationOut(**_facts(row))


@integrations.removal("/{int:integration_id}")
def delete_integration(request: HttpRequest, integration_id: Id, if_match: IfMatch = None) -> Any:
    """Not while one of its events is active."""
    services.delete_integration(
        by=actor_of(request), now=utc_now(), integration_id=integration_id, version=expected_version(if_match)
    )


@integrations.act("/{int:integration_id}/test-event", TestEventSent)
def send_integration_test_event(request: HttpRequest, integration_id: Id, typed: TestEvent) -> Any:
    """Takes the way of every report: stored, matched, told. It resolves by itself."""
    event = send_test_event(by=actor_of(request), now=utc_now(), integration_id=integration_id, labels=typed.labels)
    return TestEventSent(event_id=event.pk, labels=event.labels)


@integrations.act("/{int:integration_id}/token", IntegrationToken)
def rotate_integration_token(request: HttpRequest, integration_id: Id, if_match: IfMatch = None) -> Any:
    row, token = services.rotate_token(
        by=actor_of(request), now=utc_now(), integration_id=integration_id, version=expected_version(if_match)
    )
    return IntegrationToken(id=row.pk, version=row.version, token=token)


def _facts(row: Integration) -> dict[str, Any]:
    names = set(IntegrationOut.model_fields) - {"id", "heartbeat_rules"}
    return {"id": row.pk, "heartbeat_rules": row.heartbeat_rules or [], **taken(row, names)}
