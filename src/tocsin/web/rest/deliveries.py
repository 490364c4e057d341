"""`/deliveries`: every message, and what became of it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Scope
from tocsin.channels.kinds import Channel
from tocsin.core.errors import existing
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import DeliveryState, Purpose
from tocsin.web.rest.fields import Id, Moment, taken
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.shared.words import said

deliveries = Resource("Deliveries", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)


class DeliveryOut(BaseModel):
    id: int = Field(examples=[4711])
    purpose: Purpose
    alert_id: int | None
    cause: str = Field(description="fired, added, repeated, escalated, recovered...")
    recipient_id: int
    recipient_name: str
    address: str = Field(description="Masked.")
    channel: Channel
    state: DeliveryState
    reason: str
    detail: str
    account: str | None = Field(description="The provider account's name.")
    provider_id: str
    attempt_count: int
    planned_at: Moment
    held_since: Moment | None
    next_at: Moment | None
    started_at: Moment | None
    accepted_at: Moment | None
    deadline_at: Moment | None = Field(description="By when a receipt must have come.")
    finished_at: Moment | None
    fallback_of: int | None = Field(description="The delivery that this one follows.")
    merged_into: int | None


class AttemptOut(BaseModel):
    number: int
    account_name: str
    started_at: Moment
    finished_at: Moment
    outcome: str = Field(examples=["accepted"])
    code: str
    detail: str
    provider_id: str
    passed_over: str = Field(description="Accounts that come first and were paused, or took no more for now, with why.")


class ReceiptOut(BaseModel):
    status: str = Field(examples=["delivered"])
    key: str = Field(description="That was pressed.")
    code: str
    detail: str
    occurred_at: Moment | None
    received_at: Moment
    effect: str


class DeliveryStory(DeliveryOut):
    """With its text, attempts and receipts."""

    subject: str
    text: str
    attempts: list[AttemptOut]
    receipts: list[ReceiptOut]


class DeliveryFilters(PageQuery):
    alert_id: Id | None = None
    recipient_id: Id | None = None
    state: DeliveryState | None = None
    channel: Channel | None = None
    purpose: Purpose | None = None


@deliveries.get("", Page[DeliveryOut])
def list_deliveries(request: HttpRequest, asked: Query[DeliveryFilters]) -> Any:
    """The newest first."""
    found = _found().filter(**asked.given("recipient_id", "state", "channel", "purpose"))
    if asked.alert_id is not None:
        found = found.filter(notification__alert_id=asked.alert_id)
    rows, following = one_page(found.order_by("-pk"), ("-pk",), asked)
    return Page[DeliveryOut](items=[DeliveryOut(**_facts(row)) for row in rows], next=following)


@deliveries.get("/{int:delivery_id}", DeliveryStory)
def read_delivery(request: HttpRequest, delivery_id: Id) -> Any:
    row = existing(_found().select_related("content").filter(pk=delivery_id).first(), "There is no such delivery.")
    content = row.content
    return DeliveryStory(
        **_facts(row),
        subject=content.subject if content else "",
        text=content.text if content else "",
        attempts=[_told(AttemptOut, each) for each in row.attempts.order_by("id")],
        receipts=[_told(ReceiptOut, each) for each in row.receipts.order_by("received_at", "id")],
    )


def _found() -> QuerySet[Delivery]:
    return Delivery.objects.select_related("notification", "account")


def _facts(row: Delivery) -> dict[str, Any]:
    notification = row.notification
    made = {"id", "alert_id", "cause", "address", "detail", "account", "fallback_of", "merged_into"}
    return {
        "id": row.pk,
        "alert_id": notification.alert_id if notification else None,
        "cause": notification.cause if notification else "",
        "address": row.address_masked,
        "detail": said(row.detail),
        "account": row.account.name if row.account else None,
        "fallback_of": row.fallback_of_id,
        "merged_into": row.merged_into_id,
        **taken(row, set(DeliveryOut.model_fields) - made),
    }


def _told(shape: type[BaseModel], row: Any) -> Any:
    values = taken(row, shape.model_fields)
    return shape(**{**values, "detail": said(values["detail"])})
