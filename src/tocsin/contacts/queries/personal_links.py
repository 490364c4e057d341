"""Reads about personal links and the sessions that they open."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Lower

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.contacts.queries.people import contact_views
from tocsin.contacts.queries.tokens import derived_token, row_by_token, sends_to
from tocsin.contacts.rules import (
    LinkOutcome,
    LinkState,
    PersonalLinkView,
    is_same_address,
    link_address,
    outcome_of_personal_link,
    personal_link_token,
    state_of_link,
    why_no_link,
)
from tocsin.core import crypto
from tocsin.core.phones import PhoneError, parse
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.core.storable import is_storable


@dataclass(frozen=True, slots=True)
class LinkProspect:
    """Whether a contact can be sent a link over `channel` now; for LIMITED when it can."""

    contact_id: int
    name: str
    channel: Channel
    address: str
    language: str
    outcome: LinkOutcome
    retry_at: datetime | None = None


def link_prospects(channels: Mapping[int, Collection[Channel]], now: datetime) -> list[LinkProspect]:
    """One for each contact id, in their order, in two statements: by the first of its channels that it has."""
    views = contact_views(channels)
    chosen = {
        pk: next(((channel, found) for channel in wanted if (found := link_address(views[pk], channel))), None)
        for pk, wanted in channels.items()
        if pk in views
    }
    sends = sends_to({address for _channel, address in filter(None, chosen.values())}, link_send_digest, now)
    prospects = []
    for pk, wanted in channels.items():
        view = views.get(pk)
        channel, address = chosen.get(pk) or (next(iter(wanted), Channel.EMAIL), "")
        if view is None:
            prospects.append(LinkProspect(pk, "", channel, "", "", LinkOutcome.UNKNOWN))
            continue
        outcome, retry_at = why_no_link(address, sends.get(address, ()), now)
        prospects.append(LinkProspect(pk, view.name, channel, address, view.language, outcome, retry_at))
    return prospects


def link_send_digest(address: str) -> str:
    """What an address's personal links are counted under."""
    return crypto.keyed_digest(settings.SECRET_KEYS[0], "personal-link-limit", address.lower()).hex()


def contact_by_own_address(typed: str) -> tuple[int, Channel] | None:
    """Whose email address or verified number this is, in any spelling, and the channel that leads there."""
    text = typed.strip()
    if "@" in text:
        by_email = Contact.objects.annotate(lower_email=Lower("email"))
        found = by_email.filter(lower_email=Lower(Value(text))) if is_storable(text) else Contact.objects.none()
        channel = Channel.EMAIL
    else:
        try:
            phone = parse(text, settings.DEFAULT_REGION)
        except PhoneError:
            phone = ""
        found = Contact.objects.filter(phone=phone, phone_verified_at__isnull=False)
        channel = Channel.SMS
    pk = found.order_by().values_list("pk", flat=True).first()
    return None if pk is None else (pk, channel)


def personal_token_of(link: PersonalLink) -> str:
    """Derived anew; "" when the key it was made with is gone. Only for the message that carries it."""
    return derived_token(lambda secret: personal_link_token(secret, link.pk, link.nonce), link.token_digest)


def personal_link_by_token(token: str, now: datetime) -> tuple[LinkOutcome, PersonalLinkView | None]:
    """What opening a link comes to. Changes nothing."""
    row = find_personal_link(token)
    if row is None:
        return LinkOutcome.UNKNOWN, None
    view = personal_link_view(row, row.contact)
    outcome = outcome_of_personal_link(view, now)
    return outcome, view if outcome is not LinkOutcome.UNKNOWN else None


def find_personal_link(token: str) -> PersonalLink | None:
    return row_by_token(PersonalLink.objects.all(), token, personal_token_of)


def personal_link_view(row: PersonalLink, contact: Contact) -> PersonalLinkView:
    return PersonalLinkView(
        id=row.pk,
        contact_id=row.contact_id,
        contact_name=contact.name,
        contact_address=_address_now(row, contact),
        language=contact.language,
        time_zone=contact.time_zone,
        channel=Channel(row.channel),
        address=row.address,
        expires_at=row.expires_at,
        replaced_at=row.replaced_at,
        opened_at=row.opened_at,
    )


@dataclass(frozen=True, slots=True)
class PersonalSession:
    """Who came by a personal link, and until when."""

    link_id: int
    contact_id: int
    contact_name: str
    expires_at: datetime


def session_by_secret(secret: str, now: datetime) -> PersonalSession | None:
    """None when it is unknown, over, closed, or the address it was sent to is no longer the contact's."""
    if not secret or not secret.isascii():
        return None
    rows = PersonalLink.objects.select_related("contact").defer("contact__legacy_chatbot_url")
    row = rows.filter(
        session_digest=crypto.hash_token(secret), closed_at__isnull=True, session_expires_at__gt=now
    ).first()
    if row is None or row.session_expires_at is None:
        return None
    if not is_same_address(_address_now(row, row.contact), row.address):
        return None
    return PersonalSession(row.pk, row.contact_id, row.contact.name, row.session_expires_at)


def _address_now(row: PersonalLink, contact: Contact) -> str:
    return (contact.email if row.channel == Channel.EMAIL else contact.phone) or ""


@dataclass(frozen=True, slots=True)
class SentLink:
    """A link as who manages contacts may see it. `until`: how long it, or the page that it opened, is good."""

    id: int
    channel: Channel
    address_masked: str
    sent_at: datetime
    state: LinkState
    until: datetime | None
    opened_at: datetime | None
    opened_from: str


def personal_links_of(contact_id: int, now: datetime, *, most: int = 20) -> list[SentLink]:
    """The newest first; those of the last week are kept."""
    rows = PersonalLink.objects.filter(contact_id=contact_id).select_related("contact")
    found = []
    for row in rows.defer("contact__legacy_chatbot_url").order_by("-pk")[:most]:
        view = personal_link_view(row, row.contact)
        state = state_of_link(view, now, session_expires_at=row.session_expires_at, closed_at=row.closed_at)
        until = {LinkState.WAITS: row.expires_at, LinkState.OPEN: row.session_expires_at}.get(state)
        masked = mask_email(row.address) if view.channel is Channel.EMAIL else mask_phone(row.address)
        sent = SentLink(row.pk, view.channel, masked, row.created_at, state, until, row.opened_at, row.opened_from)
        found.append(sent)
    return found
