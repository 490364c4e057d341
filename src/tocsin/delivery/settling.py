"""Receipts whose id can be read in more than one way: the text that went to their recipient says which is meant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from tocsin.channels.base import Receipt as ProviderReceipt
from tocsin.channels.models import ProviderAccount
from tocsin.core.storable import storable
from tocsin.delivery.rules.naming import Named, meant
from tocsin.events.statements import execute, run

UNSETTLED = "?"
"""What their id begins with, so that it is nobody's."""
_WAIT = timedelta(minutes=10)
"""How long one may be faster than the answer that names its text. Later an id may be another text's."""

_NAMED = """
SELECT n.provider_id, d.id, d.address_masked, d.state IN ('accepted', 'ambiguous')
FROM (SELECT id, provider_id FROM delivery_delivery
      WHERE account_id = %(account)s AND provider_id <> '' AND provider_id = ANY(%(ids)s)
      UNION ALL
      SELECT delivery_id, provider_id FROM delivery_part
      WHERE account_id = %(account)s AND provider_id = ANY(%(ids)s)) n
JOIN delivery_delivery d USING (id)
"""
# One that is being counted again is skipped: deliveries are locked here, and who counts it may wait for them.
_WAITING = """
SELECT id, account_id, readings::text, parties::text FROM delivery_receipt
WHERE delivery_id IS NULL AND readings IS NOT NULL AND account_id = ANY(%(accounts)s) AND received_at > %(since)s
ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
_SETTLE = """
UPDATE delivery_receipt r SET delivery_id = u.delivery_id, readings = jsonb_build_array(u.provider_id)
FROM unnest(%(ids)s::bigint[], %(deliveries)s::bigint[], %(provider_ids)s::text[]) AS u(id, delivery_id, provider_id)
WHERE r.id = u.id
"""


def settled(account: ProviderAccount, receipts: Sequence[ProviderReceipt]) -> list[ProviderReceipt]:
    """Without readings where it is known which is meant. One statement for all, none where every id is plain."""
    readings = {reading for receipt in receipts for reading in receipt.readings}
    texts = _texts(account.pk, readings) if readings else []
    return [_settled(receipt, texts) if receipt.readings else receipt for receipt in receipts]


def _settled(receipt: ProviderReceipt, texts: Sequence[Named]) -> ProviderReceipt:
    found = meant(receipt.readings, receipt.parties, texts)
    if found is not None:
        return replace(receipt, provider_id=found.provider_id, readings=())
    return replace(receipt, provider_id=storable(UNSETTLED + receipt.provider_id, 128))


def settle_waiting(account_ids: Collection[int], now: datetime) -> list[int]:
    """The deliveries of receipts that waited for the vendor's id of their text. Called when such ids are recorded."""
    rows = execute(_WAITING, {"accounts": sorted(account_ids), "since": now - _WAIT}) if account_ids else []
    waiting: defaultdict[int, list[tuple[int, list[str], list[str]]]] = defaultdict(list)
    for pk, account_id, readings, parties in rows:
        waiting[account_id].append((pk, _texts_of(readings), _texts_of(parties)))
    found: dict[int, Named] = {}
    for account_id, items in sorted(waiting.items()):
        texts = _texts(account_id, {reading for _pk, readings, _parties in items for reading in readings})
        for pk, readings, parties in items:
            if (text := meant(readings, parties, texts)) is not None:
                found[pk] = text
    if found:
        values = found.values()
        deliveries, provider_ids = [text.delivery_id for text in values], [text.provider_id for text in values]
        run(_SETTLE, {"ids": list(found), "deliveries": deliveries, "provider_ids": provider_ids})
    return [text.delivery_id for text in found.values()]


def _texts(account_id: int, ids: Collection[str]) -> list[Named]:
    return [Named(*row) for row in execute(_NAMED, {"account": account_id, "ids": sorted(ids)})]


def _texts_of(stored: str) -> list[str]:
    return msgspec.json.decode(stored, type=list[str])
