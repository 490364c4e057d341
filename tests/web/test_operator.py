"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
import time_machine
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.stories.harness import begin
from tocsin.delivery.claiming import claim
from tocsin.delivery.planning import plan_due
from tocsin.delivery.recording import record
from tocsin.delivery.sending import send_all
from tocsin.web.shared.counting import count_post, write_counts

pytestmark = pytest.mark.django_db


def test_healthz_answers_without_the_database(client: Client, django_db_blocker: object) -> None:
    reply = client.get("/healthz")

    assert (reply.status_code, reply.content) == (200, b"ok\n")


def test_readyz_says_that_the_tables_are_this_versions(client: Client) -> None:
    reply = client.get("/readyz")

    assert reply.status_code == 200
    assert reply.json() == {"ready": True, "checks": {"database": "ok", "migrations": "ok"}}


@pytest.mark.django_db(transaction=True)
def test_readyz_is_503_when_the_database_is_gone(client: Client) -> None:
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = "there_is_no_such_database"
    try:
        reply = client.get("/readyz")
    finally:
        connection.settings_dict["NAME"] = name

    assert reply.status_code == 503
    assert reply.json() == {"ready": False, "checks": {"database": "not reachable", "migrations": "unknown"}}


def test_metrics_count_what_is_open_and_waiting(client: Client, now: datetime) -> None:
    story = begin(now)
    story.policy({story.contact("Wei", phone="+8613800001234"): ["phone"]})
    story.fires("DiskFull")
    story.passes(5)

    reply = client.get("/metrics")

    assert reply.headers["Content-Type"].startswith("text/plain; version=")
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(reply.content.decode())
        for sample in family.samples
    }
    assert samples["tocsin_alerts_open", "pending"] == 1
    assert samples["tocsin_alerts_open", "handling"] == 0
    assert samples["tocsin_events_active",] == 1
    assert samples["tocsin_events_active_unmatched",] == 0
    assert samples["tocsin_receipts_asked_24h",] == 0
    assert samples["tocsin_provider_account_resting", "Outbox (email)", "email"] == 0
    assert "Wei" not in reply.content.decode()
    assert "13800001234" not in reply.content.decode()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_operators_only_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def samples_of(client: Client) -> dict[tuple[str, ...], float]:
    """By name and the values of the labels in the order of their names."""
    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_became_of_messages_is_counted_once(client: Client, now: datetime) -> None:
    story = begin(now)
    wei = story.contact("Wei", email="wei@example.org")
    story.policy({wei: ["email"]})
    with time_machine.travel(now, tick=False) as clock:
        story.fires("DiskFull")
        clock.move_to(now + timedelta(seconds=6))
        story.passes(6)
    story.expect_mail(wei, "DiskFull")

    found = samples_of(client)

    assert found["tocsin_attempts_total", "Outbox (email)", "email", "accepted"] == 1
    bucket = "tocsin_event_to_handover_seconds_bucket"
    assert [found[bucket, "email", le] for le in ("0.1", "5", "10", "+Inf")] == [0, 0, 1, 1]
    assert found["tocsin_event_to_handover_seconds_count", "email"] == 1
    assert found["tocsin_event_to_handover_seconds_sum", "email"] == 6
    assert found["tocsin_deliveries_due", "email"] == 0


def test_what_a_batch_recorded_twice_came_to_is_counted_once(client: Client, now: datetime) -> None:
    """Recording is tried again when it is in doubt whether it was committed."""
    story = begin(now)
    story.policy({story.contact("Wei", email="wei@example.org"): ["email"]}, group_wait=0)
    story.fires("DiskFull")
    plan_due(now)
    claims = claim(now, worker_id=1)
    sent, _reported = async_to_sync(send_all)(claims)

    for _ in range(2):
        record(sent, now)

    assert samples_of(client)["tocsin_attempts_total", "Outbox (email)", "email", "accepted"] == 1


def test_posts_are_counted_in_memory_and_kept_until_the_database_has_them(client: Client) -> None:
    write_counts()
    count_post("of-this-test", 400, stored=2, refused=1)
    count_post("of-this-test", 200, stored=3)
    before = samples_of(client)

    write_counts()
    write_counts()

    found = samples_of(client)
    assert found["tocsin_ingest_requests_total", "200", "of-this-test"] == 1
    assert found["tocsin_ingest_reports_total", "of-this-test", "stored"] == 5
    assert found["tocsin_ingest_reports_total", "of-this-test", "refused"] == 1
    assert ("tocsin_ingest_requests_total", "200", "of-this-test") not in before


def test_logs_lead_from_an_event_to_the_messages_about_it(now: datetime, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tocsin")
    story = begin(now)
    wei = story.contact("Wei", email="wei@example.org")
    story.policy({wei: ["email"]}, group_wait=0)

    event = story.fires("DiskFull")
    story.passes(0)

    lines = {record.getMessage(): record.__dict__ for record in caplog.records}
    changed, sent = lines["events changed"], lines["messages were handed over"]
    assert changed["event_ids"] == [event.pk]
    assert sent["alert_ids"] == changed["alert_ids"] == [story.alert().pk]
    assert sent["delivery_ids"] == [story.delivery(wei, "email").pk]
