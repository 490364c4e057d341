"""Repeated reports a second, beside Debian's Alertmanager on the same machine in the same run.

Tocsin runs as shipped: `tocsin serve` with its own PostgreSQL, every 200 committed and flushed to disk. Alertmanager
keeps alerts in memory. The two take turns, so that a noisy neighbour disturbs both.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure
from benchmarks.load import as_request, bodies, repeat
from simulators.ports import free_port, takes_connections

_ROUNDS = 3
_SECONDS = 5.0
_CASES = {64: 8, 1: 16}
"""Alerts in a post: connections."""
_NO_ROUTES = "route: {receiver: nobody, group_by: [alertname]}\nreceivers: [{name: nobody}]\n"


def main() -> list[Figure]:
    figures = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        peer = stack.enter_context(alertmanager(folder))
        ours, token = stack.enter_context(tocsin(folder / "data"))
        for batch, connections in _CASES.items():
            raw = bodies(batch)
            results: dict[str, list[float]] = {"Tocsin": [], "Alertmanager": []}
            targets = {
                "Alertmanager": (peer, [as_request(peer, body, "none") for body in raw]),
                "Tocsin": (ours, [as_request(ours, body, token) for body in raw]),
            }
            for port, requests in targets.values():  # all events are known before it counts
                repeat(port, requests, connections=connections, seconds=2.0 if batch > 1 else 0.5)
            for _ in range(_ROUNDS):
                for name, (port, requests) in targets.items():
                    rate = repeat(port, requests, connections=connections, seconds=_SECONDS)
                    results[name].append(rate * batch)
            figures.append(report(batch, results))
    return figures


def report(batch: int, results: dict[str, list[float]]) -> Figure:
    print(f"  repeated reports in batches of {batch}")
    for name, rates in results.items():
        print(f"    {name:<14}{median(rates):>9,.0f}/s   ({', '.join(f'{rate:,.0f}' for rate in rates)})")
    ratio = median(ours / theirs for ours, theirs in zip(results["Tocsin"], results["Alertmanager"], strict=True))
    print(f"    ratio         {ratio:>9.2f}", flush=True)
    ours, theirs = median(results["Tocsin"]), median(results["Alertmanager"])
    return Figure(
        what=f"repeated reports in batches of {batch}, beside Alertmanager",
        found=f"{ratio:.2f} ({ours:,.0f} to {theirs:,.0f} reports/s)",
        aim="0.5" if batch > 1 else "",
    )


@contextmanager
def tocsin(folder: Path) -> Iterator[tuple[int, str]]:
    """Port and token of a fresh installation with its default settings."""
    port = free_port()
    environment = {**os.environ, "TOCSIN_DATA_DIR": str(folder)}
    environment.pop("TOCSIN_DATABASE_URL", None)
    command = [sys.executable, "-m", "tocsin.cli"]
    with running([*command, "serve", "--port", str(port)], port, environment):
        made = subprocess.run(
            [*command, "integration", "create", "--name", "bench", "--json"],
            env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        yield port, json.loads(made.stdout)["token"]


@contextmanager
def alertmanager(folder: Path, routes: str = _NO_ROUTES) -> Iterator[int]:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        sys.exit("prometheus-alertmanager is not installed: apt install prometheus-alertmanager")
    port = free_port()
    config = folder / "alertmanager.yml"
    config.write_text(routes)
    command = [program, f"--config.file={config}", f"--storage.path={folder / 'alertmanager'}",
               f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]  # fmt: skip
    with running(command, port, dict(os.environ)):
        yield port


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    """The program, from when it takes connections. Its output is shown only when it ends early."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 180
            while not takes_connections(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    sys.exit(f"{command[0]} did not start:\n{output.read().decode(errors='replace')}")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(30)
