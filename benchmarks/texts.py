"""10,000 texts over a gateway that takes 50 ms: beside a bare loop, two workers beside one, and a worker's memory.

Tocsin's time runs from the answer to the post until the gateway has answered the last text: planning, claiming,
rendering, sending and recording of every delivery are in it. The loop renders the same texts and sends them over
aiohttp with as many requests at once. They take turns. Memory is the worker's own, after each of several rounds.
"""

from __future__ import annotations

import asyncio
import http.client
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Self
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from benchmarks.figures import Figure
from benchmarks.ingest import tocsin
from benchmarks.load import fire
from benchmarks.prepared import number_of, prepare_texts
from tocsin.channels.texts import cut_to_parts, to_gsm7_if_possible

_SCALE = float(os.environ.get("TOCSIN_BENCH_SCALE", "1"))
_TEXTS = int(10_000 * _SCALE)
_LATENCY = 0.05
_AT_ONCE = 16
"""What a Kannel account of ours sends at once."""
_ROUNDS = 3
_PATIENCE = 300.0
_TEXT = "[{severity}] {name}: /var is at {value} % on {instance}, and grows by 1 % a minute. Claim it: {link}"


def main() -> list[Figure]:
    ours: list[float] = []
    loops: list[float] = []
    pairs: list[float] = []
    sizes: list[float] = []
    with ExitStack() as stack:
        gateway = stack.enter_context(Gateway())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        port, _ = stack.enter_context(tocsin(folder / "data"))
        token = prepare_texts(folder / "data", people=_TEXTS, url=gateway.url)
        worker = _worker_of(folder / "data")
        for turn in range(_ROUNDS):
            ours.append(_TEXTS / _told(port, token, gateway, f"DiskFull{turn}"))
            sizes.append(_resident(worker))
            loops.append(_TEXTS / _loop(gateway))
        with _second_worker(folder / "data"):
            pairs += [_TEXTS / _told(port, token, gateway, f"LoadHigh{turn}") for turn in range(_ROUNDS)]
        sizes.append(_resident(worker))
    what = f"one alert to {_TEXTS:,} phones over a gateway that takes {_LATENCY * 1000:.0f} ms"
    ratio = median(one / other for one, other in zip(ours, loops, strict=True))
    found = f"{ratio:.2f} ({median(ours):,.0f} to {median(loops):,.0f} texts/s)"
    both = f"{median(pairs) / median(ours):.2f} ({median(pairs):,.0f} to {median(ours):,.0f} texts/s)"
    memory = ", ".join(f"{size:,.0f}" for size in sizes)
    figures = [
        Figure(f"{what}, beside a bare aiohttp loop of {_AT_ONCE}", found, "0.8"),
        Figure(f"{what}, two workers beside one", both, "1.9"),
        Figure(
            f"a worker's memory after each round of {_TEXTS:,} texts",
            f"{memory} MiB: {sizes[-1] / sizes[0]:.2f} times",
            "1.1 times",
        ),
    ]
    for figure in figures:
        print(f"  {figure.what}: {figure.found}", flush=True)
    return figures


def _told(port: int, token: str, gateway: Gateway, name: str) -> float:
    """Seconds until the last text was answered."""
    gateway.expect(_TEXTS)
    answered = fire(
        http.client.HTTPConnection("127.0.0.1", port), token, name, "/var is at 97 %, and grows by 1 % a minute"
    )
    took = gateway.arrived() - answered
    time.sleep(2)  # what is left to record
    return took


def _loop(gateway: Gateway) -> float:
    gateway.expect(_TEXTS)
    begun = time.monotonic()
    asyncio.run(_send_all(gateway.url))
    return gateway.arrived() - begun


async def _send_all(url: str) -> None:
    numbers = iter(range(_TEXTS))

    async def sender(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            async with session.get(f"{url}?{urlencode(_query(number))}") as reply:
                assert reply.status == 202
                await reply.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_AT_ONCE)) as session:
        await asyncio.gather(*(sender(session) for _ in range(_AT_ONCE)))


def _query(number: int) -> dict[str, str]:
    """Rendered for each, as a text of ours is."""
    text = _TEXT.format(
        severity="P1", name="DiskFull", value=97, instance="db1", link=f"https://tocsin.example/a/{number:022d}"
    )
    text = cut_to_parts(to_gsm7_if_possible(text), 3)
    return {"username": "tocsin", "password": "secret", "to": number_of(number), "text": text, "coding": "0"}


@contextmanager
def _second_worker(folder: Path) -> Iterator[None]:
    """Beside the one of `tocsin serve`, on its database."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    environment["TOCSIN_DATA_DIR"] = str(folder)
    command = [sys.executable, "-m", "benchmarks.prepared", "worker"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            time.sleep(8)  # it is loading
            assert process.poll() is None, output.seek(0) or output.read().decode(errors="replace")
            yield
        finally:
            process.terminate()
            process.wait(60)


def _worker_of(folder: Path) -> int:
    """The process that `tocsin serve` of this folder has for it."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if b"worker" in command and f"TOCSIN_DATA_DIR={folder}".encode() in environment.split(b"\0"):
                return int(entry.name)
    raise AssertionError("there is no worker")


def _resident(pid: int) -> float:
    """MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Gateway:
    """Inside `with`, it listens: a process of its own, so that it is never what is measured."""

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        self.url = f"http://127.0.0.1:{self._hear()}/cgi-bin/sendsms"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def expect(self, count: int) -> None:
        """Counts from now on."""
        self._pipe.send(count)
        self._hear()

    def arrived(self) -> float:
        """The moment (monotonic seconds) at which the last of them was answered."""
        moment: float = self._hear()
        return moment

    def _hear(self) -> object:
        assert self._pipe.poll(_PATIENCE), f"the gateway did not get its texts within {_PATIENCE:g} s"
        return self._pipe.recv()


def _serve(pipe: Connection) -> None:
    asyncio.run(_answer(pipe))


async def _answer(pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    wanted = 0
    taken = 0

    def asked() -> None:
        nonlocal wanted, taken
        wanted, taken = pipe.recv(), 0
        pipe.send(None)

    async def take(_request: web.BaseRequest) -> web.Response:
        nonlocal taken
        await asyncio.sleep(_LATENCY)
        taken += 1
        if taken == wanted:
            pipe.send(time.monotonic())
        return web.Response(status=202, text="0: Accepted for delivery")

    server = await loop.create_server(web.Server(take, access_log=None), "127.0.0.1", 0, backlog=1000)
    pipe.send(server.sockets[0].getsockname()[1])
    loop.add_reader(pipe.fileno(), asked)
    await server.serve_forever()
