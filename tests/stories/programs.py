"""Programs that a story starts, `tocsin web` on the test's database among them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from simulators.ports import free_port, takes_connections
from simulators.waiting import wait_until


@contextmanager
def web_server(folder: Path, *, faces: str = "ingest,operator", workers: int = 1) -> Iterator[int]:
    """`tocsin web` on the test's database (needs a transactional test); gives its port."""
    port = free_port()
    environment = {**os.environ, "TOCSIN_DATABASE_URL": database_url()}
    command = [sys.executable, "-m", "tocsin.cli", "web", "--port", str(port), "--faces", faces]
    command += ["--workers", str(workers)] if workers > 1 else []
    with running(command, environment, port, folder / "web.log"):
        yield port


@contextmanager
def running(command: list[str], environment: dict[str, str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The program, from when it takes connections; pytest shows its log when the test fails."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: process.poll() is not None or takes_connections(port))
        assert process.poll() is None, f"{command[0]} ended"
        yield process
    finally:
        process.terminate()
        process.wait(60)
        sys.stdout.write(log.read_text(errors="replace"))


def database_url() -> str:
    """Of the test's database, with the host as an option: it may be a folder of sockets."""
    settings = connection.settings_dict
    user = ":".join(quote(settings[name], safe="") for name in ("USER", "PASSWORD") if settings[name])
    host, port = quote(settings["HOST"], safe=""), settings["PORT"] or 5432
    return f"postgresql://{user}@/{settings['NAME']}?host={host}&port={port}"
