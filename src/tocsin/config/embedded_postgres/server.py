"""The embedded server of a data folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tocsin.config.embedded_postgres import cluster
from tocsin.config.embedded_postgres.binaries import current_binaries
from tocsin.config.embedded_postgres.layout import Layout
from tocsin.config.embedded_postgres.lock import FolderLock
from tocsin.config.embedded_postgres.process import ServerProcess
from tocsin.core.errors import ConfigurationError


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
        self._process = ServerProcess(self.layout)

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid

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
            self._start()
        except BaseException:
            self.stop()
            raise

    def is_running(self) -> bool:
        return self._process.is_running()

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit code once it ended; None while it runs."""
        return self._process.wait(timeout)

    def stop(self) -> None:
        """Ends open transactions and shuts down cleanly; releases the folder. Nothing happens when it does not run."""
        self._process.stop()
        if self._lock.is_held:
            cluster.remove_runtime_folder(self.layout)
        self._lock.release()

    def _start(self) -> None:
        cluster.make_folders(self.layout)
        binaries = current_binaries(self.layout)
        found = self.layout.major_version
        if found is None:
            cluster.create(self.layout, binaries, is_durable=self._settings.get("fsync") != "off")
        elif found != binaries.major:
            raise WrongVersionError(self.layout.folder, found=found, wanted=binaries.major)
        self._process.start(binaries, self._settings)
        cluster.ensure_database(self.layout)
