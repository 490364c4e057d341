"""Storms to a webhook, beside Alertmanager: 100,000 new events in 2,000 groups, and 50,000 in groups of their own.

All must be told and, where each group is one event, none twice. Both get the same posts, one after the other, and tell
the same sink; time runs from the first post until the last group has been told of whole. Memory is the largest
proportional set size of all its processes at once: for Tocsin web, worker and PostgreSQL.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from benchmarks.figures import Figure
from benchmarks.ingest import running
from simulators.ports import free_port

_CASES = {
    "100,000 new events in 2,000 groups": (100_000, 2_000),
    "50,000 new events in 50,000 groups": (50_000, 50_000),
}
_BATCH = 500
_POSTERS = 4
_PATIENCE = float(os.environ.get("TOCSIN_BENCH_PATIENCE", "900"))
"""Seconds after which whatever was told by then counts."""
_SCALE = float(os.environ.get("TOCSIN_BENCH_SCALE", "1"))
"""For a short try: 0.1 is a tenth of the events and groups."""
_QUIET = 5.0
"""How long nothing more may come before the count is read."""


@dataclass(frozen=True, slots=True)
class Told:
    """Of one run. `whole`: groups whose last message named every event. `doubles`: messages beyond a group's first."""

    seconds: float
    groups: int
    whole: int
    messages: int
    doubles: int
    megabytes: float

    def text(self, events: int) -> str:
        share = f"{self.whole:,} of {self.groups:,} groups"
        rate = events / self.seconds if self.seconds else 0
        spent = f"{self.messages:,} messages, {self.megabytes:,.0f} MiB"
        return f"{share} whole in {self.seconds:.0f} s ({rate:,.0f} events/s), {spent}"


def main() -> list[Figure]:
    figures = []
    for what, (whole_events, whole_groups) in _CASES.items():
        events, groups = int(whole_events * _SCALE), int(whole_groups * _SCALE)
        print(f"  {what}{'' if _SCALE == 1 else f' (times {_SCALE:g})'}", flush=True)
        found = {}
        for name, run in (("Tocsin", _tocsin), ("Alertmanager", _alertmanager)):
            found[name] = run(events, groups)
            print(f"    {name:<14}{found[name].text(events)}; doubles {found[name].doubles:,}", flush=True)
        ours, theirs = found["Tocsin"], found["Alertmanager"]
        aim = "all told" if events != groups else "all told, none twice"
        twice = f", {ours.doubles:,} twice" if events == groups else ""
        figures.append(Figure(f"{what} to a webhook", f"{ours.text(events)}{twice}", aim))
        figures.append(Figure(f"{what} to a webhook, Alertmanager", theirs.text(events)))
    return figures


