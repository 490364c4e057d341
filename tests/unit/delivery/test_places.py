"""How many messages of one provider a worker sends at once, over all its robots."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

from tests.contracts.sending import ROBOT
from tocsin.channels.base import Capabilities, Config, Message, Outcome, Provider, ProviderType, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.registry import provider_type
from tocsin.core.clock import EARLIEST
from tocsin.delivery.addressing import Route
from tocsin.delivery.claiming import Claimed
from tocsin.delivery.rules import Purpose
from tocsin.delivery.sending import OpenAccounts, send


@dataclass
class Crowd:
    """How many send at this moment, and how many did at most."""

    now: int = 0
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Message) -> SendResult:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1
        return SendResult(Outcome.ACCEPTED)

    async def aclose(self) -> None: ...


def kind(name: str, crowd: Crowd, can: Capabilities) -> ProviderType:
    def build(config: Config, http: HttpClient) -> Provider:
        return crowd

    return ProviderType(name, name, Channel.APPRISE, can, (), build, lambda config: {})


def claim(provider: ProviderType, number: int) -> Claimed:
    """Of a robot of its own."""
    route = Route(("r", number, 1), f"Robot {number}", provider, provider.capabilities, {})
    message = replace(ROBOT, channel=Channel.APPRISE)
    return Claimed(number, 1, Purpose.ALERT, Channel.APPRISE, number, None, route, message, False, (), EARLIEST)


async def nothing_said(account_id: int, said: object) -> None: ...


def test_all_robots_of_a_provider_share_its_places_and_hold_up_no_other_provider() -> None:
    async def run() -> tuple[int, int, int]:
        few, many = Crowd(), Crowd()
        limited = kind("limited", few, Capabilities(concurrency=1, worker_concurrency=3))
        free = kind("free", many, Capabilities(concurrency=1))
        accounts = OpenAccounts(nothing_said)
        claims = [claim(limited, number) for number in range(10)] + [claim(free, number) for number in range(20, 30)]
        tasks = [asyncio.ensure_future(send(item, accounts)) for item in claims]
        async with asyncio.timeout(60):
            while (few.now, many.now) != (3, 10):  # noqa: ASYNC110 (as a person would look)
                await asyncio.sleep(0)
        for _turn in range(20):  # in which more would begin
            await asyncio.sleep(0)
        few.gate.set()
        many.gate.set()
        sent = await asyncio.gather(*tasks)
        await accounts.aclose()
        return few.most, many.most, len([item for item in sent if item is not None])

    assert asyncio.run(run()) == (3, 10, 20)


def test_apprise_starts_few_processes_at_once() -> None:
    assert provider_type("apprise").capabilities.worker_concurrency == 4
