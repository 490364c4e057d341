"""`/webhooks`: addresses that programs listen at. What may hold a token is taken and never shown."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from tocsin.accounts.rules import Scope
from tocsin.channels.kinds import Channel
from tocsin.contacts import services
from tocsin.contacts.models import Webhook
from tocsin.contacts.queries import outlet_reach, pair_names
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.services import send_test
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned, taken
from tocsin.web.rest.paging import Page, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName, Deleted, Outlet, Queued, deleted, outlet
from tocsin.web.rest.versions import expected_version

webhooks = Resource("Webhooks", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)


class WebhookOut(Versioned):
    """`url` and `secret` are not shown, of headers and parameters only the names."""

    name: str = Field(examples=["Ticket system"])
    method: str = Field(examples=["POST"])
    header_names: list[str]
    parameter_names: list[str]
    body: str = Field(description="Empty: the whole alert as JSON.")
    recovery_body: str
    has_secret: bool
    language: str
    enabled: bool
    reach: Outlet
    created_at: Moment


class WebhookChanges(Typed):
    """What is left out stays. A header or parameter whose value is `***` keeps what is stored."""

    name: str = Field("", max_length=200, examples=["Ticket system"])
    url: str = Field("", max_length=2000, description="Write-only.", examples=["https://tickets.example.org/hook"])
    method: Literal["POST", "GET"] = "POST"
    headers: dict[str, str] = Field({}, description="Write-only.")
    parameters: dict[str, str] = Field({}, description="Of the query. Write-only.")
    body: str | None = Field(None, max_length=20_000)
    recovery_body: str | None = Field(None, max_length=20_000)
    secret: str | None = Field(None, max_length=500, description="Signs what is sent. Write-only.")
    language: str | None = Field(None, max_length=16)
    enabled: bool = True


class NewWebhook(WebhookChanges):
    name: str = Field(max_length=200, examples=["Ticket system"])
    url: str = Field(max_length=2000, description="Write-only.", examples=["https://tickets.example.org/hook"])


@webhooks.get("", Page[WebhookOut])
def list_webhooks(request: HttpRequest, asked: Query[ByName]) -> Any:
    found = asked.among(Webhook.objects.all())
    rows, following = one_page(found.order_by("pk"), ("pk",), asked)
    return Page[WebhookOut](items=_shown(rows), next=following)


@webhooks.creation("", WebhookOut)
def create_webhook(request: HttpRequest, typed: NewWebhook) -> Any:
    return _shown([services.create_webhook(by=actor_of(request), now=utc_now(), **typed.given())])[0]


@webhooks.get("/{int:webhook_id}", WebhookOut)
def read_webhook(request: HttpRequest, webhook_id: Id) -> Any:
    return _shown([_webhook(webhook_id)])[0]


@webhooks.patch("/{int:webhook_id}", WebhookOut)
def update_webhook(request: HttpRequest, webhook_id: Id, typed: WebhookChanges, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    webhook = services.update_webhook(
        by=actor_of(request), now=utc_now(), webhook_id=webhook_id, version=version, **typed.given()
    )
    return _shown([webhook])[0]


@webhooks.removal("/{int:webhook_id}", Deleted)
def delete_webhook(request: HttpRequest, webhook_id: Id, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    webhook = _webhook(webhook_id)
    return deleted(
        [webhook.name], services.delete_webhooks(by=actor_of(request), now=utc_now(), ids=[webhook_id], version=version)
    )


@webhooks.act("/{int:webhook_id}/test", Queued, status=202)
def test_webhook(request: HttpRequest, webhook_id: Id) -> Any:
    sent = send_test(by=actor_of(request), now=utc_now(), object_id=_webhook(webhook_id).pk, channel=Channel.WEBHOOK)
    return Queued(delivery_id=sent.pk)


def _webhook(webhook_id: int) -> Webhook:
    return existing(Webhook.objects.filter(pk=webhook_id).first(), "There is no such webhook.")


_PLAIN = ("name", "method", "body", "recovery_body", "language", "enabled", "created_at", "version")


def _shown(rows: list[Webhook]) -> list[WebhookOut]:
    reach = outlet_reach([row.pk for row in rows])
    return [
        WebhookOut(
            id=row.pk,
            header_names=pair_names(row.headers),
            parameter_names=pair_names(row.parameters),
            has_secret=bool(row.secret),
            reach=outlet(reach.get(row.pk)),
            **taken(row, _PLAIN),
        )
        for row in rows
    ]
