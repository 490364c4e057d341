"""Receipts and replies that open accounts bring of their own accord, on their way into the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from tocsin.channels.base import Confirmed, InboundText, Said
from tocsin.channels.models import ProviderAccount
from tocsin.delivery.replies import act_on_replies, hear_confirmed
from tocsin.delivery.services import record_receipts


def record_reports(reported: Sequence[tuple[int, Said]], now: datetime) -> None:
    """What was said, by account and in its order. What a deleted account said is dropped."""
    if not reported:
        return
    by_account: defaultdict[int, list[Said]] = defaultdict(list)
    for account_id, said in reported:
        by_account[account_id].append(said)
    for account_id, account in sorted(ProviderAccount.objects.in_bulk(by_account).items()):
        for said in by_account[account_id]:  # one by one: a batch is stored without its order
            if isinstance(said, InboundText):
                act_on_replies(account=account, replies=[said], now=now)
            elif isinstance(said, Confirmed):
                hear_confirmed(account=account, confirmed=said)
            else:
                record_receipts(account=account, receipts=[said], now=now)
