"""What doors write: receipts of providers, test messages, and the end of what was planned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.accounts.audit import Action
from tocsin.accounts.audit import record as audit
from tocsin.channels.base import Receipt as ProviderReceipt
from tocsin.channels.kinds import ROBOT_PLATFORMS, Channel
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, Robot, Webhook
from tocsin.contacts.services import ReachEntry, record_reach
from tocsin.core.actors import Actor
from tocsin.core.errors import NotFoundError
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.delivery.dialects import escape_markdown
from tocsin.delivery.documents import test_document
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.fallbacks import follow_failed_calls
from tocsin.delivery.models import Content, Delivery
from tocsin.delivery.receipts import apply_receipts, look_again, store_receipts
from tocsin.delivery.rules import DeliveryState, Purpose, Reason
from tocsin.events.retrying import retried
from tocsin.events.statements import execute


@retried
def record_receipts(*, account: ProviderAccount, receipts: Sequence[ProviderReceipt], now: datetime) -> int:
    """Stores what a provider said and applies it; returns how many were new.

    Doubles are counted, late ones kept without effect, and one that comes before the send's own reply waits for it
    (when only the vendor's id is known) or moves the delivery at once (when it carries our reference).
    """
    stored = store_receipts(account, receipts, now)
    known = [delivery_id for _, delivery_id, is_new in stored if is_new and delivery_id is not None]
    if unknown := [pk for pk, delivery_id, _ in stored if delivery_id is None]:
        known += look_again(account, unknown, now)
    record_reach(entries=apply_receipts(known, now))
    return sum(is_new for _, _, is_new in stored)


@retried
def answer_simulated_call(
    *, by: Actor, delivery: Delivery, receipts: Sequence[ProviderReceipt], note: str, now: datetime
) -> None:
    """`record_receipts` for a person who plays the one called; the audit entry says who it was and what they did."""
    if delivery.account is None:
        raise NotFoundError(_("The provider account of this delivery is gone."))
    record_receipts(account=delivery.account, receipts=receipts, now=now)
    audit(by=by, action=Action.UPDATE, instance=delivery, note=note)


@retried
def expire_deadlines(now: datetime, *, limit: int = 500) -> int:
    """A call without a receipt by its deadline has failed; a text stays accepted, unconfirmed. Returns how many."""
    rows = execute(
        """
        UPDATE delivery_delivery d
        SET deadline_at = NULL, finished_at = %(now)s,
            state = CASE WHEN d.channel = 'phone' THEN 'failed' ELSE d.state END,
            reason = CASE WHEN d.channel = 'phone' THEN 'no_receipt' ELSE d.reason END
        FROM (SELECT id FROM delivery_delivery WHERE deadline_at <= %(now)s AND state IN ('accepted', 'ambiguous')
              ORDER BY deadline_at, id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED) due
        WHERE d.id = due.id RETURNING d.id, d.state, d.recipient_id, d.channel
        """,
        {"now": now, "limit": limit},
    )
    failed = [row for row in rows if row[1] == DeliveryState.FAILED]
    record_reach(
        entries=[
            ReachEntry(recipient_id, Channel(channel), failed_at=now, failure=Reason.NO_RECEIPT.value)
            for _id, _state, recipient_id, channel in failed
        ]
    )
    follow_failed_calls([row[0] for row in failed], now)
    return len(rows)


def send_test(*, by: Actor, now: datetime, object_id: int, channel: Channel) -> Delivery:
    """Queues a test message to one contact, robot or webhook; its deliveries page shows what became of it."""
    name, masked, language = _recipient(object_id, channel)
    with transaction.atomic(), translation.override(language or settings.DEFAULT_LANGUAGE):
        text = _("This is a test from %(organisation)s, asked for by %(name)s. No action is needed.") % {
            "organisation": settings.ORGANISATION,
            "name": by.name,
        }
        content = Content.objects.create(
            subject=_("Test message"),
            text=text,
            markdown=escape_markdown(text) if channel in ROBOT_PLATFORMS else "",
            data=test_document(text, now) if channel is Channel.WEBHOOK else "",
        )
        delivery = Delivery.objects.create(
            purpose=Purpose.TEST, recipient_id=object_id, recipient_name=name, address_masked=masked, channel=channel,
            content=content, language=language or settings.DEFAULT_LANGUAGE, next_at=now, planned_at=now,
        )  # fmt: skip
        audit(by=by, action=Action.CREATE, instance=delivery, note="test message")
        ring_send()
    return delivery


def _recipient(object_id: int, channel: Channel) -> tuple[str, str, str]:
    contact = Contact.objects.filter(pk=object_id).first()
    if contact is not None:
        masked = mask_email(contact.email or "") if channel is Channel.EMAIL else mask_phone(contact.phone or "")
        return contact.name, masked, contact.language
    outlets = Webhook.objects if channel is Channel.WEBHOOK else Robot.objects
    outlet = outlets.filter(pk=object_id).only("name", "language").first()
    if outlet is None:
        raise NotFoundError(_("There is no such contact, robot or webhook."))
    return outlet.name, "", outlet.language
