"""The doors of the dialects: who may post, what is stored, and that a retry doubles nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from tests.stories.harness import ADMIN, Story, begin
from tocsin.alerts.models import Alert
from tocsin.delivery.pipeline import sweep
from tocsin.events.models import Event, SeenReport
from tocsin.events.services import create_integration, disable_integration, forget_seen_reports
from tocsin.web.shared import tokens

pytestmark = pytest.mark.django_db

PAYLOADS = Path(__file__).resolve().parents[1] / "fixtures" / "payloads"
FIRING = (PAYLOADS / "alertmanager-two-firing.json").read_bytes()
RESOLVED = (PAYLOADS / "alertmanager-one-resolved.json").read_bytes()
STRUCTURED = "application/cloudevents+json"
CLOUD_EVENT = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t", "data": {"status": "firing"}}
LATER = datetime.fromisoformat("2026-11-28T06:00:00Z")
"""After what was captured."""


@pytest.fixture
def token() -> Iterator[str]:
    tokens.forget_all()
    with time_machine.travel(LATER, tick=False):
        yield create_integration(by=ADMIN, now=LATER, name="Senders")[1]
    tokens.forget_all()


def post(path: str, body: Any, content_type: str = "application/json", **headers: str) -> tuple[int, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = Client().post(f"/{path}", content, content_type=content_type, headers=headers)
    return reply.status_code, reply.json()


def states() -> dict[str, str]:
    return dict(Event.objects.values_list("labels__host", "state"))


def test_alertmanagers_webhook_fires_and_resolves(token: str) -> None:
    fired = post(f"integrations/{token}/alertmanager", FIRING)
    assert (fired, states()) == ((200, {"stored": 2}), {"db2": "active", "db3": "active"})

    resolved = post(f"integrations/{token}/alertmanager", gzip.compress(RESOLVED), content_encoding="gzip")

    assert (resolved, states()) == ((200, {"stored": 2}), {"db2": "active", "db3": "resolved"})


def test_grafanas_webhook_is_stored(token: str) -> None:
    assert post(f"integrations/{token}/grafana", (PAYLOADS / "grafana.json").read_bytes())[0] == 200

    assert states() == {"db1": "active", "db2": "resolved"}
    assert Event.objects.get(labels__host="db1").severity == 1


def test_a_firing_that_comes_after_its_recovery_tells_nobody_again(token: str) -> None:
    alert = {"labels": {"host": "a"}, "startsAt": "2026-11-28T05:50:00Z"}

    def heard(status: str, minute: int, **more: str) -> str:
        with time_machine.travel(LATER + timedelta(minutes=minute), tick=False):
            content = {"version": "4", "alerts": [{**alert, "status": status, **more}]}
            assert post(f"integrations/{token}/alertmanager", content)[0] == 200
        return states()["a"]

    assert heard("firing", 0) == "active"
    assert heard("resolved", 1, endsAt="2026-11-28T06:00:30Z") == "resolved"
    assert heard("firing", 2) == "resolved"
    assert heard("firing", 5) == "resolved"
    assert heard("firing", 5, startsAt="2026-11-28T06:04:00Z") == "active"
    assert heard("resolved", 6, startsAt="2026-11-28T06:04:00Z") == "resolved"
    assert heard("firing", 12, startsAt="2026-11-28T06:04:00Z") == "active"  # its Alertmanager was cut off from it


def test_what_ran_out_and_is_repeated_fires_again(token: str) -> None:
    for later in (timedelta(0), timedelta(hours=25, seconds=30)):
        with time_machine.travel(LATER + later, tick=False):
            sweep(LATER + later)
            assert set(states().values()) in ({"resolved"}, set())
            assert post(f"integrations/{token}/alertmanager", FIRING)[0] == 200
        assert states() == {"db2": "active", "db3": "active"}


def test_a_retry_doubles_nothing(now: datetime) -> None:
    tokens.forget_all()
    with time_machine.travel(LATER, tick=False):
        story: Story = begin(LATER)
        story.policy({story.contact(): ["email"]}, group_wait=0)
        _integration, token = create_integration(by=ADMIN, now=LATER, name="Senders")
        cloud = (f"integrations/{token}/cloudevents", CLOUD_EVENT, STRUCTURED)
        for counts in ({"stored": 1}, {"stored": 0, "dropped": 1}, {"stored": 0, "dropped": 1}):
            assert post(f"integrations/{token}/alertmanager", FIRING)[0] == 200
            assert post(*cloud) == (200, counts)

    assert Event.objects.count() == 3
    assert Alert.objects.count() == 2
    cloudy = Event.objects.get(labels__alertname="t")
    assert cloudy.count == 1
    with time_machine.travel(LATER + timedelta(days=2, hours=23), tick=False):
        over = {**CLOUD_EVENT, "id": "2", "data": {"status": "resolved"}}
        assert post(cloud[0], over, STRUCTURED)[0] == 200
        assert post(*cloud)[0] == 200  # the firing once more, late
    cloudy.refresh_from_db()
    assert cloudy.state == "resolved"
    assert (SeenReport.objects.count(), forget_seen_reports(LATER + timedelta(days=4))) == (2, 1)


def test_a_batch_with_a_bad_item_stores_the_others_and_names_the_field(token: str) -> None:
    content = {"version": "4", "alerts": [{"status": "firing", "labels": {"host": "a"}}, {"status": "firing"}]}

    status, told = post(f"integrations/{token}/alertmanager", content)

    assert (status, told["stored"], states()) == (400, 1, {"a": "active"})
    assert told["message"] == (
        "1 of 2 items refused: alerts[1]: Object missing required field `labels`"
    )  # fmt: skip


def test_armss_door_answers_as_arms_and_takes_all_or_nothing(token: str) -> None:
    event = {"labels": {"alertname": "CPU", "severity": "critical"}, "annotations": {"message": "busy"}}

    status, told = post(f"api/v1/events/{token}", event)

    stored = Event.objects.get()
    start = int(LATER.timestamp() * 1000)
    assert status == 200
    assert told == {
        "labels": {
            **event["labels"],
            "_aliyun_arms_integration_id": str(stored.integration_id),
            "_aliyun_arms_integration_name": "Senders",
            "_aliyun_arms_product_type": "CUSTOM",
            "_aliyun_arms_userid": "0",
        },
        "annotations": {"message": "busy"},
        "startsAt": start,
        "endsAt": start + 300_000,
        "generatorUrl": "",
        "services": [],
    }
    assert stored.labels == event["labels"]

    status, told = post(f"api/v1/events/{token}", [{"labels": {"alertname": "B"}}, {"labels": {}}])

    assert (status, told["stored"], Event.objects.count()) == (400, 0, 1)


def test_a_mapping_of_the_integration_reads_its_json() -> None:
    mapping = "each = items\nlabels.host = name\nid = $.delivery"
    _integration, token = create_integration(by=ADMIN, now=LATER, name="Watch", mapping=mapping)
    content = {"delivery": "d1", "items": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}

    assert post(f"integrations/{token}/json", content) == (200, {"stored": 3})
    assert states() == {"a": "active", "b": "active"}
    content["items"].append({"name": "c"})
    assert post(f"integrations/{token}/json", content) == (200, {"stored": 1, "dropped": 3})

    assert states() == {"a": "active", "b": "active", "c": "active"}
    assert Event.objects.get(labels__host="b").count == 1


def test_a_firing_and_its_recovery_may_have_one_id() -> None:
    mapping = "labels.host = name\nstatus = state\nid = id"
    _integration, token = create_integration(by=ADMIN, now=LATER, name="Watch", mapping=mapping)
    firing, over = ({"name": "a", "id": 7, "state": state} for state in ("firing", "ok"))

    assert post(f"integrations/{token}/json", firing) == (200, {"stored": 1})
    assert post(f"integrations/{token}/json", over) == (200, {"stored": 1})
    assert post(f"integrations/{token}/json", [firing, over]) == (200, {"stored": 0, "dropped": 2})

    assert states() == {"a": "resolved"}


def test_armss_door_answers_with_an_array_whatever_encoding_it_came_in(token: str) -> None:
    two = json.dumps([{"labels": {"alertname": name}} for name in "AB"])

    assert post(f"api/v1/events/{token}", b"\xef\xbb\xbf[]") == (200, [])
    for content in (two.encode("utf-8-sig"), two.encode("utf-16")):
        status, told = post(f"api/v1/events/{token}", content)
        assert (status, [each["labels"]["alertname"] for each in told]) == (200, ["A", "B"])


def test_what_is_nested_too_deeply_costs_no_other(token: str) -> None:
    for depth in range(700, 1000, 4):
        deep = "[" * depth + "]" * depth
        status, _told = post(f"api/v1/events/{token}", f'{{"labels":{{"alertname":{deep}}}}}'.encode())
        assert status in (200, 400), depth
        status, told = post(f"integrations/{token}/json", f'[{{"title":{deep}}},{{"title":"B"}}]'.encode())
        assert status in (200, 400), depth
        assert told.get("stored", 0) > 0 or told["message"] == "The body is nested too deeply.", depth


def test_what_the_database_refuses_is_answered_in_json(token: str) -> None:
    content = {"labels": {"alertname": "A"}, "status": "firing"}
    assert post(f"integrations/{token}/json", content)[0] == 200
    Event.objects.update(count=2**31 - 1)

    status, told = post(f"integrations/{token}/json", content)

    assert (status, told) == (500, {"code": 500, "message": "Tocsin failed; its log says why."})


def test_a_binary_cloud_event_whose_data_is_no_json_is_refused(token: str) -> None:
    headers = {"ce-id": "1", "ce-source": "/a", "ce-type": "t", "ce-specversion": "1.0"}

    status, told = post(f"integrations/{token}/cloudevents", b"{", "application/json", **headers)

    assert (status, told["stored"]) == (400, 0)
    assert "data: The body is not JSON" in told["message"]


def test_what_max_alerts_cut_off_is_said(token: str, caplog: pytest.LogCaptureFixture) -> None:
    content = {**json.loads(FIRING), "truncatedAlerts": 7}

    assert post(f"integrations/{token}/alertmanager", content) == (200, {"stored": 2, "cut_off": 7})

    assert "the sender of the integration Senders left out 7 alerts" in caplog.text


def test_nobody_posts_without_a_token_of_an_enabled_integration(token: str) -> None:
    integration, disabled = create_integration(by=ADMIN, now=LATER, name="Old")
    disable_integration(by=ADMIN, now=LATER, integration_id=integration.pk)
    event = {"labels": {"alertname": "A"}}

    assert post("integrations/tci_wrong/json", event)[0] == 401
    assert post("api/v1/events/tci_wrong", event)[0] == 401
    assert post(f"integrations/{disabled}/json", event)[0] == 403
    assert post(f"integrations/{token}/other", event)[0] == 404
    assert Client().get(f"/integrations/{token}/json").status_code == 405
    assert post(f"integrations/{token}/json", b"[")[0] == 400
    assert Event.objects.count() == 0


def test_senders_of_cloud_events_may_ask_whether_they_are_welcome(token: str) -> None:
    path = f"/integrations/{token}/cloudevents"

    reply = Client().options(path, headers={"WebHook-Request-Origin": "eventemitter.example.com"})

    assert reply.status_code == 200
    assert reply["WebHook-Allowed-Origin"] == "eventemitter.example.com"
    assert Client().options(f"/integrations/{token}/json").status_code == 405
