"""Receipts late, doubled, reordered or earlier than the send's own reply: each finds its delivery and moves it once."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from tocsin.channels.base import Receipt as ProviderReceipt
from tocsin.channels.base import ReceiptStatus
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact
from tocsin.contacts.services import ReachEntry
from tocsin.core.clock import EARLIEST
from tocsin.core.ids import from_base36
from tocsin.core.storable import storable
from tocsin.delivery.fallbacks import follow_failed_calls
from tocsin.delivery.keys import act_on_keys
from tocsin.delivery.link_texts import is_address_of
from tocsin.delivery.models import Delivery, Receipt
from tocsin.delivery.parts import PartsOf
from tocsin.delivery.rules import DeliveryState
from tocsin.delivery.rules.naming import SHOWN
from tocsin.delivery.rules.sending import after_receipt
from tocsin.delivery.settling import settle_waiting, settled
from tocsin.events.statements import execute, run

_LOCKS = 0x70C52
"""First half of an advisory lock; the account's id is the second."""
_CLOCKS_DIFFER_BY = timedelta(days=1)

# An id that a vendor gives again belongs to the newer message: then it is no double of what the older one's said, and
# nothing is returned of it here.
_STORE = """
INSERT INTO delivery_receipt (account_id, received_at, count, effect, reference, provider_id, status, key,
                              code, detail, occurred_at, readings, parties, delivery_id)
SELECT %(account)s, %(now)s, 1, '', u.reference, u.provider_id, u.status, u.key, u.code, u.detail, u.occurred_at,
       u.readings::jsonb, u.parties::jsonb,
       coalesce(
         (SELECT d.id FROM delivery_delivery d WHERE d.id = u.delivery_id AND d.account_id = %(account)s),
         greatest(
           (SELECT max(d.id) FROM delivery_delivery d
            WHERE u.provider_id <> '' AND d.account_id = %(account)s AND d.provider_id = u.provider_id),
           (SELECT p.delivery_id FROM delivery_part p
            WHERE p.account_id = %(account)s AND p.provider_id = u.provider_id)))
FROM unnest(%(references)s::text[], %(provider_ids)s::text[], %(statuses)s::text[], %(keys)s::text[], %(codes)s::text[],
            %(details)s::text[], %(times)s::timestamptz[], %(delivery_ids)s::bigint[], %(readings)s::text[],
            %(parties)s::text[])
     AS u(reference, provider_id, status, key, code, detail, occurred_at, delivery_id, readings, parties)
ON CONFLICT (account_id, reference, provider_id, status, key) DO UPDATE SET count = delivery_receipt.count + 1
   WHERE NOT coalesce(excluded.delivery_id > delivery_receipt.delivery_id, false)
RETURNING id, delivery_id, count, reference, provider_id, status, key
"""
# Only that of a message which has its receipts by the vendor's id; it keeps its place in that message's history.
_SET_ASIDE = """
UPDATE delivery_receipt r SET reference = '#' || to_hex(r.id)
FROM (SELECT o.id FROM delivery_receipt o
      JOIN unnest(%(references)s::text[], %(provider_ids)s::text[], %(statuses)s::text[], %(keys)s::text[])
           AS u(reference, provider_id, status, key) USING (reference, provider_id, status, key)
      WHERE o.account_id = %(account)s AND o.delivery_id IS NOT NULL
      ORDER BY o.id FOR NO KEY UPDATE OF o) old
WHERE r.id = old.id
"""
_LOOK_AGAIN = """
UPDATE delivery_receipt r SET delivery_id = d.id
FROM (SELECT provider_id, max(id) AS id
      FROM (SELECT provider_id, id FROM delivery_delivery
            WHERE account_id = %(account)s AND provider_id <> ''
              AND provider_id IN (SELECT provider_id FROM delivery_receipt WHERE id = ANY(%(receipts)s))
            UNION ALL
            SELECT provider_id, delivery_id FROM delivery_part
            WHERE account_id = %(account)s
              AND provider_id IN (SELECT provider_id FROM delivery_receipt WHERE id = ANY(%(receipts)s))) named
      GROUP BY provider_id) d
WHERE r.id = ANY(%(receipts)s) AND r.provider_id = d.provider_id
RETURNING d.id
"""
# A receipt that is being counted again is skipped: deliveries are locked here, and who counts it may wait for them. It
# looks again itself, when this is committed.
_FIND_WAITING = """
UPDATE delivery_receipt r SET delivery_id = found.delivery_id
FROM (SELECT w.id, named.delivery_id
      FROM delivery_receipt w
      JOIN (SELECT account_id, provider_id, id AS delivery_id FROM delivery_delivery
            WHERE id = ANY(%(ids)s) AND provider_id <> ''
            UNION
            SELECT account_id, provider_id, delivery_id FROM delivery_part WHERE delivery_id = ANY(%(ids)s)
           ) named USING (account_id, provider_id)
      WHERE w.delivery_id IS NULL
      ORDER BY w.id FOR NO KEY UPDATE OF w SKIP LOCKED) found
WHERE r.id = found.id
RETURNING found.delivery_id
"""


def store_receipts(
    account: ProviderAccount, receipts: Sequence[ProviderReceipt], now: datetime
) -> list[tuple[int, int | None, bool]]:
    """Receipts as (receipt id, delivery id or None, whether it is new); doubles are only counted."""
    rows = {row[:4]: row for row in (_row(receipt, now) for receipt in settled(account, receipts))}
    if not rows:
        return []
    stored = _store(account, rows, now)
    if again := {key: row for key, row in rows.items() if key not in stored}:
        run(_SET_ASIDE, {"account": account.pk, **_columns(again)})
        stored |= _store(account, again, now)
    return list(stored.values())


