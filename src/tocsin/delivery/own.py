"""What contacts do about themselves: change how they are reached, verify, test, see what was sent to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Unpack

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import readiness
from tocsin.contacts.rules import CHANGING_ONESELF, OWN_FIELDS, TESTING_ONESELF, DuplicateError, PageLimit
from tocsin.contacts.services import count_request, keep_personal_session, masked_address, update_contact
from tocsin.contacts.services.people import ContactFields
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, ForbiddenError, LimitedError, existing
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Content, Delivery, Enclosure
from tocsin.delivery.rules import Cause, DeliveryState, Purpose
from tocsin.delivery.services import send_test
from tocsin.delivery.verifications import VerificationResult, send_verifications

SHOWN_FOR = timedelta(days=30)
_SHOWN = 100
_UNDER_WAY = (DeliveryState.PLANNED, DeliveryState.HELD, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class OwnChange:
    """`verification`: what came of the message to a changed number. `told`: the old address that was told, masked."""

    contact: Contact
    verification: VerificationResult | None = None
    told: str = ""


def change_own_contact(
    *,
    by: Actor,
    now: datetime,
    contact_id: int,
    version: int | None,
    link_id: int | None = None,
    **changes: Unpack[ContactFields],
) -> OwnChange:
    """`update_contact` for the contact itself: its name stays, and a refusal names nobody else.

    A changed number is sent its verification at once. Who has the old email address is told that it, or the number,
    was changed. `link_id`: the personal link by which the contact came; its session goes on.
    """
    if not OWN_FIELDS.issuperset(changes):
        raise ForbiddenError(_("Whoever manages alerts can change this."))
    _count(CHANGING_ONESELF, str(contact_id), now)
    try:
        with transaction.atomic():
            before = existing(
                Contact.objects.select_for_update().filter(pk=contact_id).values("phone", "email").first(),
                _("There is no such contact."),
            )
            change = update_contact(by=by, now=now, contact_id=contact_id, version=version, **changes)
            contact = change.contact
            if link_id is not None:
                keep_personal_session(link_id=link_id, now=now)
            verification = None
            if change.is_phone_changed and contact.phone:
                (verification,) = send_verifications(by=by, now=now, contact_ids=[contact_id])
            told = ""
            changed = [
                field for field in ("phone", "email") if (before[field] or "") != (getattr(contact, field) or "")
            ]
            if changed and before["email"]:
                told = _tell_old_address(contact, before["email"], changed, now)
    except DuplicateError as error:
        raise error.neutral from None
    return OwnChange(contact, verification, told)


def send_own_test(*, by: Actor, now: datetime, contact_id: int, channel: Channel) -> Delivery:
    """ConflictError where the channel is not ready, LimitedError after a few."""
    state = readiness([contact_id]).get(contact_id, {}).get(channel)
    if state is None or not state.is_ready:
        raise ConflictError(_("Nothing can be sent to you this way yet."))
    _count(TESTING_ONESELF, f"{contact_id} {channel}", now)
    return send_test(by=by, now=now, object_id=contact_id, channel=channel)


@dataclass(frozen=True, slots=True)
class OwnDelivery:
    """One message to the contact, without anybody else's data. `title`: the alert's, "" for other purposes."""

    id: int
    channel: Channel
    purpose: Purpose
    title: str
    is_recovery: bool
    address: str
    state: DeliveryState
    reason: str
    planned_at: datetime
    is_under_way: bool
    """Not sent yet, or a provider's word on it is still awaited."""


def own_deliveries(contact_id: int, now: datetime) -> list[OwnDelivery]:
    """Of the last 30 days, newest first; the newest hundred."""
    rows = Delivery.objects.filter(recipient_id=contact_id, planned_at__gt=now - SHOWN_FOR)
    return [_own(row) for row in rows.select_related("notification__alert").order_by("-pk")[:_SHOWN]]


def own_delivery(contact_id: int, delivery_id: int) -> OwnDelivery | None:
    """None for somebody else's."""
    rows = Delivery.objects.filter(recipient_id=contact_id, pk=delivery_id)
    row = rows.select_related("notification__alert").first()
    return _own(row) if row is not None else None


def _own(row: Delivery) -> OwnDelivery:
    return OwnDelivery(
        id=row.pk,
        channel=Channel(row.channel),
        purpose=Purpose(row.purpose),
        title=row.notification.alert.title if row.notification is not None else "",
        is_recovery=row.notification is not None and row.notification.cause == Cause.RECOVERED,
        address=row.address_masked,
        state=DeliveryState(row.state),
        reason=row.reason,
        planned_at=row.planned_at,
        is_under_way=row.state in _UNDER_WAY or (row.state == DeliveryState.ACCEPTED and row.deadline_at is not None),
    )


def _count(limit: PageLimit, about: str, now: datetime) -> None:
    retry_at = count_request(limit=limit, address="", about=about, now=now)
    if retry_at is not None:
        raise LimitedError(_("Please wait a little before you do this again."), retry_at)


def _tell_old_address(contact: Contact, old: str, changed: list[str], now: datetime) -> str:
    masked = masked_address(Channel.EMAIL, old)
    language = contact.language or settings.DEFAULT_LANGUAGE
    with translation.override(language):
        lines = [
            _("Hello %(name)s,") % {"name": contact.name},
            "",
            _("how %(organisation)s reaches you with alerts has just been changed.")
            % {"organisation": settings.ORGANISATION},
        ]
        if "email" in changed:
            now_used = masked_address(Channel.EMAIL, contact.email or "") or _("none")
            lines.append(_("Email: %(before)s is no longer used; now: %(now)s.") % {"before": masked, "now": now_used})
        if "phone" in changed:
            now_used = masked_address(Channel.SMS, contact.phone or "") or _("none")
            lines.append(_("Phone number: now %(now)s.") % {"now": now_used})
        lines += [
            "",
            _("If this was not you, tell whoever manages alerts at %(organisation)s at once.")
            % {"organisation": settings.ORGANISATION},
        ]
        subject = _("%(organisation)s: how you are reached was changed") % {"organisation": settings.ORGANISATION}
        content = Content.objects.create(subject=subject, text="\n".join(lines))
    delivery = Delivery.objects.create(
        purpose=Purpose.NOTICE, recipient_id=contact.pk, recipient_name=contact.name, address_masked=masked,
        channel=Channel.EMAIL, content=content, language=language, next_at=now, planned_at=now,
    )  # fmt: skip
    Enclosure.objects.create(delivery=delivery, address=old)
    ring_send()
    return masked
