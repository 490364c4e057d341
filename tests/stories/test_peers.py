"""Two installations watch each other: what one sends is the heartbeat that the other expects."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.stories.harness import ADMIN, Story
from tocsin.delivery.auditor import Finding, audit
from tocsin.delivery.peers import peer_reports, tell_peer
from tocsin.delivery.pipeline import accept
from tocsin.events.queries import key_of
from tocsin.events.services import create_integration
from tocsin.web.alertmanager.reading import read_batch


@dataclass
class Peer:
    """The other installation's door: keeps what comes, so that the story can hand it to the real one."""

    url: str = ""
    status: int = 200
    came: list[tuple[str, str, bytes]] = field(default_factory=list)


@pytest.fixture
def peer(settings: Any) -> Iterator[Peer]:
    peer = Peer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            peer.came.append((self.path, self.headers["Authorization"], body))
            self.send_response(peer.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing to be read."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.PEER_URL = peer.url = f"http://127.0.0.1:{server.server_port}"
    settings.PEER_TOKEN = "tci_peer"
    yield peer
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_peer_that_falls_silent_is_told_to_the_other_ones_admins(story: Story, peer: Peer) -> None:
    ada = story.contact("Ada")
    rule = [("__integration__", "Peer"), ("__severity__", "P1")]
    story.policy({ada: ["phone"]}, rules=[[{"key": key, "operator": "eq", "value": value} for key, value in rule]])
    watched, _token = create_integration(
        by=ADMIN, now=story.now, name="Peer", heartbeat_seconds=300,
        heartbeat_rules=[[{"key": "alertname", "operator": "eq", "value": "TocsinHeartbeat"}]],
    )  # fmt: skip
    audit(story.now)

    for _minute in range(10):
        assert tell_peer(story.now) == 1
        story.passes(60)
        path, authorization, body = peer.came[-1]
        assert (path, authorization) == ("/api/v2/alerts", "Bearer tci_peer")
        accept(key_of(watched), read_batch(body).reports, story.now)
        audit(story.now)
    watched.refresh_from_db()
    assert watched.heartbeat_missed_at is None
    story.passes(400)  # the peer is dead

    story.expect_call(ada, "Peer has sent no heartbeat for 5 minutes")
    story.expect_text(ada, "TocsinHeartbeatMissed")


def test_the_peer_is_told_of_faults_and_hears_no_heartbeat_once_the_auditor_is_dead(now: datetime) -> None:
    fault = Finding("TocsinDeliveriesLate", 3, "3 messages wait to be sent for more than a minute")

    told: Any = peer_reports(now, [fault], now - timedelta(minutes=1))
    silent = peer_reports(now, [], now - timedelta(minutes=6))

    assert [report["labels"]["alertname"] for report in told] == ["TocsinDeliveriesLate", "TocsinHeartbeat"]
    assert told[0]["labels"]["severity"] == "critical"
    assert "3 messages wait" in told[0]["annotations"]["summary"]
    assert silent == []


def test_a_peer_that_refuses_or_is_gone_is_no_fault_of_ours(
    story: Story, peer: Peer, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    peer.status = 401
    assert tell_peer(story.now) == 0
    settings.PEER_URL = "http://127.0.0.1:9"
    assert tell_peer(story.now) == 0
    settings.PEER_URL = ""
    assert tell_peer(story.now) == 0

    assert "answers 401" in caplog.text
    assert "cannot be told" in caplog.text
    assert "tci_peer" not in caplog.text
