"""One message through an account opened for it alone, past the queue."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

from django.conf import settings

from tocsin.channels.base import (
    Config,
    Message,
    Outcome,
    ProviderType,
    Receipt,
    ReceiptStatus,
    ReportingProvider,
    SendResult,
)
from tocsin.channels.http import HttpClient
from tocsin.core.sentences import Sentence

_HOW_IT_WENT = {
    ReceiptStatus.ANSWERED: Sentence("A person answered."),
    ReceiptStatus.MACHINE: Sentence("A machine answered."),
    ReceiptStatus.BUSY: Sentence("The line was busy."),
    ReceiptStatus.NO_ANSWER: Sentence("Nobody answered."),
    ReceiptStatus.REJECTED: Sentence("The call was rejected."),
    ReceiptStatus.UNREACHABLE: Sentence("The phone was unreachable."),
    ReceiptStatus.FAILED: Sentence("The call failed."),
}


async def send_once(kind: ProviderType, config: Config, message: Message) -> SendResult:
    """Where the provider itself learns what becomes of it: when that is known, and with it in a sentence."""
    http = HttpClient(allow=settings.OUTGOING_ALLOW)
    try:
        provider = kind.open(config, http)
        is_heard = kind.reports and not kind.stays_open  # others' receipts are the workers'
        told = asyncio.create_task(_receipts(cast(ReportingProvider, provider))) if is_heard else None
        try:
            result = await provider.send(message)
        finally:
            await provider.aclose()
        receipts = await told if told is not None else []
        how = next((_HOW_IT_WENT[item.status] for item in reversed(receipts) if item.status in _HOW_IT_WENT), "")
        return replace(result, detail=how) if how and result.outcome is Outcome.ACCEPTED else result
    finally:
        await http.aclose()


async def _receipts(provider: ReportingProvider) -> list[Receipt]:
    return [said async for said in provider.receipts() if isinstance(said, Receipt)]
