"""Programs that a story starts, `tocsin web` on the test's database among them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from django.db import connection

from simulators.ports import free_port

_Found = TypeVar("_Found")


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
        eventually(lambda: process.poll() is not None or takes_connections(port))
        assert process.poll() is None, f"{command[0]} ended"
        yield process
    finally:
        process.terminate()
        process.wait(60)
        sys.stdout.write(log.read_text(errors="replace"))


def eventually(look: Callable[[], _Found | None], within: float = 90) -> _Found:
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"it did not come to pass within {within:.0f} s"
        time.sleep(0.1)
    return found


def takes_connections(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def database_url() -> str:
    """Of the test's database, with the host as an option: it may be a folder of sockets."""
    settings = connection.settings_dict
    user = ":".join(quote(settings[name], safe="") for name in ("USER", "PASSWORD") if settings[name])
    host, port = quote(settings["HOST"], safe=""), settings["PORT"] or 5432
    return f"postgresql://{user}@/{settings['NAME']}?host={host}&port={port}"
