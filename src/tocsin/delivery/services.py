"""What doors write: receipts of providers, test messages, and the end of what was planned."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.accounts.audit import Action
from tocsin.accounts.audit import record as audit
from tocsin.alerts.services import claim_alert
from tocsin.channels.base import Receipt as ProviderReceipt
from tocsin.channels.base import ReceiptStatus
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, Robot
from tocsin.contacts.services import ReachEntry, record_reach
from tocsin.core.actors import Actor, ActorKind
from tocsin.core.errors import ConflictError, NotFoundError
from tocsin.core.ids import from_base36
from tocsin.core.phones import mask as mask_phone
from tocsin.core.redact import mask_email
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.fallbacks import follow_failed_calls
from tocsin.delivery.models import Content, Delivery, Receipt
from tocsin.delivery.rules import DeliveryState, Purpose, Reason
from tocsin.delivery.rules.sending import after_receipt

CLAIM_KEY = "1"


@dataclass(frozen=True, slots=True)
class _Stored:
    id: int
    status: ReceiptStatus
    key: str
    delivery_id: int
    detail: str


@transaction.atomic
def record_receipts(*, account: ProviderAccount, receipts: Sequence[ProviderReceipt], now: datetime) -> int:
    """Stores what a provider said and applies it; returns how many were new.

    Doubles are counted, late ones kept without effect, and one that comes before the send's own reply waits for it
    (when only the vendor's id is known) or moves the delivery at once (when it carries our reference).
    """
    stored = _store(account, receipts, now)
    if stored:
        known = [delivery_id for _, delivery_id in stored if delivery_id is not None]
        _apply(known, now)
    return len(stored)


def apply_waiting_receipts(delivery_ids: Collection[int], now: datetime) -> None:
    """Called in the transaction that recorded the vendor's ids: receipts that were faster find their delivery."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_receipt r SET delivery_id = d.id
            FROM delivery_delivery d
            WHERE d.id = ANY(%s) AND d.provider_id <> '' AND r.delivery_id IS NULL
              AND r.account_id = d.account_id AND r.provider_id = d.provider_id
            RETURNING d.id
            """,
            [list(delivery_ids)],
        )
        found = [pk for (pk,) in cursor.fetchall()]
    _apply(found, now)


def expire_deadlines(now: datetime, *, limit: int = 500) -> int:
    """A call without a receipt by its deadline has failed; a text stays accepted, unconfirmed. Returns how many."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE delivery_delivery d
                SET deadline_at = NULL, finished_at = %s,
                    state = CASE WHEN d.channel = 'phone' THEN 'failed' ELSE d.state END,
                    reason = CASE WHEN d.channel = 'phone' THEN 'no_receipt' ELSE d.reason END
                FROM (SELECT id FROM delivery_delivery WHERE deadline_at <= %s AND state IN ('accepted', 'ambiguous')
                      ORDER BY deadline_at, id LIMIT %s FOR UPDATE SKIP LOCKED) due
                WHERE d.id = due.id RETURNING d.id, d.state, d.recipient_id, d.channel
                """,
                [now, now, limit],
            )
            rows = cursor.fetchall()
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
    """Queues a test message to one contact or robot; its deliveries page shows what became of it."""
    name, masked, language = _recipient(object_id, channel)
    with transaction.atomic(), translation.override(language or settings.LANGUAGE_CODE):
        text = _("This is a test from %(organisation)s, asked for by %(name)s. No action is needed.") % {
            "organisation": settings.ORGANISATION,
            "name": by.name,
        }
        content = Content.objects.create(subject=_("Test message"), text=text)
        delivery = Delivery.objects.create(
            purpose=Purpose.TEST, recipient_id=object_id, recipient_name=name, address_masked=masked, channel=channel,
            content=content, language=language or settings.LANGUAGE_CODE, next_at=now, planned_at=now,
        )  # fmt: skip
        audit(by=by, action=Action.CREATE, instance=delivery, note="test message")
        ring_send()
    return delivery


def _recipient(object_id: int, channel: Channel) -> tuple[str, str, str]:
    contact = Contact.objects.filter(pk=object_id).first()
    if contact is not None:
        masked = mask_email(contact.email or "") if channel is Channel.EMAIL else mask_phone(contact.phone or "")
        return contact.name, masked, contact.language
    robot = Robot.objects.filter(pk=object_id).first()
    if robot is None:
        raise NotFoundError(_("There is no such contact or robot."))
    return robot.name, "", ""


def _store(
    account: ProviderAccount, receipts: Sequence[ProviderReceipt], now: datetime
) -> list[tuple[int, int | None]]:
    """New receipts as (receipt id, delivery id or None)."""
    rows = {}
    for receipt in receipts:
        key = (receipt.reference, receipt.provider_id, receipt.status, receipt.key)
        rows[key] = (
            receipt.reference[:16], receipt.provider_id[:128], receipt.status.value, receipt.key[:4],
            receipt.code[:64], receipt.detail[:500], receipt.occurred_at, _delivery_id(receipt.reference),
        )  # fmt: skip
    if not rows:
        return []
    columns = [list(column) for column in zip(*(rows[key] for key in sorted(rows)), strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_receipt (account_id, received_at, count, effect, reference, provider_id, status, key,
                                          code, detail, occurred_at, delivery_id)
            SELECT %s, %s, 1, '', u.reference, u.provider_id, u.status, u.key, u.code, u.detail, u.occurred_at,
                   coalesce(
                     (SELECT d.id FROM delivery_delivery d WHERE d.id = u.delivery_id AND d.account_id = %s),
                     (SELECT max(d.id) FROM delivery_delivery d
                      WHERE u.provider_id <> '' AND d.account_id = %s AND d.provider_id = u.provider_id))
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],
                        %s::bigint[]) AS u(reference, provider_id, status, key, code, detail, occurred_at, delivery_id)
            ON CONFLICT (account_id, reference, provider_id, status, key)
            DO UPDATE SET count = delivery_receipt.count + 1
            RETURNING id, delivery_id, count
            """,
            [account.pk, now, account.pk, account.pk, *columns],
        )
        return [(pk, delivery_id) for pk, delivery_id, count in cursor.fetchall() if count == 1]


