"""Debian's Prometheus, unchanged: its own rule fires, is reported again and again, and resolves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from simulators.ports import free_port
from simulators.smtp import SmtpSimulator
from simulators.waiting import wait_until
from tests.stories.programs import running, web_server
from tocsin.alerts.models import Alert
from tocsin.channels.services import add_account
from tocsin.contacts.services import create_contact
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.worker import run_due
from tocsin.events.models import Event, IngestBeat, Integration
from tocsin.events.recipes import prometheus_yml
from tocsin.events.services import create_integration
from tocsin.policies.services import create_policy

pytestmark = pytest.mark.django_db(transaction=True)

_RULES = """
groups:
  - name: story
    rules:
      - alert: DiskFull
        expr: vector({value}) > 0
        labels: {{severity: critical, team: "", host: db1}}
        annotations: {{summary: the disk of db1 is full}}
"""


def test_a_rule_of_prometheus_fires_and_resolves(tmp_path: Path) -> None:
    now = utc_now()
    integration, token = create_integration(by=SHELL, now=now, name="Prometheus")
    contact = create_contact(by=SHELL, now=now, name="Li Na", phone="", email="li.na@example.org")
    create_policy(
        by=SHELL, now=now, name="Team", targets=[(contact.pk, ["email"])], group_wait=timedelta(),
        group_interval=timedelta(seconds=1),
    )  # fmt: skip

    with (
        SmtpSimulator() as mail,
        web_server(tmp_path) as port,
        prometheus(tmp_path, prometheus_yml(f"http://127.0.0.1:{port}", token)) as recovers,
    ):
        mail_through(mail)
        event = wait_until(lambda: Event.objects.filter(state="active", count__gte=2).first())
        assert event.labels == {"alertname": "DiskFull", "severity": "critical", "host": "db1"}
        assert event.annotations == {"summary": "the disk of db1 is full"}
        assert (event.severity, event.integration_id, event.matched_policies) == (1, integration.pk, 1)
        assert event.generator_url.startswith("http://")
        alert = Alert.objects.get()
        assert (alert.title, alert.state, alert.memberships.get().event) == ("DiskFull", "pending", event)
        fired_at = event.changed_at
        subject = f"[P1] DiskFull (#{alert.pk})"
        wait_until(lambda: subjects_told(mail) == [subject])

        recovers()
        event = wait_until(lambda: Event.objects.filter(state="resolved").first())
        wait_until(lambda: subjects_told(mail) == [subject, f"Re: {subject}"])

    fired, recovered = (message.part("plain") for message in mail.to("li.na@example.org"))
    assert "the disk of db1 is full" in fired
    assert "recovered" in recovered
    assert event.changed_at > fired_at
    assert event.ends_at > event.starts_at
    assert Event.objects.count() == 1
    alert.refresh_from_db()
    assert (alert.state, alert.due_at) == ("resolved", None)
    assert Integration.objects.get().last_event_at is not None
    assert IngestBeat.objects.get().beat_at >= now


def test_amtool_adds_alerts_and_shows_what_was_refused(tmp_path: Path) -> None:
    _integration, token = create_integration(by=SHELL, now=utc_now(), name="amtool")
    program = shutil.which("amtool")
    assert program is not None, "amtool is needed: apt install prometheus-alertmanager"

    with web_server(tmp_path) as port:
        add = [program, f"--alertmanager.url=http://any:{token}@127.0.0.1:{port}", "alert", "add", "DiskFull"]
        good = subprocess.run([*add, "host=db1", "--annotation=summary=full"], capture_output=True, text=True)
        times = ["--start=2026-01-02T00:00:00Z", "--end=2026-01-01T00:00:00Z"]
        bad = subprocess.run([*add, "host=db2", *times], capture_output=True, text=True)

    assert good.returncode == 0, good.stderr
    assert Event.objects.get().labels == {"alertname": "DiskFull", "host": "db1"}
    assert bad.returncode == 1
    assert "1 of 1 alerts refused: alert 1: endsAt: the end must not be before the start" in bad.stderr


def mail_through(server: SmtpSimulator) -> None:
    config = {"host": "127.0.0.1", "port": str(server.port), "security": "none", "from": "tocsin@example.org"}
    add_account(by=SHELL, now=utc_now(), name="Mail", provider="smtp", config=config)


def subjects_told(server: SmtpSimulator) -> list[str]:
    """Does what is due; then the subjects of all that arrived."""
    run_due(utc_now())
    return [str(item.message["Subject"]) for item in server.messages]


@contextmanager
def prometheus(folder: Path, alerting: str) -> Iterator[Callable[[], None]]:
    """Evaluates each second a rule that holds, until what it gives is called. It looks for receivers after five."""
    program = shutil.which("prometheus")
    assert program is not None, "Debian's package prometheus is needed: apt install prometheus"
    rules, config, port = folder / "rules.yml", folder / "prometheus.yml", free_port()
    rules.write_text(_RULES.format(value=1))
    config.write_text(f"global: {{evaluation_interval: 1s}}\nrule_files: ['{rules}']\n{alerting}\n")
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
    ]
    with running(command, dict(os.environ), port, folder / "prometheus.log") as process:

        def recovers() -> None:
            rules.write_text(_RULES.format(value=0))
            process.send_signal(signal.SIGHUP)  # reads it again

        yield recovers
