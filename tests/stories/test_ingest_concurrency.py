"""Many doors at once on real PostgreSQL: threads with connections of their own."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import count, islice

import pytest
from django.db import connection, transaction

from simulators.waiting import wait_until
from tests.chaos.threads import at_once, is_anybody_waiting_for_a_lock, then_close
from tocsin.alerts.models import Activity, Alert, AlertEvent
from tocsin.contacts.services import create_contact
from tocsin.core.actors import SHELL
from tocsin.delivery.pipeline import accept, rematch, sweep
from tocsin.events.models import Event, IngestBeat, Rematch
from tocsin.events.queries import key_of
from tocsin.events.rules import IntegrationKey, Report
from tocsin.events.services import beat, create_integration
from tocsin.policies.locking import lock_policies_for_writing
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db(transaction=True)

Targets = list[tuple[int, list[str]]]


@pytest.fixture
def source(now: datetime) -> IntegrationKey:
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    return key_of(integration)


@pytest.fixture
def told(now: datetime) -> Targets:
    contact = create_contact(by=SHELL, now=now, name="Li Na", phone="", email="li.na@example.org")
    return [(contact.pk, ["email"])]


def fires(now: datetime, name: str = "DiskFull", **labels: str) -> Report:
    return Report({"alertname": name, **labels}, {}, "", now, now + timedelta(hours=1))


def recovers(now: datetime, name: str = "DiskFull", **labels: str) -> Report:
    return Report({"alertname": name, **labels}, {}, "", now - timedelta(hours=1), now)


def test_of_two_posts_that_fire_an_event_again_exactly_one_sees_the_change(
    source: IntegrationKey, now: datetime
) -> None:
    for turn in range(30):
        at = now + timedelta(minutes=turn)
        accept(source, [recovers(at)], at)

        results = at_once(*[partial(accept, source, [fires(at)], at)] * 2)

        assert sorted(result.changed for result in results) == [0, 1], turn


def test_alerts_of_one_group_opened_by_two_posts_at_once_are_one_alert(
    source: IntegrationKey, now: datetime, told: Targets
) -> None:
    create_policy(by=SHELL, now=now, name="Team", targets=told)
    for turn in range(20):
        name = f"Alert {turn}"

        results = at_once(*(partial(accept, source, [fires(now, name, host=host)], now) for host in "abc"))

        assert sorted(result.opened for result in results) == [0, 0, 1]
    assert Alert.objects.count() == 20
    assert AlertEvent.objects.count() == 60
    assert Activity.objects.filter(kind="opened").count() == 20


def test_a_policy_saved_while_an_event_is_accepted_is_matched_against_it_when_accept_is_first(
    source: IntegrationKey, now: datetime, told: Targets
) -> None:
    """The policy waits until the event is committed, so that the re-match it leaves behind sees it."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            accept(source, [fires(now)], now)
            saving = pool.submit(then_close, lambda: create_policy(by=SHELL, now=now, name="Team", targets=told))
            wait_until(is_anybody_waiting_for_a_lock)
            assert not saving.done()
        saving.result(60)

    assert Event.objects.get().matched_policies == 0
    assert rematch(now) == 1
    assert Alert.objects.get().memberships.count() == 1


def test_a_policy_saved_while_an_event_is_accepted_is_matched_against_it_when_the_policy_is_first(
    source: IntegrationKey, now: datetime, told: Targets
) -> None:
    """Accept waits for the policy, and reads it, although its own transaction began before."""
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            lock_policies_for_writing()
            accepting = pool.submit(then_close, lambda: accept(source, [fires(now)], now))
            wait_until(is_anybody_waiting_for_a_lock)
            create_policy(by=SHELL, now=now, name="Team", targets=told)
        result = accepting.result(60)

    assert result.opened == 1
    rematch(now)
    assert Alert.objects.get().memberships.count() == 1


def test_a_look_at_what_fires_leaves_out_what_ends_meanwhile(
    source: IntegrationKey, now: datetime, told: Targets
) -> None:
    accept(source, [fires(now)], now)
    create_policy(by=SHELL, now=now, name="Team", targets=told)

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            accept(source, [recovers(now)], now)
            looking = pool.submit(then_close, lambda: rematch(now))
            wait_until(is_anybody_waiting_for_a_lock)
        assert looking.result(60) == 0

    assert Alert.objects.count() == 0
    assert Rematch.objects.count() == 0


def test_no_event_is_missed_by_policies_that_come_while_events_do(
    source: IntegrationKey, now: datetime, told: Targets
) -> None:
    def events(door: int) -> None:
        for number in range(20):
            accept(source, [fires(now, f"Alert {door}-{number}")], now)

    def policies() -> None:
        for number in range(8):
            create_policy(by=SHELL, now=now, name=f"Team {number}", targets=told, group_by=[])
            rematch(now)

    at_once(partial(events, 1), partial(events, 2), policies)
    while rematch(now, 7):
        pass

    assert Event.objects.count() == 40
    assert AlertEvent.objects.count() == 8 * 40
    assert set(Event.objects.values_list("matched_policies", flat=True)) == {8}
    assert Rematch.objects.count() == 0


def test_a_report_that_meets_the_sweep_holds(source: IntegrationKey, now: datetime) -> None:
    """It comes before the sweep and renews the event, or after it and fires the event again."""
    for turn in range(20):
        at = now + timedelta(hours=2 * turn)
        accept(source, [fires(at)], at)
        over = at + timedelta(hours=1)

        swept, accepted = at_once(partial(sweep, over), partial(accept, source, [fires(over)], over))

        assert (swept, accepted.changed) in [(0, 0), (1, 1)]
        assert Event.objects.get().state == "active"


