"""The call worker's two ends, with a process that says what a healthy one never does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tocsin.channels.providers.sip import protocol
from tocsin.channels.providers.sip.account import settings_of
from tocsin.channels.providers.sip.protocol import Dial, Ended, Event, Rings
from tocsin.channels.providers.sip.worker import CallWorker
from tocsin.channels.registry import PROVIDERS

SETTINGS = settings_of(PROVIDERS["sip"].masked({"server": "pbx.example.com", "user": "tocsin", "register": "no"}))
NOISY = """
import json, sys
assert json.loads(sys.stdin.readline())["type"] == "open"
for text in ("native noise", "x" * (1 << 21), '{"type":"ready"}', '{"type":"unknown"}'):
    print(text, flush=True)
for text in sys.stdin:
    told = json.loads(text)
    if told["type"] == "close":
        break
    print(json.dumps({"type": "rings", "call": told["call"]}), flush=True)
    if told["call"] == "last":
        break
"""


@pytest.fixture(autouse=True)
def noisy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "noisy_worker.py").write_text(NOISY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def dial(call: str) -> Dial:
    return Dial(call, "sip:100@pbx.example.com", "Disk full", "en", {}, ring_for=10, machines="listen")


def follow(*calls: str, hears: Callable[[Event], None] = lambda _event: None) -> tuple[list[Event], list[int | None]]:
    """What is heard of these calls, one after the other, and the process that each was told to."""

    async def run() -> tuple[list[Event], list[int | None]]:
        heard: asyncio.Queue[Event] = asyncio.Queue()

        def hear(event: Event) -> None:
            heard.put_nowait(event)
            hears(event)

        watched = CallWorker(SETTINGS, hear, module="noisy_worker")
        events: list[Event] = []
        pids: list[int | None] = []
        try:
            async with asyncio.timeout(60):
                for call in calls:
                    await watched.tell(dial(call))
                    pids.append(watched.pid)
                    events.append(await heard.get())
                    if call == "last":
                        events.append(await heard.get())
        finally:
            await watched.aclose(0)
        return events, pids

    return asyncio.run(run())


def test_what_cannot_be_read_of_a_worker_is_skipped_and_it_goes_on() -> None:
    events, pids = follow("k1", "k2")

    assert events == [Rings("k1"), Rings("k2")]
    assert pids[0] == pids[1]


def test_a_worker_that_cannot_be_followed_is_started_again_and_its_call_is_lost() -> None:
    def fails_once(event: Event) -> None:
        if event == Rings("last"):
            raise RuntimeError("a programming error")

    events, pids = follow("last", "k2", hears=fails_once)

    assert events == [Rings("last"), Ended("last", protocol.LOST), Rings("k2")]
    assert pids[0] != pids[1]


def test_what_native_code_writes_to_stdout_is_not_taken_for_the_protocol() -> None:
    program = """
import os
from tocsin.channels.providers.sip.child import own_stdout
out = own_stdout()
os.write(1, b"native noise\\n")
out.write(b"the protocol\\n")
out.flush()
"""
    source = str(Path(protocol.__file__).parents[4])

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env={"PYTHONPATH": source}, timeout=30
    )

    assert (ran.stdout, ran.stderr) == (b"the protocol\n", b"native noise\n")


FLOODS = """
import json, os, sys
sys.stdin.readline()
print('{"type":"ready"}', flush=True)
print(json.dumps({"type": "rings", "call": json.loads(sys.stdin.readline())["call"]}), flush=True)
while True:
    os.write(1, b"x" * 65536)
"""


def test_a_worker_that_floods_its_output_is_ended_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "flooding_worker.py").write_text(FLOODS)

    async def run() -> None:
        ended: asyncio.Queue[Event] = asyncio.Queue()

        def hear(event: Event) -> None:
            if isinstance(event, Rings):
                raise RuntimeError("a fault of ours")  # so that nobody reads on
            ended.put_nowait(event)

        watched = CallWorker(SETTINGS, hear, module="flooding_worker", ends_within=0.2)
        async with asyncio.timeout(60):
            await watched.tell(dial("first"))
            flooding = watched.pid
            assert await ended.get() == Ended("first", protocol.LOST)
            assert flooding is not None
            assert not psutil.pid_exists(flooding)
            await watched.aclose(0)

    asyncio.run(run())
