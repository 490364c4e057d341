"""Personal links, sent: by a manager to one or many, or because somebody asked for their own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.kinds import Channel
from tocsin.channels.queries import accounts_for, capabilities_of
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.contacts.queries import LinkProspect, contact_by_own_address, link_prospects, personal_token_of
from tocsin.contacts.rules import LINK_CHANNELS, LinkOutcome
from tocsin.contacts.services import IssuedLink, issue_personal_links, masked_address
from tocsin.core.actors import Actor, ActorKind
from tocsin.delivery.contents import ContentText
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Delivery, Enclosure
from tocsin.delivery.rules import Purpose

_ROWS_PER_INSERT = 2000


class LinkSendOutcome(StrEnum):
    SENT = "sent"
    """Queued; what becomes of it is shown with the delivery."""
    NO_ADDRESS = "no_address"
    LIMITED = "limited"
    REFUSED = "refused"
    """Nothing can be sent to anybody this way; `detail` says why."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LinkResult:
    """What became of one contact. `delivery_id` is there when the outcome is SENT."""

    contact_id: int
    name: str
    channel: Channel
    outcome: LinkSendOutcome
    retry_at: datetime | None = None
    detail: str = ""
    delivery_id: int | None = None


def link_channels() -> tuple[list[Channel], dict[Channel, str]]:
    """What can carry a link now, and for the others why not."""
    refusals = {}
    for channel in LINK_CHANNELS:
        account = next(iter(accounts_for(channel)), None)
        if not settings.PUBLIC_URL:
            refusals[channel] = _("Links need a public address; set TOCSIN_PUBLIC_URL.")
        elif account is None and channel is Channel.EMAIL:
            refusals[channel] = _("No account for email is enabled; add one under provider accounts.")
        elif account is None:
            refusals[channel] = _("No account for text messages is enabled; add one under provider accounts.")
        elif not capabilities_of(account).carries_links and channel is Channel.SMS:
            refusals[channel] = _("The account for text messages carries no links.")
    return [channel for channel in LINK_CHANNELS if channel not in refusals], refusals


def preview_links(*, now: datetime, contact_ids: Collection[int], channels: Sequence[Channel]) -> list[LinkResult]:
    """What `send_links` would do now. Changes nothing."""
    usable, refusal = _usable(channels)
    return [
        _result(item, refusal, None) for item in link_prospects(dict.fromkeys(contact_ids, usable or channels), now)
    ]


def send_links(
    *, by: Actor, now: datetime, contact_ids: Collection[int], channels: Sequence[Channel]
) -> list[LinkResult]:
    """To every contact over the first of the channels that it has. One result for each contact, in their order."""
    usable, refusal = _usable(channels)
    if refusal:
        return preview_links(now=now, contact_ids=contact_ids, channels=channels)
    with transaction.atomic():
        issued = issue_personal_links(by=by, now=now, channels=dict.fromkeys(contact_ids, usable))
        sent = [(item, item.link) for item in issued if item.link is not None]
        deliveries = Delivery.objects.bulk_create(
            [_delivery(item, link, now) for item, link in sent], batch_size=_ROWS_PER_INSERT
        )
        Enclosure.objects.bulk_create(
            [Enclosure(delivery=delivery, link=link) for delivery, (_item, link) in zip(deliveries, sent, strict=True)]
        )
        if deliveries:
            ring_send()
    ids = {delivery.recipient_id: delivery.pk for delivery in deliveries}
    return [_result(item.prospect, "", ids.get(item.prospect.contact_id)) for item in issued]


def send_requested_link(*, typed: str, address: str, now: datetime) -> None:
    """For whoever types an email address or number into the public page: it leads to its contact, or nothing happens.

    Returns nothing: the page answers the same in any case. `address` is where the request came from.
    """
    found = contact_by_own_address(typed)
    if found is None:
        return
    contact_id, channel = found
    name = Contact.objects.filter(pk=contact_id).values_list("name", flat=True).first() or ""
    by = Actor(ActorKind.CONTACT, name, contact_id, address)
    send_links(by=by, now=now, contact_ids=[contact_id], channels=[channel])


def link_message(link: PersonalLink, language: str) -> ContentText:
    """The text with its link, made at the moment of sending and never stored."""
    values = {
        "organisation": settings.ORGANISATION,
        "name": link.contact.name,
        "url": f"{settings.PUBLIC_URL}/c/{personal_token_of(link)}",
    }
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        if link.channel == Channel.SMS:
            text = _("%(organisation)s: how alerts reach you, to see and change (24 hours, once): %(url)s")
            return ContentText(text=text % values)
        text = _(
            "Hello %(name)s,\n\nhere you see and change how %(organisation)s reaches you with alerts:\n\n%(url)s\n\n"
            "The link works once, within 24 hours, and is for you alone: please do not forward it. "
            "If you did not expect this message, there is nothing to do."
        )
        return ContentText(subject=_("%(organisation)s: how alerts reach you") % values, text=text % values)


def _usable(channels: Sequence[Channel]) -> tuple[list[Channel], str]:
    able, refusals = link_channels()
    usable = [channel for channel in channels if channel in able]
    return usable, "" if usable else next((refusals[channel] for channel in channels if channel in refusals), "")


def _delivery(issued: IssuedLink, link: PersonalLink, now: datetime) -> Delivery:
    return Delivery(
        purpose=Purpose.LINK,
        recipient_id=issued.prospect.contact_id,
        recipient_name=issued.prospect.name,
        address_masked=masked_address(link.channel, link.address),
        channel=link.channel,
        language=issued.prospect.language or settings.DEFAULT_LANGUAGE,
        next_at=now,
        planned_at=now,
    )


def _result(prospect: LinkProspect, refusal: str, delivery_id: int | None) -> LinkResult:
    if prospect.outcome is LinkOutcome.ISSUED:
        outcome = LinkSendOutcome.REFUSED if refusal else LinkSendOutcome.SENT
    else:
        outcome = LinkSendOutcome(prospect.outcome.value)
    return LinkResult(
        prospect.contact_id, prospect.name, prospect.channel, outcome, prospect.retry_at, refusal, delivery_id
    )