def _delivery_id(reference: str) -> int | None:
    try:
        return from_base36(reference) if reference else None
    except ValueError:
        return None


def _apply(delivery_ids: Collection[int], now: datetime) -> None:
    """Moves deliveries by their receipts that have had no effect yet, in the order in which they came."""
    if not delivery_ids:
        return
    deliveries = {
        delivery.pk: delivery
        for delivery in Delivery.objects.select_for_update(of=("self",))
        .filter(pk__in=set(delivery_ids))
        .select_related("notification__alert")
        .order_by("pk")
    }
    waiting = list(Receipt.objects.filter(delivery_id__in=deliveries, effect="").order_by("pk"))
    failed, reach, claims = [], [], []
    for receipt in waiting:
        delivery, status = deliveries[receipt.delivery_id or 0], ReceiptStatus(receipt.status)
        move = after_receipt(DeliveryState(delivery.state), status)
        receipt.effect = "late" if move is None else "applied"
        if status is ReceiptStatus.KEY_PRESSED:
            receipt.effect = "applied"
            delivery.pressed_key = receipt.key
            claims += [delivery] if receipt.key == CLAIM_KEY else []
        if move is None:
            continue
        delivery.state, delivery.answer = move[0], status.value
        delivery.reason = move[1].value if move[1] else ""
        delivery.detail = receipt.detail[:500] if move[1] else ""
        delivery.next_at, delivery.deadline_at, delivery.finished_at = None, None, now
        channel = Channel(delivery.channel)
        if move[0] is DeliveryState.DELIVERED:
            reach.append(ReachEntry(delivery.recipient_id, channel, delivered_at=now))
        else:
            failed.append(delivery.pk)
            reach.append(ReachEntry(delivery.recipient_id, channel, failed_at=now, failure=delivery.reason))
    Receipt.objects.bulk_update(waiting, ["effect"])
    Delivery.objects.bulk_update(
        list(deliveries.values()),
        ["state", "answer", "reason", "detail", "next_at", "deadline_at", "finished_at", "pressed_key"],
    )
    record_reach(entries=reach)
    follow_failed_calls(failed, now)
    for delivery in claims:
        _claim_by_key(delivery, now)


def _claim_by_key(delivery: Delivery, now: datetime) -> None:
    """A pressed 1 claims every alert that the call told of."""
    told = Delivery.objects.filter(pk=delivery.pk) | Delivery.objects.filter(merged_into_id=delivery.pk)
    alert_ids = sorted(set(told.exclude(notification=None).values_list("notification__alert_id", flat=True)))
    actor = Actor(ActorKind.CONTACT, delivery.recipient_name, delivery.recipient_id)
    for alert_id in alert_ids:
        try:
            with transaction.atomic():
                claim_alert(by=actor, now=now, alert_id=alert_id, how="key")
        except ConflictError:
            continue
