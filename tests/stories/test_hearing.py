"""The connections to vendors that a worker keeps, when something about them goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from simulators.slack import SlackSimulator
from simulators.waiting import wait_until
from tests.stories.harness import Story, begin
from tocsin.channels.connections import hold_connections, listening, note_lost
from tocsin.core.clock import utc_now
from tocsin.delivery.hearing import Hearing, _failures_after, _pause


@pytest.fixture
def slack() -> Iterator[SlackSimulator]:
    with SlackSimulator() as running:
        yield running


@contextmanager
def _running(*, looked_every: float) -> Iterator[None]:
    """A worker's thread that looks so often, whose hold lasts four times as long, and that tries again at once."""
    stop = threading.Event()
    thread = Hearing(7, stop, looked_every=looked_every, pauses=(0.01, 0.01))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.bell.ring()
        thread.join(60)


@contextmanager
def _while(does: str, undoes: str) -> Iterator[None]:
    """To the table of connections."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {does}")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {undoes}")


def test_a_refusal_that_postgresql_cannot_keep_is_noted_all_the_same(story: Story) -> None:
    account = story.account("slack_app", token="xoxb-1-a", app_token="xapp-1-a")
    hold_connections(worker_id=1, now=story.now)

    note_lost(account_id=account.pk, worker_id=1, failure="Slack says: \ud800\0 busy", now=story.now)

    noted = listening(account, story.now)
    assert noted is not None
    assert noted.failure == "Slack says: ? busy"


@pytest.mark.django_db(transaction=True)
def test_a_failure_that_cannot_be_noted_does_not_end_the_listening(
    slack: SlackSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """What had ended would begin again when the worker looks, which is in ten minutes."""
    begin(utc_now()).account("slack_app", **slack.config)
    for _ in range(3):
        slack.answer_next("internal_error")

    table = "channels_connection"
    with (
        _while(f"{table} ADD CONSTRAINT unnoted CHECK (failure = '')", f"{table} DROP CONSTRAINT unnoted"),
        _running(looked_every=600),
    ):
        slack.wait_for_connection()

    assert [record.message for record in caplog.records] == ["how a connection goes was not noted (IntegrityError)"] * 3


def test_a_vendor_that_sends_us_away_at_once_is_asked_less_and_less_often() -> None:
    failures, pauses = 0, []
    for _ in range(10):
        failures = _failures_after(failures, is_lost=False, stood_for=0.1)
        pauses.append(_pause(failures))

    assert sum(pauses) > 120
    assert _failures_after(failures, is_lost=False, stood_for=3600) == 0
    assert _failures_after(failures, is_lost=True, stood_for=3600) == 0
    assert _failures_after(1, is_lost=True, stood_for=30) == 2


@pytest.mark.django_db(transaction=True)
def test_a_worker_without_the_database_lets_go_of_what_others_may_hold(
    slack: SlackSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    def looked_in_vain() -> int:
        return sum("cannot be looked after" in record.message for record in caplog.records)

    begin(utc_now()).account("slack_app", **slack.config)
    with _running(looked_every=0.25):
        slack.wait_for_connection()
        with _while("channels_connection RENAME TO away", "away RENAME TO channels_connection"):
            wait_until(lambda: not slack.is_connected, what="letting go")
            connected, looked = slack.connected, looked_in_vain()
            wait_until(lambda: looked_in_vain() >= looked + 3, what="looking in vain")
            assert slack.connected == connected  # it is not begun again while the database is away
        wait_until(lambda: slack.connected == connected + 1, what="another connection")
