"""Where the alert comes from: a rule in a real Prometheus, or, where there is none, a post like Prometheus's."""

from __future__ import annotations

import json
import shutil
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self

import yaml
from aiohttp import web

from demo.children import Child
from demo.installation import Installation
from simulators.ports import free_port
from simulators.serving import HttpServer

ALERT = "DiskAlmostFull"
_INSTANCE = "db-1"
_FULL, _FREE = 97, 58


class Source(Protocol):
    """Ready inside `with`. `what` introduces it, `again` tells how to make it fire by hand ("" when one cannot)."""

    what: str
    again: str

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def break_something(self) -> None: ...
    def mend_it(self) -> None: ...


def find_source(installation: Installation, token: str, folder: Path) -> Source:
    program = shutil.which("prometheus")
    return Prometheus(program, installation, token, folder) if program else Post(installation, token)


class Disk(HttpServer):
    """Tells Prometheus how full a disk is. `POST /fill` and `POST /free` are for whoever plays with it afterwards."""

    used_percent = _FREE

    def _routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/metrics", self._metrics), web.post("/fill", self._fill), web.post("/free", self._free)]

    async def _metrics(self, _request: web.Request) -> web.Response:
        return web.Response(text=f"# TYPE disk_used_percent gauge\ndisk_used_percent {self.used_percent}\n")

    async def _fill(self, _request: web.Request) -> web.Response:
        self.used_percent = _FULL
        return web.Response(text=f"The disk is {_FULL} % full.\n")

    async def _free(self, _request: web.Request) -> web.Response:
        self.used_percent = _FREE
        return web.Response(text=f"The disk is {_FREE} % full.\n")


class Prometheus:
    """Scrapes and evaluates each second; Tocsin is its Alertmanager."""

    what = f"Prometheus watches the disk of {_INSTANCE}; its rule {ALERT} fires above 90 %."

    def __init__(self, program: str, installation: Installation, token: str, folder: Path) -> None:
        self._stack = ExitStack()
        self._disk = Disk()
        self._program, self._installation, self._token = program, installation, token
        self._folder = folder / "prometheus"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._disk)
            port = free_port()
            child = Child(
                "Prometheus",
                [
                    self._program,
                    f"--config.file={self._configure()}",
                    f"--storage.tsdb.path={self._folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                    "--log.level=warn",
                ],
                log=self._folder / "log",
                environment={},
            )
            stack.enter_context(child)
            child.wait_for(lambda: _answers(f"http://127.0.0.1:{port}/-/ready"), what="Prometheus", within=30)
            self._stack = stack.pop_all()
        self.again = f"curl -X POST {self._disk.url}/fill"
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def break_something(self) -> None:
        self._disk.used_percent = _FULL

    def mend_it(self) -> None:
        self._disk.used_percent = _FREE

    def _configure(self) -> Path:
        self._folder.mkdir(mode=0o700)
        rule = {
            "alert": ALERT,
            "expr": "disk_used_percent > 90",
            "labels": {"severity": "critical"},
            "annotations": {"summary": "/var on {{ $labels.instance }} is {{ $value }} % full"},
        }
        rules = self._folder / "rules.yml"
        rules.write_text(yaml.safe_dump({"groups": [{"name": "demo", "rules": [rule]}]}))
        disk = {"targets": [f"{self._disk.host}:{self._disk.port}"], "labels": {"instance": _INSTANCE}}
        tocsin = {
            "static_configs": [{"targets": [self._installation.url.removeprefix("http://")]}],
            "authorization": {"credentials": self._token},
        }
        config = self._folder / "prometheus.yml"
        config.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                    "scrape_configs": [{"job_name": "disk", "static_configs": [disk]}],
                    "rule_files": [str(rules)],
                    "alerting": {"alertmanagers": [tocsin]},
                }
            )
        )
        return config


class Post:
    """Says itself what a rule would."""

    what = "Prometheus is not installed here, so the demo posts the alert itself, as Prometheus would."
    again = ""

    def __init__(self, installation: Installation, token: str) -> None:
        self._url, self._token = f"{installation.url}/api/v2/alerts", token

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def break_something(self) -> None:
        self._began_at = datetime.now(UTC).isoformat()
        self._post()

    def mend_it(self) -> None:
        self._post(endsAt=datetime.now(UTC).isoformat())

    def _post(self, **more: str) -> None:
        alert = {
            "labels": {"alertname": ALERT, "instance": _INSTANCE, "job": "disk", "severity": "critical"},
            "annotations": {"summary": f"/var on {_INSTANCE} is {_FULL} % full"},
            "startsAt": self._began_at,
            **more,
        }
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._url, data=json.dumps([alert]).encode(), headers=headers)  # noqa: S310
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310 (the demo's own address)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 (the demo's own address)
    except OSError:
        return False
    return True
