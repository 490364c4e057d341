"""/healthz, /readyz and /metrics."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import DatabaseError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from tests.stories.harness import begin
from tocsin.web.operator import health

pytestmark = pytest.mark.django_db


def test_healthz_answers_without_the_database(client: Client, django_db_blocker: object) -> None:
    reply = client.get("/healthz")

    assert (reply.status_code, reply.content) == (200, b"ok\n")


def test_readyz_says_that_the_tables_are_this_versions(client: Client) -> None:
    reply = client.get("/readyz")

    assert reply.status_code == 200
    assert reply.json() == {"ready": True, "checks": {"database": "ok", "migrations": "ok"}}


def test_readyz_is_503_when_the_database_is_gone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def ensure_connection(self) -> None:
            raise DatabaseError("no route to host db-1.internal")

    monkeypatch.setattr(health, "connection", Gone())

    reply = client.get("/readyz")

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
