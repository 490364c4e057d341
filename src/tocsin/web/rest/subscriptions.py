"""`/subscriptions`: webhooks that hear what happens to alerts, each once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Scope
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery import lifecycle
from tocsin.delivery.lifecycle_models import LifecycleNotice, LifecycleSubscription
from tocsin.delivery.rules.lifecycle import LifecycleKind, NoticeState, SubscriptionState
from tocsin.delivery.subscriptions import Faring, farings
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName, Outlet, Tried
from tocsin.web.rest.versions import expected_version
from tocsin.web.shared.words import said

subscriptions = Resource("Life-cycle webhooks", reads=Scope.ALERTS_READ, writes=Scope.ALERTS_WRITE)
_KINDS: Any = Field(
    [], max_length=len(LifecycleKind), description="What it hears of; [] everything.", examples=[["opened", "resolved"]]
)
_STATE = Field(
    SubscriptionState.ACTIVE,
    description="`paused` keeps what happens for later; `disabled` hears nothing, and forgets what waits.",
    examples=["active"],
)


class SubscriptionOut(Versioned):
    """Address, headers and signing secret are the webhook's own."""

    webhook_id: int = Field(examples=[12])
    webhook: str = Field(description="Its name.", examples=["Ticket system"])
    kinds: list[LifecycleKind] = Field(description="Empty: everything.")
    state: SubscriptionState
    waiting: int = Field(description="Notices that are still to be taken.")
    waiting_since: Moment | None = Field(description="When what waits longest happened.")
    next_at: Moment | None = Field(description="When it is tried next.")
    given_up: int = Field(description="Notices that were not taken for a day.")
    reach: Outlet = Field(description="How what was said was taken; messages to the same webhook do not count.")
    created_at: Moment


class SubscriptionChanges(Typed):
    """What is left out stays."""

    kinds: list[LifecycleKind] = _KINDS
    state: SubscriptionState = _STATE


class NewSubscription(Typed):
    webhook_id: Id
    kinds: list[LifecycleKind] = _KINDS
    state: SubscriptionState = _STATE


class NoticeOut(BaseModel):
    """Something that happened to an alert, as it was or will be told. `answer`: what the receiver said last."""

    id: int = Field(examples=[4711])
    alert_id: int
    kind: LifecycleKind
    at: Moment
    state: NoticeState
    tries: int
    next_at: Moment | None
    answered_at: Moment | None
    answer: str


class NoticeFilters(PageQuery):
    state: NoticeState | None = None


@subscriptions.get("", Page[SubscriptionOut])
def list_subscriptions(request: HttpRequest, asked: Query[ByName]) -> Any:
    found = _found().filter(webhook__name__icontains=asked.text) if asked.text else _found()
    rows, following = one_page(found.order_by("pk"), ("pk",), asked)
    return Page[SubscriptionOut](items=_shown(rows), next=following)


@subscriptions.creation("", SubscriptionOut)
def create_subscription(request: HttpRequest, typed: NewSubscription) -> Any:
    """From now on. A webhook has one."""
    row = lifecycle.subscribe(by=actor_of(request), now=utc_now(), **typed.given())
    return _shown([_subscription(row.pk)])[0]


@subscriptions.get("/{int:subscription_id}", SubscriptionOut)
def read_subscription(request: HttpRequest, subscription_id: Id) -> Any:
    return _shown([_subscription(subscription_id)])[0]


@subscriptions.patch("/{int:subscription_id}", SubscriptionOut)
def update_subscription(
    request: HttpRequest, subscription_id: Id, typed: SubscriptionChanges, if_match: IfMatch = None
) -> Any:
    version = expected_version(if_match)
    row = lifecycle.change_subscription(
        by=actor_of(request), now=utc_now(), subscription_id=subscription_id, version=version, **typed.given()
    )
    return _shown([row])[0]


@subscriptions.removal("/{int:subscription_id}")
def delete_subscription(request: HttpRequest, subscription_id: Id, if_match: IfMatch = None) -> Any:
    """What waits is not said any more; the webhook stays."""
    lifecycle.unsubscribe(
        by=actor_of(request), now=utc_now(), subscription_id=subscription_id, version=expected_version(if_match)
    )


@subscriptions.act("/{int:subscription_id}/test", Tried, once=False)
def test_subscription(request: HttpRequest, subscription_id: Id) -> Any:
    """Says `alert.test` now, past the queue, and answers what the receiver said."""
    result = lifecycle.try_subscription(subscription=_subscription(subscription_id), now=utc_now())
    return Tried(outcome=result.outcome, code=result.code, detail=said(result.detail), provider_id=result.provider_id)


@subscriptions.get("/{int:subscription_id}/notices", Page[NoticeOut])
def list_subscription_notices(request: HttpRequest, subscription_id: Id, asked: Query[NoticeFilters]) -> Any:
    """The newest first."""
    found = LifecycleNotice.objects.filter(subscription=_subscription(subscription_id))
    if asked.state is not None:
        found = found.filter(state=asked.state)
    rows, following = one_page(found.order_by("-pk"), ("-pk",), asked)
    names = set(NoticeOut.model_fields) - {"answer"}
    items = [NoticeOut(answer=said(row.answer), **{name: getattr(row, name) for name in names}) for row in rows]
    return Page[NoticeOut](items=items, next=following)


def _found() -> QuerySet[LifecycleSubscription]:
    return LifecycleSubscription.objects.select_related("webhook")


def _subscription(subscription_id: int) -> LifecycleSubscription:
    row = existing(_found().filter(pk=subscription_id).first(), "There is no such subscription.")
    return row


def _shown(rows: Sequence[LifecycleSubscription]) -> list[SubscriptionOut]:
    fared = farings(rows)
    return [_out(row, fared[row.pk]) for row in rows]


def _out(row: LifecycleSubscription, faring: Faring) -> SubscriptionOut:
    return SubscriptionOut(
        id=row.pk,
        version=row.version,
        webhook_id=row.webhook_id,
        webhook=row.webhook.name,
        kinds=[LifecycleKind(kind) for kind in row.kinds],
        state=SubscriptionState(row.state),
        reach=Outlet(delivered_at=faring.delivered_at, failed_at=faring.failed_at, failure=faring.failure),
        created_at=row.created_at,
        **{name: getattr(faring, name) for name in ("waiting", "waiting_since", "next_at", "given_up")},
    )
