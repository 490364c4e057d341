"""Debian's Alertmanager, unchanged, in front: its webhook tells Tocsin what fires and what is over."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from simulators.ports import free_port
from simulators.waiting import wait_until
from tests.stories.programs import running, web_server
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.events.models import Event
from tocsin.events.recipes import alertmanager_yml
from tocsin.events.services import create_integration

pytestmark = pytest.mark.django_db(transaction=True)

_ROUTE = "route: {receiver: tocsin, group_by: [alertname], group_wait: 100ms, group_interval: 1s}"


def test_alertmanagers_webhook_fires_and_recovers(tmp_path: Path) -> None:
    integration, token = create_integration(by=SHELL, now=utc_now(), name="Alertmanager")
    programs = [shutil.which(name) for name in ("prometheus-alertmanager", "amtool")]
    assert all(programs), "Debian's package is needed: apt install prometheus-alertmanager"
    config, port = tmp_path / "alertmanager.yml", free_port()

    def amtool(*words: str) -> None:
        url = f"--alertmanager.url=http://127.0.0.1:{port}"
        subprocess.run([str(programs[1]), url, "alert", "add", *words], check=True, capture_output=True)

    with web_server(tmp_path) as web:
        config.write_text(f"{_ROUTE}\n{alertmanager_yml(f'http://127.0.0.1:{web}', token)}\n")
        command = [
            str(programs[0]), f"--config.file={config}", f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        ]  # fmt: skip
        with running(command, dict(os.environ), port, tmp_path / "alertmanager.log"):
            amtool("DiskFull", "host=db1", "severity=critical", "--annotation=summary=full")
            fired = wait_until(lambda: Event.objects.filter(state="active").first())
            assert fired.labels == {"alertname": "DiskFull", "host": "db1", "severity": "critical"}
            assert (fired.annotations, fired.severity) == ({"summary": "full"}, 1)
            assert (fired.ends_at - utc_now()).total_seconds() > 24 * 3600

            amtool("DiskFull", "host=db1", "severity=critical", f"--end={utc_now():%Y-%m-%dT%H:%M:%SZ}")
            wait_until(lambda: Event.objects.filter(state="resolved").exists())

    assert Event.objects.count() == 1
    integration.refresh_from_db()
    assert integration.last_event_at is not None
