"""Asking a provider what became of a message, from a test that has no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from tests.contracts.sending import open_provider
from tocsin.channels.base import AskableProvider, Finding, Question
from tocsin.channels.http import HttpClient


def look_up(name: str, config: Mapping[str, str], question: Question) -> Finding:
    async def run() -> Finding:
        http = HttpClient(timeout=1)
        provider = cast(AskableProvider, open_provider(name, config, http))
        try:
            return await provider.look_up(question)
        finally:
            await provider.aclose()
            await http.aclose()

    return asyncio.run(run())
