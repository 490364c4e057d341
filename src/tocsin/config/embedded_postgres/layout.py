"""Where everything of the embedded server is, and how to reach it. Nothing here writes or starts anything."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.config.embedded_postgres.os_user import OsUser, server_user

DATABASE = ROLE = "tocsin"
SUPERUSER = "postgres"
PORT = "5432"
_SOCKET_NAME = f".s.PGSQL.{PORT}"
_SOCKET_PATH_BYTES = 103
"""What `struct sockaddr_un` holds on macOS; Linux holds 107."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`data_name` tells the database in use from the one that an upgrade builds."""

    folder: Path
    data_name: str = "data"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"

    @property
    def config(self) -> Path:
        return self.folder / "config"

    @property
    def binaries(self) -> Path:
        return self.folder / "binaries"

    @property
    def database(self) -> Path:
        return self.folder / "postgres"

    @property
    def data(self) -> Path:
        return self.database / self.data_name

    @property
    def log(self) -> Path:
        return self.database / "log"

    @property
    def pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    @property
    def server_user(self) -> OsUser:
        return server_user(self.database)

    @property
    def cluster_name(self) -> str:
        """In the title of each of its processes, so that leftovers of a killed server can be told apart."""
        return f"tocsin-{self._fingerprint}"

    @property
    def socket_folder(self) -> Path:
        """postgres/run, unless its path cannot be a socket's address: then a folder of the server's user in /tmp."""
        usual = self.database / "run"
        if len(os.fsencode(usual / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES and "," not in str(usual):
            return usual
        return Path(f"/tmp/tocsin-{self.server_user.uid}-{self._fingerprint}")  # noqa: S108 (0700, owner checked, requirepeer)

    @property
    def major_version(self) -> int | None:
        """Of the PostgreSQL that made the database; None before the first start."""
        try:
            return int((self.data / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None

    @property
    def _fingerprint(self) -> str:
        return hashlib.sha256(os.fsencode(os.path.realpath(self.folder))).hexdigest()[:12]

    def server_status(self) -> tuple[int, str] | None:
        """(process id, `starting`, `ready`, `stopping`...) from the server's own file, which may be stale."""
        try:
            lines = self.pid_file.read_text().splitlines()
        except FileNotFoundError:
            return None
        if len(lines) < 8 or not lines[0].isdigit():
            return None
        return int(lines[0]), lines[7].strip()


def connection_settings(folder: Path) -> dict[str, Any]:
    """Django's connection entries for the server of a data folder, started or not.

    `requirepeer` makes the client check who is on the other end, as the server does by peer authentication.
    """
    layout = Layout(folder)
    return {
        "NAME": DATABASE,
        "USER": ROLE,
        "HOST": str(layout.socket_folder),
        "PORT": PORT,
        "OPTIONS": {"requirepeer": layout.server_user.name},
    }