def test_an_outage_is_counted_by_exactly_one_process(source: IntegrationKey, now: datetime) -> None:
    beat(now)
    accept(source, [fires(now)], now)
    back = now + timedelta(minutes=10)

    pauses = at_once(*[partial(beat, back)] * 6)

    assert sorted(pauses)[-2:] == [timedelta(0), timedelta(minutes=10)]
    assert Event.objects.get().ends_at == now + timedelta(hours=1, minutes=10)
    assert IngestBeat.objects.get().beat_at == back


def test_every_pair_of_writers_keeps_the_order_of_locks(source: IntegrationKey, now: datetime, told: Targets) -> None:
    """Batches in any order, shared groups, ends and policies: nobody is ever chosen as a deadlock's victim."""
    for number in range(3):
        create_policy(by=SHELL, now=now, name=f"Team {number}", targets=told, group_by=["group"])
    before = deadlocks()
    hosts = [str(number) for number in range(12)]

    def door(seed: int) -> None:
        chance = random.Random(seed)
        for turn in range(25):
            at = now + timedelta(seconds=turn)
            some = chance.sample(hosts, 8)
            accept(source, [chance.choice([fires, recovers])(at, host=host, group=host[-1]) for host in some], at)

    def sweeper() -> None:
        for turn in range(25):
            sweep(now + timedelta(minutes=turn * 5), limit=5)

    def policymaker() -> None:
        for turn in range(8):
            create_policy(by=SHELL, now=now, name=f"New {turn}", targets=told, group_by=["group"])
            rematch(now, 5)

    def worker() -> None:
        """Locks alerts in the order of their ids and resolves some, as whoever claims and resolves in bulk."""
        for turn in range(25):
            with transaction.atomic():
                unresolved = Alert.objects.select_for_update(no_key=True).filter(resolved_at__isnull=True)
                ids = list(unresolved.order_by("pk").values_list("pk", flat=True))
                Alert.objects.filter(pk__in=ids[turn % 3 :: 3]).update(state="resolved", resolved_at=now)

    at_once(partial(door, 1), partial(door, 2), partial(door, 3), sweeper, policymaker, worker)

    assert deadlocks() == before
    assert NotificationPolicy.objects.count() == 11


def test_open_alerts_are_locked_by_id_whatever_the_order_of_their_groups(
    source: IntegrationKey, now: datetime, told: Targets
) -> None:
    policy = create_policy(by=SHELL, now=now, name="Team", targets=told)
    names = [f"Alert {number}" for number in range(6)]
    for name in names:
        accept(source, [fires(now, name)], now)
    lowest, *others = Alert.objects.filter(policy=policy).order_by("pk")
    assert min(others, key=lambda alert: alert.group_key.int).group_key.int < lowest.group_key.int

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Alert.objects.select_for_update(no_key=True).get(pk=lowest.pk)
            more = [fires(now, name, host="b") for name in names]
            accepting = pool.submit(then_close, lambda: accept(source, more, now))
            wait_until(is_anybody_waiting_for_a_lock)

            free = Alert.objects.select_for_update(no_key=True, nowait=True).filter(pk__in=[one.pk for one in others])

            assert len(free) == 5
        accepting.result(60)

    assert AlertEvent.objects.count() == 12


_LOCKS_WHEN_WAITED_FOR = """
DO $$ BEGIN
  WHILE NOT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))) LOOP
    PERFORM pg_sleep(0.01);
  END LOOP;
  PERFORM FROM events_event WHERE id = {pk} FOR UPDATE;
END $$"""
"""At once, that is: who has waited for a second when both wait is the one that loses, and that is to be the other."""


def test_a_batch_that_loses_a_deadlock_is_stored_all_the_same(source: IntegrationKey, now: datetime) -> None:
    """Somebody who ignores the order of locks (an administrator in psql, say) costs a retry, not an alert."""
    accept(source, [fires(now, host=host) for host in "ab"], now)
    first, second = Event.objects.order_by("fingerprint")
    before = deadlocks()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            Event.objects.select_for_update().get(pk=second.pk)
            accepting = pool.submit(then_close, lambda: accept(source, [fires(now, host=host) for host in "ab"], now))
            with connection.cursor() as cursor:
                cursor.execute(_LOCKS_WHEN_WAITED_FOR.format(pk=first.pk))
        result = accepting.result(60)

    assert result.received == 2
    assert set(Event.objects.values_list("count", flat=True)) == {2}
    wait_until(lambda: deadlocks() == before + 1)


def test_a_repeated_report_updates_its_row_in_place(source: IntegrationKey, now: datetime) -> None:
    """HOT: no index is touched, so neither table nor indexes grow with the reports.

    PostgreSQL moves a row whose page is full of versions that somebody may still read, autovacuum say. So not every
    report need be in place, but a column of an index among the changed ones lets none be.
    """
    accept(source, [fires(now, host=str(number)) for number in range(64)], now)
    moments = (now + timedelta(minutes=turn) for turn in count(1))

    def three_are_in_place() -> bool:
        total, in_place = updates()
        for at in islice(moments, 3):
            value = {"value": at.isoformat()}
            again = Report({"alertname": "DiskFull", "host": "7"}, value, "", now, at + timedelta(hours=1))
            accept(source, [again], at)
        return updates() == (total + 3, in_place + 3)

    wait_until(three_are_in_place)


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def updates() -> tuple[int, int]:
    """All updates and those in place, of the events' table; a backend tells of its own when it ends."""
    pid = connection.connection.info.backend_pid
    connection.close()
    wait_until(lambda: not is_running(pid))
    with connection.cursor() as cursor:
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'events_event'")
        total, in_place = cursor.fetchone()
        return int(total), int(in_place)


def is_running(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", [pid])
        return bool(cursor.fetchone()[0])
