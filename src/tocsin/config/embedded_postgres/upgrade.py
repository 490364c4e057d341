"""From another major version of PostgreSQL to ours: dumped, restored beside, swapped at the end."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tocsin.config.embedded_postgres import cluster
from tocsin.config.embedded_postgres.binaries import Binaries, current_binaries, find_binaries
from tocsin.config.embedded_postgres.layout import DATABASE, PORT, SUPERUSER, Layout
from tocsin.config.embedded_postgres.lock import FolderLock
from tocsin.config.embedded_postgres.process import ServerProcess
from tocsin.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Upgraded:
    """`backup` holds the old database as it was (`data`) and its dump (`tocsin.dump`)."""

    before: int
    after: int
    backup: Path


def upgrade(folder: Path, *, now: datetime, old_binaries: Path | None = None) -> Upgraded:
    """Until the last step, two renames, the old database stays in its place and untouched but for being read.

    FolderInUseError while somebody runs it. ConfigurationError when there is nothing to upgrade, or no PostgreSQL
    of the old version to read it with.
    """
    layout = Layout(folder)
    found = layout.major_version
    if found is None:
        raise ConfigurationError(f"There is no database in {folder} yet; `tocsin serve` makes one.")
    lock = FolderLock(layout.lock)
    lock.acquire("database upgrade")
    try:
        cluster.make_folders(layout)
        new = current_binaries(layout)
        if found == new.major:
            raise ConfigurationError(f"The database in {folder} is of PostgreSQL {found} already: nothing to do.")
        old = find_binaries(layout, found, typed=old_binaries)
        if old is None:
            raise ConfigurationError(_advice(found, old_binaries))
        return _upgrade(layout, old, new, now)
    finally:
        lock.release()


def _advice(major: int, typed: Path | None) -> str:
    if typed is not None:
        return f"There is no PostgreSQL {major} in {typed} that the database's user can run."
    return (
        f"Reading the database needs the programs of PostgreSQL {major} once. Install them (Debian: the package "
        f"postgresql-{major}), then run `tocsin database upgrade --old-binaries /usr/lib/postgresql/{major}/bin`."
    )


def _upgrade(layout: Layout, old: Binaries, new: Binaries, now: datetime) -> Upgraded:
    backup = layout.database / f"backup-{old.major}-{now:%Y%m%d-%H%M%S}"
    cluster.make_private(backup, layout.server_user)
    dump = backup / f"{DATABASE}.dump"
    built = replace(layout, data_name="data.upgraded")
    shutil.rmtree(built.data, ignore_errors=True)
    # its own pg_dump: a later minor release of the old version may keep in its catalogs what ours does not know
    _with_server(layout, old, [old.program("pg_dump"), "--format=custom", f"--file={dump}"])
    cluster.create(built, new)
    restore: list[str | Path] = [new.program("pg_restore"), "--exit-on-error", "--single-transaction", dump]
    _with_server(built, new, restore, [new.program("vacuumdb"), "--analyze-only", "--quiet"])
    layout.data.rename(backup / "data")
    built.data.rename(layout.data)
    return Upgraded(old.major, new.major, backup)


def _with_server(layout: Layout, binaries: Binaries, *commands: list[str | Path]) -> None:
    """Runs client programs (their first word) on the database while its server runs."""
    server = ServerProcess(layout)
    connection = [f"--host={layout.socket_folder}", f"--port={PORT}", f"--username={SUPERUSER}", "--no-password"]
    try:
        server.start(binaries, {})
        cluster.ensure_database(layout)
        for program, *rest in commands:
            result = layout.server_user.run([program, *connection, f"--dbname={DATABASE}", *rest])
            if result.returncode != 0:
                raise ConfigurationError(f"The upgrade stopped and changed nothing: {result.stderr.strip()}")
    finally:
        server.stop()
