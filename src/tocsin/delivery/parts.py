"""The parts of messages: whether a receipt of one of them is the last that was missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from tocsin.channels.base import ReceiptStatus
from tocsin.delivery.models import Receipt
from tocsin.delivery.part_models import Part
from tocsin.delivery.rules.parts import is_whole


class PartsOf:
    """The parts of some deliveries, and which of them have arrived, receipts that just came included."""

    def __init__(self, delivery_ids: Collection[int]) -> None:
        self._parts: defaultdict[int, dict[str, str]] = defaultdict(dict)
        self._arrived: defaultdict[int, set[str]] = defaultdict(set)
        found = Part.objects.filter(delivery_id__in=delivery_ids)
        for delivery_id, provider_id, first_id in found.values_list("delivery_id", "provider_id", "first_id"):
            self._parts[delivery_id][provider_id] = first_id
        if self._parts:
            receipts = Receipt.objects.filter(delivery_id__in=self._parts, status=ReceiptStatus.DELIVERED)
            for receipt in receipts.only("delivery_id", "provider_id", "readings"):
                self._arrived[receipt.delivery_id or 0].add(receipt.named_id)

    def are_missing(self, receipt: Receipt) -> bool:
        """It says that one part has arrived, and others of that message have not."""
        pk = receipt.delivery_id
        if receipt.status != ReceiptStatus.DELIVERED or pk is None or pk not in self._parts:
            return False
        return not is_whole(receipt.named_id, self._parts[pk], self._arrived[pk])
