"""PostgreSQL is killed while events come in and mails go out: web and worker stay, and come back with it."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from benchmarks.prepared import prepare
from simulators.ports import free_port, takes_connections
from simulators.smtp import SmtpSimulator
from simulators.waiting import wait_until
from tests.chaos.doors import post
from tests.chaos.processes import connect
from tests.chaos.programs import Program
from tests.chaos.serving import environment
from tocsin.config.embedded_postgres import EmbeddedPostgres

PEOPLE = 20


def test_a_killed_postgresql_costs_no_accepted_event_and_no_silent_double(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "secret-key").write_text("0" * 64)  # which `serve` makes before the database
    with ExitStack() as stack:
        simulator = stack.enter_context(SmtpSimulator())
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "secret-key").write_text("0" * 64)
        server = stack.enter_context(EmbeddedPostgres(folder))
        token = prepare(folder, people=PEOPLE, smtp_port=simulator.port, connections=4)
        port = free_port()
        ours = environment(folder)
        web = stack.enter_context(Program("web", "--port", str(port), "--faces", "ingest", environment=ours))
        worker = stack.enter_context(Program("worker", environment=ours))
        wait_until(lambda: takes_connections(port))
        sender = stack.enter_context(Prometheus(port, token))
        simulator.wait_for(3 * PEOPLE, within=60)

        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.wait(30)
        wait_until(lambda: sender.refused > 2)
        server.start()

        accepted_before = len(sender.accepted)
        wait_until(lambda: len(sender.accepted) > accepted_before + 5)
        sender.stop()
        wait_until(lambda: are_all_ended(folder, len(sender.accepted)))
        mails = Counter((mail.recipient, str(mail.message["Subject"])) for mail in simulator.messages)
        attempts = outcomes(folder)

        assert web.is_running()
        assert worker.is_running()
    subjects = {subject for _recipient, subject in mails}
    assert {name for name in sender.accepted if not any(f"{name} " in subject for subject in subjects)} == set()
    assert len(mails) == len(subjects) * PEOPLE
    doubled = sum(count - 1 for count in mails.values())
    assert doubled <= attempts["ambiguous"]
    assert attempts["accepted"] == len(mails)


class Prometheus:
    """Posts one new alert after the other, each until it is answered with 200."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._post_all)
        self.accepted: list[str] = []
        self.refused = 0

    def __enter__(self) -> Prometheus:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(60)

    def _post_all(self) -> None:
        while not self._stop.is_set():
            name = f"Alert{len(self.accepted)}"
            if self._post(name):
                self.accepted.append(name)
            else:
                self.refused += 1
            self._stop.wait(0.1)

    def _post(self, name: str) -> bool:
        try:
            return post(self._port, self._token, name) == 200
        except OSError:
            return False


def are_all_ended(folder: Path, alerts: int) -> bool:
    """Every accepted event's alert was told, and no message waits or is under way."""
    with connect(folder) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM alerts_alert WHERE notified_at IS NOT NULL),"
            " (SELECT count(*) FROM delivery_delivery WHERE state <> 'accepted' OR next_at IS NOT NULL)"
        ).fetchone()
    return row is not None and row[0] >= alerts and row[1] == 0


def outcomes(folder: Path) -> Counter[str]:
    with connect(folder) as connection:
        rows = connection.execute("SELECT outcome, count(*) FROM delivery_attempt GROUP BY outcome").fetchall()
    return Counter(dict(rows))
