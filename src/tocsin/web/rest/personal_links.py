"""`/personal-links`: the links by which contacts see and change how they are reached. Only messages carry them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from django.http import HttpRequest
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import personal_links_of
from tocsin.contacts.rules import LinkState
from tocsin.contacts.services import revoke_personal_links
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.delivery.personal_links import LinkResult, LinkSendOutcome, preview_links, send_links
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, Moment, Typed, taken
from tocsin.web.rest.resources import Resource
from tocsin.web.shared.words import said

personal_links = Resource("Personal links", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)


class LinksWanted(Typed):
    contact_ids: list[Id] = Field(min_length=1, max_length=10_000)
    channels: list[Literal["email", "sms"]] = Field(
        ["email", "sms"], min_length=1, max_length=2, description="The first one that a contact has is used."
    )


class LinkSent(BaseModel):
    """What became, or would become, of one contact."""

    contact_id: int = Field(examples=[7])
    name: str
    channel: Channel = Field(examples=["email"])
    outcome: LinkSendOutcome
    retry_at: Moment | None = Field(description="When the limit of this address allows the next one.")
    detail: str
    delivery_id: int | None


class LinkResults(BaseModel):
    results: list[LinkSent]


class LinkOut(BaseModel):
    id: int
    channel: Channel = Field(examples=["email"])
    address: str = Field(description="Masked.")
    sent_at: Moment
    state: LinkState = Field(description="`waits` and `open` can be revoked.")
    until: Moment | None = Field(description="How long it, or the page that it opened, is good.")
    opened_at: Moment | None
    opened_from: str


class LinksOut(BaseModel):
    items: list[LinkOut]


class LinksRevoked(BaseModel):
    count: int = Field(description="Links that open nothing any more, and pages that are closed.")


@personal_links.act("/send", LinkResults)
def send_personal_links(request: HttpRequest, typed: LinksWanted) -> Any:
    """Good once, for 24 hours; a new one replaces the one before. The link itself is told to the contact alone."""
    channels = [Channel(name) for name in typed.channels]
    return _results(send_links(by=actor_of(request), now=utc_now(), contact_ids=typed.contact_ids, channels=channels))


@personal_links.act("/preview", LinkResults, reads=True, needs=Permission.VIEW)
def preview_personal_links(request: HttpRequest, typed: LinksWanted) -> Any:
    """What would be sent now. Changes nothing."""
    channels = [Channel(name) for name in typed.channels]
    return _results(preview_links(now=utc_now(), contact_ids=typed.contact_ids, channels=channels))


@personal_links.get("/{int:contact_id}", LinksOut, needs=Permission.MANAGE)
def list_links_of_contact(request: HttpRequest, contact_id: Id) -> Any:
    """Those of the last week, the newest first; never the link itself."""
    existing(Contact.objects.filter(pk=contact_id).only("pk").first(), "There is no such contact.")
    names = set(LinkOut.model_fields) - {"address"}
    found = personal_links_of(contact_id, utc_now())
    return LinksOut(items=[LinkOut(address=link.address_masked, **taken(link, names)) for link in found])


@personal_links.act("/{int:contact_id}/revoke", LinksRevoked)
def revoke_links_of_contact(request: HttpRequest, contact_id: Id) -> Any:
    """What was sent opens nothing any more, and what was opened is closed."""
    return LinksRevoked(count=revoke_personal_links(by=actor_of(request), now=utc_now(), contact_id=contact_id))


def _results(found: Sequence[LinkResult]) -> LinkResults:
    names = ("contact_id", "name", "channel", "outcome", "retry_at", "delivery_id")
    return LinkResults(
        results=[LinkSent(detail=said(each.detail), **{name: getattr(each, name) for name in names}) for each in found]
    )
