"""One alert to 10,000 mailboxes, beside a bare loop that renders and sends the same messages to the same sink.

Tocsin's time runs from the answer to the post until the sink has the last mail: planning, claiming, rendering, sending
and recording of every delivery are in it. The loop only renders and sends.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import aiosmtplib

from benchmarks.figures import Figure
from benchmarks.ingest import tocsin
from benchmarks.prepared import address, prepare
from benchmarks.sink import Sink

_PEOPLE = 10_000
_CONNECTIONS = 8
_LOOP_MAILS = 2_000
"""The loop's rate does not depend on how many it sends."""
_SUBJECT = "[P1] DiskFull (#1)"
_TEXT = "DiskFull: firing: 1 event\n\n* firing: DiskFull\n  /var is at 97 %\n  instance=db1, severity=critical\n"
_HTML = "<!doctype html><html><body>" + "<p>DiskFull: firing: 1 event</p>" * 30 + "</body></html>"


def main() -> list[Figure]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        port, _ = stack.enter_context(tocsin(folder / "data"))
        token = prepare(folder / "data", people=_PEOPLE, smtp_port=sink.port, connections=_CONNECTIONS)
        before = _loop(sink)
        ours = _PEOPLE / _tocsin(port, token, sink)
        bare = (before + _loop(sink)) / 2
    ratio = ours / bare
    print(f"  Tocsin {ours:,.0f} mails/s, bare loop {bare:,.0f} mails/s, ratio {ratio:.2f}", flush=True)
    found = f"{ratio:.2f} ({ours:,.0f} to {bare:,.0f} mails/s)"
    return [
        Figure(f"one alert to {_PEOPLE:,} mailboxes, beside a bare loop of {_CONNECTIONS} connections", found, "0.8")
    ]


def _tocsin(port: int, token: str, sink: Sink) -> float:
    """Seconds until the last mail has come."""
    now = datetime.now(UTC)
    report = {
        "labels": {"alertname": "DiskFull", "severity": "critical", "instance": "db1"},
        "annotations": {"summary": "/var is at 97 %"},
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
    }
    sink.expect(_PEOPLE)
    door = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    door.request("POST", "/api/v2/alerts", json.dumps([report]), headers)
    reply = door.getresponse()
    reply.read()
    assert reply.status == 200, reply.status
    answered = time.monotonic()
    return sink.arrived() - answered


def _loop(sink: Sink) -> float:
    """Mails a second."""
    sink.expect(_LOOP_MAILS)
    begun = time.monotonic()
    asyncio.run(_send_all(sink.port))
    return _LOOP_MAILS / (sink.arrived() - begun)


async def _send_all(port: int) -> None:
    numbers = iter(range(_LOOP_MAILS))

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
            for number in numbers:
                await smtp.sendmail("tocsin@example.org", address(number), _rendered(address(number)))

    await asyncio.gather(*(connection() for _ in range(_CONNECTIONS)))


def _rendered(to: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tocsin@example.org", to, _SUBJECT
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="example.org")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT)
    message.add_alternative(_HTML, subtype="html")
    return bytes(message)
