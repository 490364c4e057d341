"""Writes of personal links: issued, opened once into a short session, closed."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, PersonalLink, VerificationSend
from tocsin.contacts.queries import (
    LinkProspect,
    find_personal_link,
    link_prospects,
    link_send_digest,
    personal_link_view,
)
from tocsin.contacts.rules import (
    PERSONAL_LINK_LIFETIME,
    SESSION_LIFETIME,
    LinkOutcome,
    PersonalLinkView,
    outcome_of_personal_link,
    personal_link_token,
)
from tocsin.core import crypto
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import existing
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email

_KEPT_FOR = timedelta(days=7)
"""Long after a link and its session are over; the audit log has the rest."""


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """What became of one contact; `link` is there when the outcome is ISSUED."""

    prospect: LinkProspect
    link: PersonalLink | None = None


def issue_personal_links(*, by: Actor, now: datetime, channels: Mapping[int, Collection[Channel]]) -> list[IssuedLink]:
    """A new link for each contact that may get one, over the first of its channels that it has; it replaces the one
    before. Nothing is sent yet. The same few statements for one and for thousands.
    """
    with transaction.atomic():
        contacts = Contact.objects.select_for_update().filter(pk__in=channels).order_by("pk")
        locked = {contact.pk: contact for contact in contacts.defer("legacy_chatbot_url")}
        prospects = link_prospects(channels, now)
        chosen = [prospect for prospect in prospects if prospect.outcome is LinkOutcome.ISSUED]
        if chosen:
            _forget_old(now)
            unopened = PersonalLink.objects.filter(replaced_at__isnull=True, opened_at__isnull=True)
            unopened.filter(contact_id__in=[item.contact_id for item in chosen]).update(replaced_at=now)
            VerificationSend.objects.bulk_create(
                [VerificationSend(phone_digest=link_send_digest(item.address), sent_at=now) for item in chosen]
            )
        made = [_new_link(pk, prospect, now) for pk, prospect in zip(_reserve_ids(len(chosen)), chosen, strict=True)]
        PersonalLink.objects.bulk_create(made)
        audit.record_many(
            by=by,
            action=Action.UPDATE,
            entries=[
                (locked[row.contact_id], {"personal_link": ("", masked_address(row.channel, row.address))})
                for row in made
            ],
        )
    rows = {row.contact_id: row for row in made}
    return [IssuedLink(prospect, rows.get(prospect.contact_id)) for prospect in prospects]


@dataclass(frozen=True, slots=True)
class Opened:
    """`secret` is there when the outcome is OPEN: the cookie of the session, told once."""

    outcome: LinkOutcome
    view: PersonalLinkView | None = None
    secret: str = ""


def open_personal_link(*, token: str, address: str, now: datetime) -> Opened:
    """*Continue*, once. `address` is where the press came from."""
    with transaction.atomic():
        found = find_personal_link(token)
        contact = _lock_contact(found.contact_id) if found is not None else None
        row = PersonalLink.objects.filter(pk=found.pk).first() if found is not None else None
        if row is None or contact is None:
            return Opened(LinkOutcome.UNKNOWN)
        view = personal_link_view(row, contact)
        outcome = outcome_of_personal_link(view, now)
        if outcome is not LinkOutcome.OPEN:
            return Opened(outcome, view if outcome is not LinkOutcome.UNKNOWN else None)
        secret = secrets.token_urlsafe(32)
        row.opened_at, row.opened_from = now, address[:64]
        row.session_digest, row.session_expires_at = crypto.hash_token(secret), now + SESSION_LIFETIME
        row.save(update_fields=["opened_at", "opened_from", "session_digest", "session_expires_at"])
        audit.record(
            by=Actor(ActorKind.CONTACT, contact.name, contact.pk, address),
            action=Action.ACCESS,
            instance=contact,
            note=f"own page, by a link to {masked_address(row.channel, row.address)}",
        )
    return Opened(LinkOutcome.OPEN, view, secret)


def close_personal_session(*, link_id: int, now: datetime) -> None:
    PersonalLink.objects.filter(pk=link_id, closed_at__isnull=True).update(closed_at=now)


def revoke_personal_links(*, by: Actor, now: datetime, contact_id: int) -> int:
    """Links that were sent and not opened open nothing any more, and what was opened is over; how many of both."""
    with transaction.atomic():
        contact = existing(_lock_contact(contact_id), _("There is no such contact."))
        links = PersonalLink.objects.filter(contact_id=contact_id, replaced_at__isnull=True)
        unopened = links.filter(opened_at__isnull=True, expires_at__gt=now).update(expires_at=now)
        open_now = PersonalLink.objects.filter(contact_id=contact_id, session_expires_at__gt=now)
        sessions = open_now.filter(closed_at__isnull=True).update(closed_at=now)
        if unopened + sessions:
            audit.record(by=by, action=Action.UPDATE, instance=contact, changes={"personal_link": ("***", "")})
    return unopened + sessions


def keep_personal_session(*, link_id: int, now: datetime) -> None:
    """After a change of the very address that the link was sent to, made within its session: that session goes on.

    Every other link to the old address, and every session by one, is worth nothing any more.
    """
    row = PersonalLink.objects.select_related("contact").filter(pk=link_id, closed_at__isnull=True).first()
    if row is not None:
        row.address = (row.contact.email if row.channel == Channel.EMAIL else row.contact.phone) or ""
        row.save(update_fields=["address"])


def masked_address(channel: str, address: str) -> str:
    return mask_email(address) if channel == Channel.EMAIL else mask_phone(address)


def _new_link(pk: int, prospect: LinkProspect, now: datetime) -> PersonalLink:
    nonce = secrets.token_hex(16)
    return PersonalLink(
        pk=pk,
        contact_id=prospect.contact_id,
        channel=prospect.channel.value,
        address=prospect.address,
        nonce=nonce,
        token_digest=crypto.hash_token(personal_link_token(settings.SECRET_KEYS[0], pk, nonce)),
        created_at=now,
        expires_at=now + PERSONAL_LINK_LIFETIME,
    )


def _reserve_ids(count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('contacts_personallink', 'id')) FROM generate_series(1, %s)",
            [count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _forget_old(now: datetime) -> None:
    old = PersonalLink.objects.filter(created_at__lte=now - _KEPT_FOR).select_for_update(skip_locked=True)
    PersonalLink.objects.filter(pk__in=old.values("pk")[:1000]).delete()


def _lock_contact(contact_id: int) -> Contact | None:
    return Contact.objects.select_for_update().filter(pk=contact_id).defer("legacy_chatbot_url").first()
