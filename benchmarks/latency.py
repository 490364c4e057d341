"""From the answer to a post until the message is handed over: one alert at a time, group wait 0, full durability."""

from __future__ import annotations

import http.client
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

from benchmarks.figures import Figure
from benchmarks.ingest import tocsin
from benchmarks.load import fire
from benchmarks.prepared import prepare
from benchmarks.sink import Sink

_ALERTS = 200
_WARM_UP = 10
_PAUSE = 0.03
"""Seconds between alerts, so that each finds an idle worker."""


def main() -> list[Figure]:
    with ExitStack() as stack:
        sink = stack.enter_context(Sink())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        port, _ = stack.enter_context(tocsin(folder / "data"))
        token = prepare(folder / "data", people=1, smtp_port=sink.port, connections=8)
        door = http.client.HTTPConnection("127.0.0.1", port)
        waits = [_wait(door, token, sink, number) for number in range(_WARM_UP + _ALERTS)][_WARM_UP:]
    cuts = quantiles(waits, n=100)
    print(
        f"  post answered to mail handed over: p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, of {_ALERTS}", flush=True
    )
    return [
        Figure(
            "POST answered to mail handed over, group wait 0",
            f"p50 {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms",
            "p50 20 ms",
        )
    ]


def _wait(door: http.client.HTTPConnection, token: str, sink: Sink, number: int) -> float:
    """Milliseconds."""
    name = f"Latency{number:06d}"
    sink.expect(1, name)
    answered = fire(door, token, name, "/var is at 97 %")
    handed_over = sink.arrived(within=30)
    time.sleep(_PAUSE)
    return max(handed_over - answered, 0.0) * 1000
