"""Receipts that open accounts give of their own accord, on their way into the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from tocsin.channels.base import Receipt
from tocsin.channels.models import ProviderAccount
from tocsin.delivery.services import record_receipts


def record_reports(reported: Sequence[tuple[int, Receipt]], now: datetime) -> None:
    """`record_receipts` of what was said, by account and in its order. What a deleted account said is dropped."""
    if not reported:
        return
    by_account: defaultdict[int, list[Receipt]] = defaultdict(list)
    for account_id, receipt in reported:
        by_account[account_id].append(receipt)
    for account_id, account in sorted(ProviderAccount.objects.in_bulk(by_account).items()):
        for receipt in by_account[account_id]:  # one by one: a batch is stored without its order
            record_receipts(account=account, receipts=[receipt], now=now)
