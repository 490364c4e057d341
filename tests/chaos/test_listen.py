"""The doorbell: it is heard, and when its connection is lost workers look again by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from simulators.waiting import wait_until
from tests.chaos.crowds import crowd
from tests.chaos.programs import UNHEARD, working
from tests.chaos.threads import other_connections
from tocsin.channels.services import ensure_outbox_accounts
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.crashes import WORKER_LOCKS
from tocsin.delivery.models import Delivery
from tocsin.delivery.pipeline import accept
from tocsin.delivery.waiting import CEILING
from tocsin.events.queries import key_of
from tocsin.events.rules import IntegrationKey, Report
from tocsin.events.services import create_integration
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def source() -> IntegrationKey:
    now = utc_now()
    ensure_outbox_accounts(now=now)
    create_policy(by=SHELL, now=now, name="Team", targets=[(crowd(1, now).pk, ["email"])], group_wait=timedelta(0))
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    return key_of(integration)


def is_told(source: IntegrationKey, name: str) -> None:
    now = utc_now()
    told = Delivery.objects.filter(state="accepted").count() + 1
    accept(source, [Report({"alertname": name}, {}, "", now, now + timedelta(hours=1))], now)
    wait_until(lambda: Delivery.objects.filter(state="accepted").count() == told)


def listeners() -> list[int]:
    return other_connections("LISTEN %")


def end_connection(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


def workers_with_a_lock() -> list[tuple[int, int]]:
    """(id of the worker, process id of its listening connection's server)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid::bigint, pid FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [WORKER_LOCKS],
        )
        return list(cursor.fetchall())


def test_a_ring_is_heard(source: IntegrationKey) -> None:
    with working(ceiling=UNHEARD):
        wait_until(listeners)

        for turn in range(3):
            is_told(source, f"Alert {turn}")


def test_a_lost_connection_comes_back_and_what_was_rung_meanwhile_is_heard(source: IntegrationKey) -> None:
    with working(ceiling=UNHEARD):
        wait_until(listeners)
        (before,) = workers_with_a_lock()
        end_connection(before[1])

        is_told(source, "Disk full")

        wait_until(lambda: listeners() and workers_with_a_lock())
        (after,) = workers_with_a_lock()
        assert (after[0], after[1] != before[1]) == (before[0], True)
        for turn in range(3):
            is_told(source, f"Alert {turn}")


def test_who_cannot_listen_at_all_looks_by_the_clock(source: IntegrationKey) -> None:
    """Every five seconds; here sooner, so that nobody waits for it."""
    assert CEILING == 5
    with working(ceiling=0.5):
        wait_until(listeners)
        ((worker, listener),) = workers_with_a_lock()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(%s), pg_advisory_lock(%s, %s)", [listener, WORKER_LOCKS, worker]
            )
        wait_until(lambda: other_connections("SELECT pg_advisory_lock%"))

        is_told(source, "Disk full")

        assert listeners() == []
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [WORKER_LOCKS, worker])
        wait_until(listeners)