def _store(
    account: ProviderAccount, rows: Mapping[tuple[object, ...], tuple[object, ...]], now: datetime
) -> dict[tuple[object, ...], tuple[int, int | None, bool]]:
    stored = execute(_STORE, {"account": account.pk, "now": now, **_columns(rows)})
    return {tuple(key): (pk, delivery_id, count == 1) for pk, delivery_id, count, *key in stored}


def _columns(rows: Mapping[tuple[object, ...], tuple[object, ...]]) -> dict[str, list[object]]:
    names = (
        "references", "provider_ids", "statuses", "keys", "codes", "details", "times", "delivery_ids", "readings",
        "parties",
    )  # fmt: skip
    columns = zip(*(rows[key] for key in sorted(rows, key=str)), strict=True)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def look_again(account: ProviderAccount, receipt_ids: Sequence[int], now: datetime) -> list[int]:
    """Deliveries of receipts that found none: who records their vendor's ids may just be committing, and is awaited."""
    run("SELECT pg_advisory_xact_lock(%s, %s::int)", [_LOCKS, account.pk])
    found = [pk for (pk,) in execute(_LOOK_AGAIN, {"account": account.pk, "receipts": list(receipt_ids)})]
    return found + settle_waiting({account.pk}, now)


def wait_for_storing(account_ids: Collection[int | None]) -> None:
    """Called before vendors' ids are recorded, and before deliveries are locked: a receipt that finds no delivery and
    a delivery that finds no receipt must not miss each other because neither is committed yet.
    """
    if ids := sorted(pk for pk in account_ids if pk is not None):
        run("SELECT pg_advisory_xact_lock_shared(%s, id) FROM unnest(%s::int[]) AS a(id)", [_LOCKS, ids])


def apply_waiting_receipts(
    delivery_ids: Collection[int], now: datetime, *, with_readings: Collection[int] = ()
) -> list[ReachEntry]:
    """Called in the transaction that recorded the vendors' ids: receipts that were faster find their delivery.

    `with_readings`: accounts whose receipts may have ids that can be read in more than one way.
    """
    if not delivery_ids:
        return []
    found = [pk for (pk,) in execute(_FIND_WAITING, {"ids": list(delivery_ids)})]
    return apply_receipts([*found, *settle_waiting(with_readings, now)], now)


def apply_receipts(delivery_ids: Collection[int], now: datetime) -> list[ReachEntry]:
    """Moves deliveries by their receipts that have had no effect yet, in the order in which they came.

    Returns what they prove, for the caller to record.
    """
    if not delivery_ids:
        return []
    deliveries = {
        delivery.pk: delivery
        for delivery in Delivery.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=set(delivery_ids))
        .select_related("notification__alert")
        .order_by("pk")
    }
    waiting = list(Receipt.objects.filter(delivery_id__in=deliveries, effect="").order_by("pk"))
    parts = PartsOf(deliveries)
    failed, reach, pressed = [], [], []
    for receipt in waiting:
        delivery, status = deliveries[receipt.delivery_id or 0], ReceiptStatus(receipt.status)
        move = after_receipt(DeliveryState(delivery.state), status, machine_answers=settings.MACHINE_ANSWERS)
        receipt.effect = "late" if move is None else "applied"
        if status is ReceiptStatus.KEY_PRESSED:
            receipt.effect = "applied"
            delivery.pressed_key = receipt.key
            pressed.append((delivery, receipt.key))
        if move is not None and parts.are_missing(receipt):
            receipt.effect, move = "part", None
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
            bounced_at = now if status is ReceiptStatus.BOUNCED and _is_still_theirs(delivery) else None
            reach.append(ReachEntry(delivery.recipient_id, channel, None, now, delivery.reason, bounced_at))
    Receipt.objects.bulk_update(waiting, ["effect"])
    Delivery.objects.bulk_update(
        list(deliveries.values()),
        ["state", "answer", "reason", "detail", "next_at", "deadline_at", "finished_at", "pressed_key"],
    )
    follow_failed_calls(failed, now)
    act_on_keys(pressed, now)
    return reach


def _is_still_theirs(delivery: Delivery) -> bool:
    """A bounce of the address that was there before says nothing of the one that is there now."""
    address = Contact.objects.filter(pk=delivery.recipient_id).values_list("email", flat=True).first()
    digest = delivery.address_digest
    return bool(address) and digest is not None and is_address_of(bytes(digest), str(address))


def _row(receipt: ProviderReceipt, now: datetime) -> tuple[object, ...]:
    return (
        storable(receipt.reference, 16),
        storable(receipt.provider_id, 128),
        receipt.status.value,
        storable(receipt.key, 4),
        storable(receipt.code, 64),
        storable(receipt.detail, 500),
        _believed(receipt.occurred_at, now),
        _delivery_id(receipt.reference),
        json.dumps(list(receipt.readings)) if receipt.readings else None,
        json.dumps([party[-SHOWN:] for party in receipt.parties]) if receipt.readings else None,
    )


def _believed(occurred_at: datetime | None, now: datetime) -> datetime | None:
    """None for a moment that cannot be: the receipt counts without it, and so do the others of its push."""
    if occurred_at is None or not EARLIEST <= occurred_at <= now + _CLOCKS_DIFFER_BY:
        return None
    return occurred_at


def _delivery_id(reference: str) -> int | None:
    try:
        return from_base36(reference)
    except ValueError:
        return None
