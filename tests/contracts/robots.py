"""Opening a robot that can change its messages, from a test that has no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from tests.contracts.sending import open_provider
from tocsin.channels.base import Message, SendResult, UpdatingProvider
from tocsin.channels.http import HttpClient


def update(name: str, config: Mapping[str, str], message: Message, provider_id: str) -> SendResult:
    async def run() -> SendResult:
        http = HttpClient(allow=["127.0.0.0/8"])
        try:
            return await cast(UpdatingProvider, open_provider(name, config, http)).update(message, provider_id)
        finally:
            await http.aclose()

    return asyncio.run(run())
