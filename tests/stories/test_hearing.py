"""The connections to vendors that a worker keeps, when something about them goes wrong."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError

from simulators.serving import wait_until
from tests.stories.harness import Story
from tocsin.channels.connections import hold_connections, listening, note_lost
from tocsin.channels.listening import ConnectionLostError
from tocsin.channels.registry import provider_type
from tocsin.delivery import hearing
from tocsin.delivery.hearing import Hearing, _Account, _failures_after, _pause

ACCOUNT = _Account(1, 1, provider_type("slack_app"), {})


@contextmanager
def _running() -> Iterator[None]:
    """A worker's thread that looks every 50 ms, and whose hold lasts as much shorter."""
    stop = threading.Event()
    thread = Hearing(7, stop, looked_every=0.05)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.bell.ring()
        thread.join(10)


def test_a_refusal_that_postgresql_cannot_keep_is_noted_all_the_same(story: Story) -> None:
    account = story.account("slack_app", token="xoxb-1-a", app_token="xapp-1-a")
    hold_connections(worker_id=1, now=story.now)

    note_lost(account_id=account.pk, worker_id=1, failure="Slack says: \ud800\0 busy", now=story.now)

    noted = listening(account, story.now)
    assert noted is not None
    assert noted.failure == "Slack says: ? busy"


def test_a_failure_that_cannot_be_noted_does_not_end_the_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[asyncio.Task[object] | None] = []

    async def listen(self: Hearing, account: _Account) -> None:
        tries.append(asyncio.current_task())
        raise ConnectionLostError("refused")

    def breaks(**_what: object) -> None:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")

    monkeypatch.setattr(hearing, "_held", lambda worker_id: [ACCOUNT])
    monkeypatch.setattr(hearing, "_PAUSES", (0.01, 0.01))
    monkeypatch.setattr(hearing, "note_lost", breaks)
    monkeypatch.setattr(hearing, "release_connections", lambda **_what: None)
    monkeypatch.setattr(Hearing, "_listen", listen)

    with _running():
        wait_until(lambda: len(tries) >= 3)

    assert len(set(tries)) == 1  # the first one went on


def test_a_vendor_that_sends_us_away_at_once_is_asked_less_and_less_often() -> None:
    failures, pauses = 0, []
    for _ in range(10):
        failures = _failures_after(failures, is_lost=False, stood_for=0.1)
        pauses.append(_pause(failures))

    assert sum(pauses) > 120
    assert _failures_after(failures, is_lost=False, stood_for=3600) == 0
    assert _failures_after(failures, is_lost=True, stood_for=3600) == 0
    assert _failures_after(1, is_lost=True, stood_for=30) == 2


def test_a_worker_without_the_database_lets_go_of_what_others_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []
    is_away = threading.Event()

    def held(worker_id: int) -> list[_Account]:
        if is_away.is_set():
            raise OperationalError("gone")
        return [ACCOUNT]

    async def listen(self: Hearing, account: _Account) -> None:
        kept.append(account.pk)
        try:
            await asyncio.sleep(60)
        finally:
            kept.pop()

    monkeypatch.setattr(hearing, "_held", held)
    monkeypatch.setattr(hearing, "note_lost", lambda **_what: None)
    monkeypatch.setattr(hearing, "release_connections", lambda **_what: None)
    monkeypatch.setattr(Hearing, "_listen", listen)

    with _running():
        wait_until(lambda: kept == [1])
        is_away.set()
        wait_until(lambda: not kept)
        time.sleep(0.2)
        assert kept == []  # and is not begun again while it is away
        is_away.clear()
        wait_until(lambda: kept == [1])
