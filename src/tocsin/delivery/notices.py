"""Short texts to one person: what became of a reply, and who was faster."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import translation

from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.core.errors import TocsinError
from tocsin.core.phones import mask
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Content, Delivery
from tocsin.delivery.rules import Priority, Purpose


def send_notice(contact: Contact, text: str, now: datetime) -> Delivery:
    """By text message, at once; within the caller's transaction."""
    delivery = Delivery.objects.create(
        purpose=Purpose.REPLY,
        recipient_id=contact.pk,
        recipient_name=contact.name,
        address_masked=mask(contact.phone or ""),
        channel=Channel.SMS,
        content=Content.objects.create(text=text),
        language=contact.language or settings.DEFAULT_LANGUAGE,
        priority=Priority.PHONE,
        next_at=now,
        planned_at=now,
    )
    ring_send()
    return delivery


def tell_refusal(
    contact_id: int, alert_id: int, error: TocsinError, now: datetime, *, wanted_step: bool = False
) -> None:
    """To who pressed a key that did nothing: somebody was faster, say. Nobody is told of their own earlier press.

    `wanted_step`: the next one of the escalation, which one may want who has claimed the alert, too.
    """
    contact = Contact.objects.filter(pk=contact_id, phone_verified_at__isnull=False).first()
    alert = Alert.objects.filter(pk=alert_id).first()
    if contact is None or alert is None:
        return
    earlier = (alert.asker("escalate"),) if wanted_step else (alert.claimed_by, alert.resolved_by)
    if contact.name in earlier:
        return
    with translation.override(contact.language or settings.DEFAULT_LANGUAGE):
        send_notice(contact, f"{alert.title}: {error}", now)
