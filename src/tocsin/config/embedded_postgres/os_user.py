"""Which user of the system PostgreSQL runs as. It refuses to run as root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tocsin.core.errors import ConfigurationError

_UNPRIVILEGED = ("postgres", "nobody")
CLEAN_PROCESS: Mapping[str, Any] = {
    "cwd": "/",
    "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
    "stdin": subprocess.DEVNULL,
    "umask": 0o077,
}
"""Arguments for `subprocess`: the child gets nothing of our environment or terminal."""


@dataclass(frozen=True, slots=True)
class OsUser:
    name: str
    uid: int
    gid: int

    @property
    def is_current(self) -> bool:
        return self.uid == os.geteuid()

    def process_options(self) -> dict[str, Any]:
        """Arguments for `subprocess` that make the child this user."""
        become = {} if self.is_current else {"user": self.uid, "group": self.gid, "extra_groups": []}
        return {**CLEAN_PROCESS, **become}

    def run(self, command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
        """Runs to the end as this user and captures the output; PermissionError when the program is out of reach."""
        options = self.process_options()
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, **options)  # noqa: S603 (our own binaries)

    def can_enter(self, folder: Path) -> bool:
        return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder]).returncode == 0


def user_by_id(uid: int) -> OsUser:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        raise ConfigurationError(
            f"The user id {uid} has no name on this system, and PostgreSQL needs one. "
            "Add it to /etc/passwd, or set TOCSIN_DATABASE_URL to a PostgreSQL server of your own."
        ) from error
    return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def server_user(database_folder: Path) -> OsUser:
    """The current user. For root: the owner of an existing database, else `postgres`, else `nobody`."""
    if os.geteuid() != 0:
        return user_by_id(os.geteuid())
    owner = _owner(database_folder)
    if owner:
        return user_by_id(owner)
    for name in _UNPRIVILEGED:
        user = _user_by_name(name)
        if user is not None:
            return user
    raise ConfigurationError(
        "PostgreSQL does not run as root, and this system has no user `postgres` or `nobody`. Create one of them, "
        "or run Tocsin as an ordinary user."
    )


def _owner(folder: Path) -> int:
    """0 when there is no such folder (or root owns it)."""
    try:
        return folder.stat().st_uid
    except FileNotFoundError:
        return 0


def _user_by_name(name: str) -> OsUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
