"""A load generator that is not the bottleneck: prepared requests over keep-alive sockets, one thread for each."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

EVENTS = 20_000
"""Different events that are reported again and again."""


def bodies(batch: int, events: int = EVENTS) -> list[bytes]:
    """As Prometheus posts them: eight labels, two annotations, 500 bytes an alert."""
    now = datetime.now(UTC)
    times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=1)).isoformat()}
    firsts = range(0, events, batch)
    return [json.dumps([_alert(first + at, times) for at in range(batch)]).encode() for first in firsts]


def repeat(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> float:
    """Requests answered with 200 in a second. Anything else ends the benchmark."""
    done = [0] * connections
    failed: list[bytes] = []
    end = threading.Event()

    def client(index: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            at = index
            while not end.is_set():
                connection.sendall(requests[at % len(requests)])
                reply = connection.recv(4096)
                if not reply.startswith(b"HTTP/1.1 200"):
                    failed.append(reply)
                    end.set()
                at += connections
                done[index] += 1

    clients = [threading.Thread(target=client, args=(index,)) for index in range(connections)]
    for thread in clients:
        thread.start()
    time.sleep(1)
    began, before = time.monotonic(), sum(done)
    end.wait(seconds)
    took, count = time.monotonic() - began, sum(done) - before
    end.set()
    for thread in clients:
        thread.join()
    if failed:
        raise RuntimeError(failed[0].decode(errors="replace"))
    return count / took


def fire(door: http.client.HTTPConnection, token: str, name: str, summary: str) -> float:
    """Posts one alert; the moment at which it was answered."""
    now = datetime.now(UTC)
    report = {
        "labels": {"alertname": name, "severity": "critical", "instance": "db1"},
        "annotations": {"summary": summary},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    door.request("POST", "/api/v2/alerts", json.dumps([report]), headers)
    reply = door.getresponse()
    reply.read()
    assert reply.status == 200, reply.status
    return time.monotonic()


def as_request(port: int, body: bytes, token: str) -> bytes:
    head = (
        f"POST /api/v2/alerts HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _alert(number: int, times: dict[str, str]) -> dict[str, object]:
    return {
        "labels": {
            "alertname": "DiskWillFill",
            "cluster": "production-1",
            "datacenter": "eu-west",
            "instance": f"db{number}.example.org:9100",
            "job": "node",
            "mountpoint": "/var/lib/postgresql",
            "severity": "critical",
            "team": "storage",
        },
        "annotations": {
            "description": f"At this rate /var/lib/postgresql of db{number} is full in four hours: 91.7 % is used.",
            "summary": "A file system will be full within four hours",
        },
        **times,
        "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=predict_linear%28node_filesystem_free%5B1h%5D",
    }
