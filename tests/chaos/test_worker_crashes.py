"""Workers and web servers that are killed, and workers that are asked to end: nothing is lost, nothing is doubled in
silence."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from simulators.ports import free_port, takes_connections
from simulators.smtp import SmtpSimulator
from simulators.waiting import wait_until
from tests.chaos.crowds import crowd
from tests.chaos.doors import post
from tests.chaos.programs import UNHEARD, Program, on_this_database, working
from tests.chaos.threads import other_connections
from tocsin.alerts.models import Alert
from tocsin.channels.services import add_account
from tocsin.contacts.models import Contact
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Attempt, Delivery
from tocsin.delivery.pipeline import accept
from tocsin.delivery.timeline import timeline
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.events.services import create_integration
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db(transaction=True)


def tell_by_mail(people: int, simulator: SmtpSimulator, *, connections: int = 8, timeout: int = 20) -> str:
    """One policy that tells so many people of everything, at once; returns the token of an integration."""
    now = utc_now()
    config = {
        "host": simulator.host,
        "port": str(simulator.port),
        "from": "tocsin@example.org",
        "connections": str(connections),
        "timeout": str(timeout),
    }
    add_account(by=SHELL, now=now, name="simulator", provider="smtp", config=config)
    group = crowd(people, now)
    create_policy(by=SHELL, now=now, name="Mail", targets=[(group.pk, ["email"])], group_wait=timedelta(0))
    _integration, token = create_integration(by=SHELL, now=now, name="Prometheus")
    return token


def fire(name: str = "DiskFull") -> None:
    now = utc_now()
    integration, _token = create_integration(by=SHELL, now=now, name=f"Source of {name}")
    accept(key_of(integration), [Report({"alertname": name}, {}, "", now, now + timedelta(hours=1))], now)


def states() -> Counter[str]:
    return Counter(Delivery.objects.values_list("state", flat=True))


def mails_by_person(simulator: SmtpSimulator) -> Counter[str]:
    return Counter(mail.recipient for mail in simulator.messages)


def test_after_a_killed_worker_nothing_is_lost_and_only_what_was_in_flight_is_in_doubt() -> None:
    people = 300
    environment = on_this_database()
    with SmtpSimulator() as simulator:
        tell_by_mail(people, simulator)
        hanging = {"p10@example.org", "p100@example.org", "p101@example.org"}  # early in the order of names
        for address in hanging:
            simulator.answer(address, "hang after data")
        with Program("worker", environment=environment) as first:
            fire()
            simulator.wait_for(150, within=60)
            first.kill()
            wait_until(lambda: other_connections() == [])
        in_flight = set(Delivery.objects.filter(state="sending").values_list("pk", flat=True))
        recorded = set(Delivery.objects.filter(state="accepted").values_list("pk", flat=True))

        with Program("worker", environment=environment):
            wait_until(lambda: states() == {"accepted": people})
        received = mails_by_person(simulator)

    doubtful = dict(Attempt.objects.filter(outcome="ambiguous").values_list("delivery_id", "code"))
    addresses = dict(Contact.objects.values_list("pk", "email"))
    copies = {
        pk: received[addresses[recipient]] for pk, recipient in Delivery.objects.values_list("pk", "recipient_id")
    }
    assert in_flight
    assert recorded
    assert set(doubtful) == in_flight
    assert set(doubtful.values()) == {"worker"}
    assert min(copies.values()) == 1
    assert {pk for pk, count in copies.items() if count > 1} <= in_flight
    assert max(copies.values()) <= 2
    assert all(received[address] == 2 for address in hanging)
    assert set(Attempt.objects.filter(number=2).values_list("delivery_id", flat=True)) == in_flight
    assert Attempt.objects.count() == people + len(in_flight)
    entries = [entry for entry in timeline(Alert.objects.get().pk) if entry.delivery_id in in_flight]
    assert len(entries) == len(in_flight)
    assert all("worker ended before the reply was recorded" in entry.steps[0].text for entry in entries)


def test_an_event_accepted_by_a_web_server_that_is_then_killed_is_told() -> None:
    environment = on_this_database()
    port = free_port()
    with SmtpSimulator() as simulator:
        token = tell_by_mail(1, simulator)
        with Program("web", "--port", str(port), "--faces", "ingest", environment=environment) as web:
            wait_until(lambda: takes_connections(port))
            status = post(port, token, "DiskFull")
            web.kill()

        assert status == 200
        assert simulator.messages == []
        with Program("worker", environment=environment):
            (mail,) = simulator.wait_for(1, within=60)
            wait_until(lambda: states() == {"accepted": 1})

    assert "DiskFull" in str(mail.message["Subject"])


def test_a_worker_that_is_asked_to_end_records_what_it_sends_and_gives_back_the_rest() -> None:
    with SmtpSimulator() as simulator:
        tell_by_mail(40, simulator, connections=2, timeout=1)
        for number in range(40):
            simulator.answer(f"p{number}@example.org", "hang after data")
        fire()
        with working() as worker:
            simulator.wait_for(2)
            begun = len(simulator.messages)
            worker.end()

    assert Delivery.objects.filter(state="sending").count() == 0
    sent = set(Attempt.objects.values_list("delivery_id", flat=True))
    assert len(sent) == len(simulator.messages)
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"ambiguous"}
    rest = Delivery.objects.exclude(pk__in=sent)
    assert set(rest.values_list("state", "attempt_count", "worker_id")) == {("planned", 0, None)}
    assert len(rest) == 40 - len(sent) >= 38 - begun  # both connections may have been about to begin with another


def test_an_idle_worker_ends_when_it_is_asked_to_and_not_when_it_looks_again() -> None:
    with working(ceiling=UNHEARD) as worker:
        worker.end()
