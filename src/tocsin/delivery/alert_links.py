"""Links by which whoever got a message acts on its alerts without signing in: `/a/<token>`, one for each message.

The token is made when the message is sent and stored nowhere; the stored text has stars in its place. It works while
the contact still has the address that the message went to, and for a week after the alert was resolved.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet

from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, Robot
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.core.tickets import read_ticket
from tocsin.delivery.link_texts import PURPOSE, is_address_of
from tocsin.delivery.models import Delivery, Notification
from tocsin.delivery.rules import Purpose

LINK_OUTLIVES = timedelta(days=7)
"""How long after an alert was resolved its links still open it."""
LISTED = 200
"""How many alerts of one message are listed; of a storm it may stand for thousands."""


@dataclass(frozen=True, slots=True)
class AlertLink:
    """Of one message. `contact` None: it went to a group, and who opens it must say who they are."""

    delivery_id: int
    contact: Contact | None
    robot_name: str
    alerts: Sequence[Alert]
    """Those it tells of, the newest first and `LISTED` at most."""
    count: int
    """How many these are, with those that are not listed."""


def alert_link(token: str, now: datetime) -> AlertLink | None:
    """None for what was never sent, is too old, or went to an address that its contact no longer has."""
    delivery_id = read_ticket(settings.SECRET_KEYS, PURPOSE, token)
    if delivery_id is None:
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
    told = _told(delivery.pk, now)
    alerts = list(told.order_by("-pk")[: LISTED + 1])
    count = told.count() if len(alerts) > LISTED else len(alerts)
    name = robot.name if robot is not None else ""
    return AlertLink(delivery.pk, None if is_group else contact, name, alerts[:LISTED], count) if alerts else None


def chosen_alert(link: AlertLink, typed: str, now: datetime) -> Alert | None:
    """The only one, or the one of the address, listed or not; None: there are several."""
    if link.count == 1:
        return link.alerts[0]
    if not re.fullmatch(r"[0-9]{1,18}", typed):
        return None
    return _told(link.delivery_id, now).filter(pk=int(typed)).first()


def others_told(alert_id: int, but: int) -> list[tuple[int, str]]:
    """Id and name of the other contacts that an alert was told to, whom its timeline names anyway; by name."""
    told = Delivery.objects.filter(notification__alert_id=alert_id).order_by().values("recipient_id")
    others = Contact.objects.filter(pk__in=told).exclude(pk=but).order_by("name", "pk")
    return list(others.values_list("pk", "name")[:LISTED])


def _told(delivery_id: int, now: datetime) -> QuerySet[Alert]:
    """The alerts of a message, and of those it stands for, that its link still opens."""
    messages = Delivery.objects.filter(Q(pk=delivery_id) | Q(merged_into=delivery_id)).order_by()
    notifications = Notification.objects.filter(pk__in=messages.values("notification_id")).order_by()
    is_recent = Q(resolved_at__isnull=True) | Q(resolved_at__gt=now - LINK_OUTLIVES)
    return Alert.objects.filter(is_recent, pk__in=notifications.values("alert_id")).select_related("policy")


def _is_still_theirs(delivery: Delivery, contact: Contact) -> bool:
    """Rows from before digests were kept are compared by their masked address, which others can share."""
    if delivery.channel not in (Channel.EMAIL, Channel.SMS, Channel.PHONE):
        return True
    is_email = delivery.channel == Channel.EMAIL
    address = (contact.email if is_email else contact.phone) or ""
    if delivery.address_digest is not None:
        return bool(address) and is_address_of(bytes(delivery.address_digest), address)
    return delivery.address_masked == (mask_email(address) if is_email else mask_phone(address))
