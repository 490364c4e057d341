"""The ingest door in a real server: which process serves it, and how it says that it is up."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.db import connection

from simulators.waiting import wait_until
from tests.stories.programs import web_server
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.pipeline import accept
from tocsin.events.models import Event, IngestBeat
from tocsin.events.rules import Report
from tocsin.events.services import beat, create_integration
from tocsin.web.alertmanager.heartbeat import start_beating
from tocsin.web.shared.posts import MAX_BODY

pytestmark = pytest.mark.django_db(transaction=True)
_numbers = count(1)


def post(port: int, token: str, path: str = "/api/v2/alerts") -> int:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps([{"labels": {"alertname": "A"}}])
    request_id = f"test-{next(_numbers)}"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "X-Request-ID": request_id}
    link.request("POST", path, body, headers)
    reply = link.getresponse()
    assert reply.headers["X-Request-ID"] == request_id
    link.close()
    return reply.status


def test_the_server_takes_alerts_and_beats(tmp_path: Path, now: datetime) -> None:
    started = utc_now()
    _integration, token = create_integration(by=SHELL, now=now, name="Prometheus")

    with web_server(tmp_path) as port:
        assert post(port, token) == 200
        assert post(port, "wrong") == 401
        assert post(port, token, "/api/v2/other") == 404
        wait_until(IngestBeat.objects.exists)

    assert Event.objects.get().labels == {"alertname": "A"}
    assert IngestBeat.objects.get().beat_at >= started


def test_two_processes_give_one_answer_and_logs_follow_a_post(
    tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOCSIN_LOG_FORMAT", "json")
    _integration, token = create_integration(by=SHELL, now=now, name="Prometheus")
    stored = 'tocsin_ingest_reports_total{dialect="prometheus",result="stored"} 12.0'

    def metrics(port: int) -> str:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as reply:
            return str(reply.read().decode())

    with web_server(tmp_path, workers=2) as port:
        assert {post(port, token) for _ in range(12)} == {200}
        wait_until(lambda: stored in metrics(port))
        assert all(stored in metrics(port) for _ in range(8))

    event = Event.objects.get()
    lines = [json.loads(line) for line in (tmp_path / "web.log").read_text().splitlines() if line.startswith("{")]
    (changed,) = [line for line in lines if line["event"] == "events changed"]
    assert (changed["event_ids"], changed["alert_ids"]) == ([event.pk], [])
    assert changed["integration_id"] == event.integration_id
    assert changed["request_id"].startswith("test-")


def test_whoever_sends_too_much_is_told_so_whether_it_was_declared_or_not(tmp_path: Path, now: datetime) -> None:
    _integration, token = create_integration(by=SHELL, now=now, name="Prometheus")
    much = b" " * (2 * MAX_BODY)
    answers = []

    with web_server(tmp_path) as port:
        for body in (much, iter([much])):
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            link.request("POST", "/api/v2/alerts", body, {"Authorization": f"Bearer {token}"})
            reply = link.getresponse()
            answers.append((reply.status, json.loads(reply.read())["message"]))
            link.close()

    assert answers == [(413, f"The body is larger than {MAX_BODY} bytes. Send fewer alerts at a time.")] * 2


def test_a_process_without_the_ingest_face_neither_takes_alerts_nor_beats(tmp_path: Path, now: datetime) -> None:
    _integration, token = create_integration(by=SHELL, now=now, name="Prometheus")

    with web_server(tmp_path, faces="operator") as port:
        assert post(port, token) == 404

    assert Event.objects.count() == 0
    assert not IngestBeat.objects.exists()


def test_beats_go_on_after_the_database_was_away(now: datetime) -> None:
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    beat(now)
    accept(integration, [Report({"alertname": "A"})], now)
    back = now + timedelta(minutes=10)
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = "there_is_no_such_database"
    moments = iter([now, back])

    def clock() -> datetime:
        moment = next(moments, back)
        if moment == back:
            connection.settings_dict["NAME"] = name
        return moment

    stop = start_beating(clock)
    wait_until(lambda: IngestBeat.objects.filter(beat_at=back).exists())
    stop()

    assert Event.objects.get().ends_at == now + timedelta(minutes=15)


def test_who_never_finishes_keeps_nobody_waiting_and_no_other_spelling_of_a_header_counts(
    tmp_path: Path, now: datetime
) -> None:
    _integration, token = create_integration(by=SHELL, now=now, name="Prometheus")
    begun = f"POST /v/ HTTP/1.1\r\nHost: x\r\nCookie: csrftoken={'a' * 32}\r\nContent-Length: 1000\r\n\r\nab"
    spelt = (
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-ID: right\r\nX_Request_ID: wrong\r\nConnection: close\r\n\r\n"
    )

    with web_server(tmp_path, faces="public,ingest,operator") as port, ExitStack() as silent:
        for _count in range(20):
            sender = silent.enter_context(socket.create_connection(("127.0.0.1", port)))
            sender.sendall(begun.encode())

        assert post(port, token) == 200
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
            sender.sendall(spelt.encode())
            reply = b"".join(iter(partial(sender.recv, 65536), b"")).decode()
        assert "x-request-id: right" in reply.lower()
