"""Programs of Tocsin, as processes of their own on the database of the tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import psutil
from django.db import connection, connections

from tocsin.delivery.waiting import CEILING
from tocsin.delivery.worker import run

UNHEARD = 600.0
_PATIENCE = 60
_LAST_WORDS = 4000


class Program:
    """`tocsin <words>`, started inside `with` and ended with it. Its last words are noted on an error inside."""

    def __init__(self, *words: str, environment: Mapping[str, str]) -> None:
        self._words = words
        self._environment = dict(environment)

    def __enter__(self) -> Self:
        self._output = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tocsin.cli", *self._words],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in reversed(self.family()):
            process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
        if error is not None:
            error.add_note(f"tocsin {self._words[0]} said:\n{self.said()}")
        self._output.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def family(self) -> Sequence[psutil.Process]:
        """Itself and its children."""
        try:
            process = psutil.Process(self._process.pid)
            return [process, *process.children(recursive=True)] if self.is_running() else []
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """-9, its children too: nothing of it can tidy up."""
        for process in self.family():
            process.kill()
        self._process.wait(_PATIENCE)

    def said(self) -> str:
        self._output.seek(0)
        return self._output.read().decode(errors="replace")[-_LAST_WORDS:]


def on_this_database() -> dict[str, str]:
    """Environment of a program that shall work on the database of the test."""
    settings: dict[str, Any] = connection.settings_dict
    options = {"host": settings["HOST"], "port": settings["PORT"], **settings["OPTIONS"]}
    plain = {name: value for name, value in options.items() if isinstance(value, str | int) and value != ""}
    user = f"{quote(settings['USER'])}:{quote(settings['PASSWORD'])}@" if settings["USER"] else ""
    return {**os.environ, "TOCSIN_DATABASE_URL": f"postgresql://{user}/{settings['NAME']}?{urlencode(plain)}"}


class Worker:
    """In threads of this process."""

    def __init__(self, ceiling: float) -> None:
        self._stop, self._ceiling = threading.Event(), ceiling
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()
        self._thread.join(_PATIENCE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        run(stop=self._stop, ceiling=self._ceiling)
        connections.close_all()


@contextmanager
def working(*, ceiling: float = CEILING) -> Iterator[Worker]:
    """`ceiling`: seconds after which it looks though nothing rings. `UNHEARD` of them are more than any test waits."""
    worker = Worker(ceiling)
    try:
        yield worker
    finally:
        worker.end()
