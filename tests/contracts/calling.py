"""Calling through a provider that reports by itself, as delivery does, from a test that has no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from tests.contracts.sending import open_provider
from tocsin.channels.base import CallKey, Message, Receipt, ReportingProvider, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel

CALL = Message(
    reference="k3x9",
    channel=Channel.PHONE,
    to="+8613800000000",
    text="Alert from Example. Severity 1. Disk full. Press 1 to claim it.",
    keys={
        "1": CallKey("Thank you. You claim it. Goodbye."),
        "2": CallKey("Thank you. Goodbye.", confirm="Press 2 again to resolve it."),
        "3": CallKey("It is escalated now."),
    },
)


def call(config: Mapping[str, str], *messages: Message, **changes: Any) -> tuple[list[SendResult], list[Receipt]]:
    """All at once over one open account, until every call is over."""

    async def run() -> tuple[list[SendResult], list[Receipt]]:
        told = [replace(message, **changes) for message in messages or (CALL,)]
        provider = cast(ReportingProvider, open_provider("sip", config, HttpClient()))
        receipts: list[Receipt] = []
        listening = asyncio.create_task(_collect(provider, receipts))
        try:
            results = await asyncio.gather(*(provider.send(message) for message in told))
        finally:
            await provider.aclose()
            await listening
        return list(results), receipts

    return asyncio.run(run())


async def _collect(provider: ReportingProvider, receipts: list[Receipt]) -> None:
    receipts.extend([receipt async for receipt in provider.receipts()])
