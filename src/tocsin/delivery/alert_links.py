"""Links by which whoever got a message acts on its alerts without signing in: `/a/<token>`, one for each message.

The token is made when the message is sent and stored nowhere; the stored text has stars in its place. It works while
the contact still has the address that the message went to, and for a week after the alert was resolved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, Robot
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.core.tickets import read_ticket
from tocsin.delivery.link_texts import PURPOSE, is_address_of
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Purpose
from tocsin.delivery.summaries import told_alerts

LINK_OUTLIVES = timedelta(days=7)
"""How long after an alert was resolved its links still open it."""


@dataclass(frozen=True, slots=True)
class AlertLink:
    """Of one message. `contact` None: it went to a group, and who opens it must say who they are."""

    delivery_id: int
    contact: Contact | None
    robot_name: str
    alerts: Sequence[Alert]
    """Those it tells of, the newest first."""


def alert_link(token: str, now: datetime) -> AlertLink | None:
    """None for what was never sent, is too old, or went to an address that its contact no longer has."""
    delivery_id = read_ticket(settings.SECRET_KEYS, PURPOSE, token)
    if delivery_id is None or delivery_id >= 1 << 63:
        return None
    delivery = Delivery.objects.filter(pk=delivery_id, purpose=Purpose.ALERT).first()
    if delivery is None:
        return None
    contact = Contact.objects.filter(pk=delivery.recipient_id).first()
    if contact is not None and not _is_still_theirs(delivery, contact):
        return None
    robot = None if contact is not None else Robot.objects.filter(pk=delivery.recipient_id).only("name").first()
    if contact is None and robot is None:
        return None
    is_group = contact is None or delivery.is_legacy_chatbot
    ids = list(told_alerts([delivery.pk])[delivery.pk])
    known = {
        alert.pk: alert
        for alert in Alert.objects.filter(pk__in=ids).select_related("policy")
        if alert.resolved_at is None or alert.resolved_at > now - LINK_OUTLIVES
    }
    alerts = [known[pk] for pk in ids if pk in known]
    name = robot.name if robot is not None else ""
    return AlertLink(delivery.pk, None if is_group else contact, name, alerts) if alerts else None


def _is_still_theirs(delivery: Delivery, contact: Contact) -> bool:
    """Rows from before digests were kept are compared by their masked address, which others can share."""
    if delivery.channel not in (Channel.EMAIL, Channel.SMS, Channel.PHONE):
        return True
    is_email = delivery.channel == Channel.EMAIL
    address = (contact.email if is_email else contact.phone) or ""
    if delivery.address_digest is not None:
        return bool(address) and is_address_of(bytes(delivery.address_digest), address)
    return delivery.address_masked == (mask_email(address) if is_email else mask_phone(address))
