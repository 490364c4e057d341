"""Migrations of processes that start at once on one database."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from simulators.waiting import wait_until
from tests.chaos.threads import other_connections
from tests.unit.contacts.writers import Writer
from tocsin.config.migrations import one_at_a_time

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_waits_for_its_turn_does_not_hold_up_an_index_that_is_made_meanwhile() -> None:
    had_a_turn = threading.Event()

    def take_turn() -> None:
        with one_at_a_time():
            had_a_turn.set()

    with one_at_a_time(), connection.cursor() as cursor:
        other = Writer(take_turn)
        wait_until(lambda: other_connections("SELECT pg_try_advisory_lock%"))
        cursor.execute("SET lock_timeout = '60s'")
        cursor.execute("CREATE INDEX CONCURRENTLY made_meanwhile ON contacts_contactgroup (created_at)")
        cursor.execute("DROP INDEX made_meanwhile")
        cursor.execute("RESET lock_timeout")
        assert not had_a_turn.is_set()

    other.finish()
    assert had_a_turn.is_set()
