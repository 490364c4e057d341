"""Sending through a provider as delivery does, from a test that has no event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from tocsin.channels.base import Message, Provider, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.registry import provider_type

T = TypeVar("T")

TEXT = "Disk full on db-1, 97 % of /var. 磁盘空间不足"
MAIL = Message(
    reference="k3x9",
    channel=Channel.EMAIL,
    to="wang@example.org",
    to_name="王小明",
    subject="[P1] Disk full 磁盘 (#12)",
    text=TEXT,
    html=f"<p>{TEXT}</p>",
    thread="alert-12",
    is_thread_start=True,
)
SMS = Message(reference="k3x9", channel=Channel.SMS, to="+8613800000000", text=TEXT)
CALL = Message(reference="k3x9", channel=Channel.PHONE, to="+8613800000000", text=TEXT)
ROBOT = Message(reference="k3x9", channel=Channel.DINGTALK, to="", subject="[P1] Disk full", text=TEXT)


def open_provider(name: str, config: Mapping[str, str], http: HttpClient) -> Provider:
    kind = provider_type(name)
    assert kind.problems(config) == {}
    return kind.open(config, http)


@asynccontextmanager
async def opened(name: str, config: Mapping[str, str], *, within: float = 10.0) -> AsyncIterator[Any]:
    http = HttpClient(allow=["127.0.0.0/8"], timeout=within)
    provider = open_provider(name, config, http)
    try:
        yield provider
    finally:
        await provider.aclose()
        await http.aclose()


def with_open(name: str, config: Mapping[str, str], use: Callable[[Any], Awaitable[T]], *, timeout: float = 10.0) -> T:
    """For what a provider can do beside sending."""

    async def run() -> T:
        async with opened(name, config, within=timeout) as provider:
            return await use(provider)

    return asyncio.run(run())


def send(name: str, config: Mapping[str, str], *messages: Message, timeout: float = 10.0) -> list[SendResult]:
    """One after the other over one open account."""

    async def each(provider: Provider) -> list[SendResult]:
        return [await provider.send(message) for message in messages]

    return with_open(name, config, each, timeout=timeout)


def send_together(name: str, config: Mapping[str, str], *messages: Message) -> list[SendResult]:
    """All at once over one open account."""

    async def all_of_them(provider: Provider) -> list[SendResult]:
        return await asyncio.gather(*(provider.send(message) for message in messages))

    return with_open(name, config, all_of_them)


def send_one(name: str, config: Mapping[str, str], message: Message, **changes: Any) -> SendResult:
    return send(name, config, replace(message, **changes))[0]


def update(name: str, config: Mapping[str, str], message: Message, provider_id: str) -> SendResult:
    return with_open(name, config, lambda robot: robot.update(message, provider_id))
