"""Migrations of processes that start at once on one database."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection

from tests.unit.contacts.writers import Writer
from tocsin.config.migrations import one_at_a_time

pytestmark = pytest.mark.django_db(transaction=True)


def test_who_waits_for_its_turn_does_not_hold_up_an_index_that_is_made_meanwhile() -> None:
    is_waiting, had_a_turn = threading.Event(), threading.Event()

    def take_turn() -> None:
        is_waiting.set()
        with one_at_a_time():
            had_a_turn.set()

    with one_at_a_time(), connection.cursor() as cursor:
        other = Writer(take_turn)
        assert is_waiting.wait(10)
        time.sleep(0.1)  # the other one has asked for the lock
        cursor.execute("SET lock_timeout = '5s'")
        cursor.execute("CREATE INDEX CONCURRENTLY made_meanwhile ON contacts_contactgroup (created_at)")
        cursor.execute("DROP INDEX made_meanwhile")
        cursor.execute("RESET lock_timeout")
        assert not had_a_turn.is_set()

    other.finish()
    assert had_a_turn.is_set()
