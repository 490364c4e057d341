"""The server's process: our child, waited for, stopped."""

from __future__ import annotations

import logging
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tocsin.config.embedded_postgres import cluster
from tocsin.config.embedded_postgres.binaries import Binaries
from tocsin.config.embedded_postgres.layout import Layout
from tocsin.config.embedded_postgres.leftovers import end_leftovers
from tocsin.config.embedded_postgres.os_user import CLEAN_PROCESS
from tocsin.config.processes import ending_with_us
from tocsin.core.errors import ConfigurationError

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.01
_SAY_AFTER_SECONDS = 10
_FAST_SECONDS = 60
_IMMEDIATE_SECONDS = 10


class ServerProcess:
    """Runs one database. The caller holds the folder's lock."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._process: subprocess.Popen[Any] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, binaries: Binaries, settings: Mapping[str, str]) -> None:
        """Returns when it takes connections. ConfigurationError with PostgreSQL's own words when it ends instead."""
        end_leftovers(self._layout)
        cluster.configure(self._layout, settings)
        user = self._layout.server_user
        command: list[str | Path] = [binaries.program("postgres"), *cluster.server_arguments(self._layout)]
        began = time.time()
        with tempfile.TemporaryFile() as output:
            self._process = subprocess.Popen(  # noqa: S603 (our own binaries)
                ending_with_us(command, signal.SIGINT, uid=user.uid, gid=user.gid),
                stdout=output,
                stderr=output,
                start_new_session=True,
                **CLEAN_PROCESS,
            )
            self._await_ready(output, began)

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code once it ended; None while it runs."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ends open transactions and shuts down cleanly. Nothing happens when it does not run."""
        if self._process is None:
            return
        for number, patience in ((signal.SIGINT, _FAST_SECONDS), (signal.SIGQUIT, _IMMEDIATE_SECONDS)):
            if self.is_running():
                self._process.send_signal(number)
                self.wait(patience)
        if self.is_running():
            self._process.kill()
            self._process.wait()
        self._process = None

    def _await_ready(self, output: IO[bytes], began: float) -> None:
        """However long recovery takes; every ten seconds it says so."""
        say_at = time.monotonic() + _SAY_AFTER_SECONDS
        while self._layout.server_status() != (self.pid, "ready"):
            if not self.is_running():
                raise ConfigurationError(f"PostgreSQL did not start: {self._last_words(output, began)}")
            if time.monotonic() > say_at:
                log.warning("PostgreSQL is still starting; after a crash it may take minutes.")
                say_at += _SAY_AFTER_SECONDS
            time.sleep(_POLL_SECONDS)

    def _last_words(self, output: IO[bytes], began: float) -> str:
        """The last lines of what it wrote before it opened its log, and of the log if it came so far."""
        output.seek(0)
        text = output.read().decode(errors="replace")
        logs = {path.stat().st_mtime: path for path in self._layout.log.glob("*.log")}
        if logs and max(logs) >= began:
            text += logs[max(logs)].read_text(errors="replace")
        return " / ".join(text.strip().splitlines()[-3:]) or "it said nothing"