def _tocsin(events: int, groups: int) -> Told:
    with ExitStack() as stack:
        sink = stack.enter_context(WebhookSink(events // groups))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
        port = free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
        environment |= {"TOCSIN_DATA_DIR": str(folder / "data"), "TOCSIN_OUTGOING_ALLOW": "127.0.0.1"}
        serve = [sys.executable, "-m", "tocsin.cli", "serve", "--port", str(port)]
        stack.enter_context(running(serve, port, environment))
        prepare = [sys.executable, "-m", "benchmarks.storm", sink.url]
        made = subprocess.run(prepare, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return _storm(port, made.stdout.strip(), sink, events, groups, f"--port {port}")


def _alertmanager(events: int, groups: int) -> Told:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        sys.exit("prometheus-alertmanager is not installed: apt install prometheus-alertmanager")
    with ExitStack() as stack:
        sink = stack.enter_context(WebhookSink(events // groups))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-bench-")))
        port = free_port()
        config = folder / "alertmanager.yml"
        config.write_text(
            "route: {receiver: sink, group_by: [group], group_wait: 5s, group_interval: 30s, repeat_interval: 4h}\n"
            f"receivers: [{{name: sink, webhook_configs: [{{url: '{sink.url}', send_resolved: false}}]}}]\n"
        )
        command = [program, f"--config.file={config}", f"--storage.path={folder / 'data'}",
                   f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]  # fmt: skip
        stack.enter_context(running(command, port, dict(os.environ)))
        return _storm(port, "none", sink, events, groups, str(config))


def _storm(port: int, token: str, sink: WebhookSink, events: int, groups: int, mark: str) -> Told:
    bodies = _bodies(events, groups)
    with _memory(mark) as memory:
        begun = time.monotonic()
        _post(port, token, bodies)
        whole, last_at = sink.wait(groups, begun + _PATIENCE)
    return Told(last_at - begun, groups, whole, *sink.counted(), memory.most)


def _bodies(events: int, groups: int) -> list[bytes]:
    """Events of one group stand far from each other, as a storm brings them."""
    now = datetime.now(UTC)
    times = {"startsAt": now.isoformat(), "endsAt": (now + timedelta(hours=2)).isoformat()}
    alerts = [
        {
            "labels": {"alertname": "Storm", "group": f"g{number % groups}", "instance": f"host-{number}",
                       "severity": "warning", "cluster": "eu-1"},
            "annotations": {"summary": f"host-{number} does not answer"},
            **times,
        }
        for number in range(events)
    ]  # fmt: skip
    return [json.dumps(alerts[at : at + _BATCH]).encode() for at in range(0, events, _BATCH)]


def _post(port: int, token: str, bodies: Sequence[bytes]) -> None:
    rest = iter(bodies)
    lock = threading.Lock()

    def poster() -> None:
        door = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        while True:
            with lock:
                body = next(rest, None)
            if body is None:
                return
            door.request("POST", "/api/v2/alerts", body, headers)
            reply = door.getresponse()
            reply.read()
            assert reply.status == 200, reply.status

    threads = [threading.Thread(target=poster) for _ in range(_POSTERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class _Memory:
    most = 0.0


@contextmanager
def _memory(mark: str) -> Iterator[_Memory]:
    """MiB of the processes whose command names `mark`, and of their descendants, twice a second."""
    found, end = _Memory(), threading.Event()

    def look() -> None:
        while not end.wait(0.5):
            found.most = max(found.most, sum(map(_size, _processes(mark))) / 1024)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        end.set()
        thread.join()


def _processes(mark: str) -> set[int]:
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                commands[int(entry.name)] = (
                    (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
    wanted = {pid for pid, command in commands.items() if mark in command}
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return wanted


def _size(pid: int) -> int:
    """KiB; what processes share is divided among them where we may see it."""
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with suppress(OSError):
            for line in (Path("/proc") / str(pid) / name).read_text().splitlines():
                if line.startswith(key):
                    return int(line.split()[1])
    return 0


class WebhookSink:
    """Takes Alertmanager's webhook payload, in a process of its own. Whole is a group that one message names all of."""

    def __init__(self, whole: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_serve, args=(self.port, whole, theirs), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        assert self._pipe.poll(30), "the sink did not start"
        self._pipe.recv()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        self._process.join()

    def wait(self, groups: int, until: float) -> tuple[int, float]:
        """Groups that are whole, and when the last one became so: all of them, or what was so at that time."""
        while True:
            whole, last_at, _messages, _doubles = self._ask()
            if whole >= groups:
                time.sleep(_QUIET)  # what comes now comes twice
                return whole, last_at
            if time.monotonic() > until:
                return whole, time.monotonic()
            time.sleep(0.25)

    def counted(self) -> tuple[int, int]:
        """Messages, and those of them that named a group again."""
        _whole, _last_at, messages, doubles = self._ask()
        return messages, doubles

    def _ask(self) -> tuple[int, float, int, int]:
        self._pipe.send(None)
        answer: tuple[int, float, int, int] = self._pipe.recv()
        return answer


def _serve(port: int, whole: int, pipe: Connection) -> None:
    asyncio.run(_Sink(whole, pipe).run(port))


class _Sink:
    def __init__(self, whole: int, pipe: Connection) -> None:
        self._whole, self._pipe = whole, pipe
        self._known: dict[str, int] = {}
        self._messages = self._doubles = self._done = 0
        self._last_at = time.monotonic()

    async def run(self, port: int) -> None:
        asyncio.get_running_loop().add_reader(self._pipe.fileno(), self._answer)
        async with await asyncio.start_server(self._talk, "127.0.0.1", port) as server:
            self._pipe.send(None)
            await server.serve_forever()

    def _answer(self) -> None:
        self._pipe.recv()
        self._pipe.send((self._done, self._last_at, self._messages, self._doubles))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
                self._take(json.loads(await reader.readexactly(length)))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    def _take(self, payload: dict[str, Any]) -> None:
        self._messages += 1
        key = str(payload["groupLabels"].get("group", payload["groupKey"]))
        named = len(payload["alerts"]) + int(payload.get("truncatedAlerts") or 0)
        before = self._known.get(key)
        self._doubles += before is not None
        if named >= self._whole and (before or 0) < self._whole:
            self._done += 1
            self._last_at = time.monotonic()
        self._known[key] = max(before or 0, named)


def _write(url: str) -> str:
    """In a fresh installation: a webhook and one policy, grouped by `group`. Returns an integration's token."""
    from tocsin.cli.shared import set_up_django

    set_up_django()
    from tocsin.contacts.services import create_webhook
    from tocsin.core.actors import SHELL
    from tocsin.core.clock import utc_now
    from tocsin.events.services import create_integration
    from tocsin.policies.services import create_policy

    now = utc_now()
    webhook = create_webhook(by=SHELL, now=now, name="Sink", url=url)
    create_policy(
        by=SHELL, now=now, name="Storm", targets=[(webhook.pk, [])], group_by=["group"],
        group_wait=timedelta(seconds=5), group_interval=timedelta(seconds=30), sends_recovery=False,
    )  # fmt: skip
    _integration, token = create_integration(by=SHELL, now=now, name="Source")
    return token


if __name__ == "__main__":
    print(_write(sys.argv[1]))
