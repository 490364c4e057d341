"""The server process: started as our child, waited for, stopped."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from tocsin.config.embedded_postgres import cluster
from tocsin.config.embedded_postgres.binaries import current_binaries
from tocsin.config.embedded_postgres.layout import Layout
from tocsin.config.embedded_postgres.leftovers import end_leftovers
from tocsin.config.embedded_postgres.lock import FolderLock
from tocsin.config.processes import ends_with_parent
from tocsin.core.errors import ConfigurationError

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.01
_SAY_AFTER_SECONDS = 10
_FAST_SECONDS = 60
_IMMEDIATE_SECONDS = 10


class WrongVersionError(ConfigurationError):
    """The folder's database was made by another major version of PostgreSQL."""

    def __init__(self, folder: Path, *, found: int, wanted: int) -> None:
        self.found, self.wanted = found, wanted
        super().__init__(
            f"The database in {folder} was made by PostgreSQL {found}; this Tocsin brings PostgreSQL {wanted}. "
            "Run `tocsin database upgrade`: it makes a backup first."
        )


class EmbeddedPostgres:
    """The server of one data folder. Call from the main thread: the server ends with the thread that started it.

    `purpose` names the command that runs it, for others who find the folder in use. `settings` are those of
    postgresql.conf. Use as a context manager, or call `start` and `stop`.
    """

    def __init__(self, folder: Path, *, purpose: str = "serve", settings: Mapping[str, str] | None = None) -> None:
        self.layout = Layout(folder)
        self._purpose = purpose
        self._settings = dict(settings or {})
        self._lock = FolderLock(self.layout.lock)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, *, patience: float = 0) -> None:
        """Returns when it takes connections, also after a crash that needs recovery; again after the server died.

        FolderInUseError while another process runs the folder (commands are waited for, for `patience` seconds).
        WrongVersionError. ConfigurationError with PostgreSQL's own words when it ends instead.
        """
        if self.is_running():
            return
        if not self._lock.is_held:
            self.layout.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire(self._purpose, patience=patience)
        try:
            self._launch()
            cluster.ensure_database(self.layout)
        except BaseException:
            self.stop()
            raise

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
        """Ends open transactions and shuts down cleanly; releases the folder. Nothing happens when it does not run."""
        for number, patience in ((signal.SIGINT, _FAST_SECONDS), (signal.SIGQUIT, _IMMEDIATE_SECONDS)):
            if self.is_running() and self._process is not None:
                self._process.send_signal(number)
                self.wait(patience)
        if self.is_running() and self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._lock.release()

    def _launch(self) -> None:
        layout = self.layout
        cluster.make_folders(layout)
        binaries = current_binaries(layout)
        found = layout.major_version
        if found is None:
            cluster.create(layout, binaries, is_durable=self._settings.get("fsync") != "off")
        elif found != binaries.major:
            raise WrongVersionError(layout.folder, found=found, wanted=binaries.major)
        end_leftovers(layout)
        cluster.configure(layout, self._settings)
        with tempfile.TemporaryFile() as output:
            self._process = subprocess.Popen(  # noqa: S603 (our own binaries)
                [binaries.program("postgres"), *cluster.server_arguments(layout)],
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=ends_with_parent(os.getpid(), signal.SIGINT),
                **layout.server_user.process_options(),
            )
            self._await_ready(output)

    def _await_ready(self, output: IO[bytes]) -> None:
        """However long recovery takes; every ten seconds it says so."""
        say_at = time.monotonic() + _SAY_AFTER_SECONDS
        while self.layout.server_status() != (self.pid, "ready"):
            if not self.is_running():
                raise ConfigurationError(f"PostgreSQL did not start: {self._last_words(output)}")
            if time.monotonic() > say_at:
                log.warning("PostgreSQL is still starting; after a crash it may take minutes.")
                say_at += _SAY_AFTER_SECONDS
            time.sleep(_POLL_SECONDS)

    def _last_words(self, output: IO[bytes]) -> str:
        """The last lines of what it wrote before it opened its log, and of the log."""
        output.seek(0)
        text = output.read().decode(errors="replace")
        logs = sorted(self.layout.log.glob("*.log"), key=lambda path: path.stat().st_mtime)
        if logs:
            text += logs[-1].read_text(errors="replace")
        return " / ".join(text.strip().splitlines()[-3:]) or "it said nothing"
