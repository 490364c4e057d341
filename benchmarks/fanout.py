"""One alert to 10,000 mailboxes, beside a bare loop that renders and sends the same messages to the same sink.

Tocsin's time runs from the answer to the post until the sink has the last mail: planning, claiming, rendering, sending
and recording of every delivery are in it. The loop only renders and sends. A second loop does not even render: it hands
over the same bytes again and again, which is all that the client library can do. They take turns.
"""

from __future__ import annotations

import asyncio
import http.client
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from statistics import median

import aiosmtplib

from benchmarks.figures import Figure
from benchmarks.ingest import tocsin
from benchmarks.load import fire
from benchmarks.prepared import address, prepare
from benchmarks.sink import Sink

_PEOPLE = 10_000
_CONNECTIONS = 8
_ROUNDS = 3
_LOOP_MAILS = 4_000
"""The loop's rate does not depend on how many it sends."""
_SUBJECT = "[P1] DiskFull (#1)"
_TEXT = "DiskFull: firing: 1 event\n\n* firing: DiskFull\n  /var is at 97 %\n  instance=db1, severity=critical\n"
_HTML = "<!doctype html><html><body>" + "<p>DiskFull: firing: 1 event</p>" * 30 + "</body></html>"


def main() -> list[Figure]:
    ours: list[float] = []
    renders: list[float] = []
    repeats: list[float] = []
    same = _rendered(address(0))
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        port, _ = stack.enter_context(tocsin(folder / "data"))
        token = prepare(folder / "data", people=_PEOPLE, smtp_port=sink.port, connections=_CONNECTIONS)
        for turn in range(_ROUNDS):
            ours.append(_PEOPLE / _tocsin(port, token, sink, f"DiskFull{turn}"))
            renders.append(_loop(sink, _rendered))
            repeats.append(_loop(sink, lambda _to: same))
    what = f"one alert to {_PEOPLE:,} mailboxes, beside a bare loop of {_CONNECTIONS} connections"
    return [_figure(what, ours, renders, "0.8"), _figure(f"{what} that renders nothing", ours, repeats)]


def _figure(what: str, ours: list[float], theirs: list[float], aim: str = "") -> Figure:
    ratio = median(one / other for one, other in zip(ours, theirs, strict=True))
    found = f"{ratio:.2f} ({median(ours):,.0f} to {median(theirs):,.0f} mails/s)"
    print(f"  {what}: {found}", flush=True)
    return Figure(what, found, aim)


def _tocsin(port: int, token: str, sink: Sink, name: str) -> float:
    """Seconds until the last mail has come."""
    sink.expect(_PEOPLE)
    answered = fire(http.client.HTTPConnection("127.0.0.1", port), token, name, "/var is at 97 %")
    return sink.arrived() - answered


def _loop(sink: Sink, render: Callable[[str], bytes]) -> float:
    """Mails a second."""
    sink.expect(_LOOP_MAILS)
    begun = time.monotonic()
    asyncio.run(_send_all(sink.port, render))
    return _LOOP_MAILS / (sink.arrived() - begun)


async def _send_all(port: int, render: Callable[[str], bytes]) -> None:
    numbers = iter(range(_LOOP_MAILS))

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:
            for number in numbers:
                await smtp.sendmail("tocsin@example.org", address(number), render(address(number)))

    await asyncio.gather(*(connection() for _ in range(_CONNECTIONS)))


def _rendered(to: str) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tocsin@example.org", to, _SUBJECT
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="example.org")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEXT)
    message.add_alternative(_HTML, subtype="html")
    return bytes(message)
