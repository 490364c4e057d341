"""The database folder: made once, configured at every start."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from tocsin.config.embedded_postgres.binaries import Binaries
from tocsin.config.embedded_postgres.layout import DATABASE, PORT, ROLE, SUPERUSER, Layout
from tocsin.config.embedded_postgres.os_user import OsUser
from tocsin.core.errors import ConfigurationError

SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",  # what the pages ask for is in memory or on an SSD
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_checkpoints": "off",
    # a failed statement and the detail of a violated constraint hold people's numbers and addresses
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
"""For a small server; config/local.conf overrides them. Durability stays on. A week of logs is kept."""


def make_folders(layout: Layout) -> None:
    """ConfigurationError when the server's user cannot get there: no folder above the data folder is changed."""
    user = layout.server_user
    layout.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not user.is_current:
        mode = layout.folder.stat().st_mode & 0o7777
        if mode & 0o011 != 0o011:
            layout.folder.chmod(mode | 0o011)
    for folder in (layout.database, layout.log, layout.socket_folder):
        make_private(folder, user)
    layout.config.mkdir(mode=0o755, exist_ok=True)
    layout.config.chmod(0o755)
    if not user.can_enter(layout.database):
        raise ConfigurationError(
            f"PostgreSQL runs as the user {user.name}, who cannot enter {layout.folder}. "
            "Set TOCSIN_DATA_DIR to a folder where that user may, like /var/lib/tocsin."
        )


def remove_runtime_folder(layout: Layout) -> None:
    """The one in /tmp, where the path of the data folder is too long for a socket."""
    if layout.socket_folder.parent != layout.database:
        with contextlib.suppress(OSError):
            layout.socket_folder.rmdir()


def make_private(folder: Path, user: OsUser) -> None:
    """A folder of the server's user that nobody else may enter; ConfigurationError when it is someone else's."""
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        os.chown(folder, user.uid, user.gid)
    status = folder.lstat()
    if status.st_uid != user.uid or not folder.is_dir() or folder.is_symlink():
        raise ConfigurationError(
            f"{folder} must be a folder of the user {user.name}, but belongs to {_name(status.st_uid)}. "
            "Run Tocsin as that user or as root, or remove it."
        )
    if status.st_mode & 0o077:
        folder.chmod(0o700)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def create(layout: Layout, binaries: Binaries, *, is_durable: bool = True) -> None:
    """initdb beside its place, then renamed: an interrupted first start leaves nothing half made."""
    user = layout.server_user
    unfinished = layout.database / "data.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    command: list[str | Path] = [
        binaries.program("initdb"),
        "--pgdata",
        unfinished,
        f"--username={SUPERUSER}",
        "--auth=peer",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]
    result = user.run(command if is_durable else [*command, "--no-sync"])
    if result.returncode != 0:
        raise ConfigurationError(f"PostgreSQL could not create {layout.data}: {result.stderr.strip()}")
    unfinished.rename(layout.data)


def configure(layout: Layout, settings: Mapping[str, str]) -> None:
    """Written by us and only read by the server's user: what it may change, root must not follow."""
    lines = [f"{name} = {_quote(value)}" for name, value in {**SETTINGS, **settings}.items()]
    _write(layout.config / "postgresql.conf", [*lines, "include_if_exists = 'local.conf'"])
    _write(layout.config / "pg_hba.conf", [f"local all {ROLE},{SUPERUSER} peer map=tocsin"])
    names = sorted({layout.server_user.name, _name(os.geteuid()), _name(0)})
    _write(layout.config / "pg_ident.conf", [f'tocsin "{name}" {role}' for name in names for role in (ROLE, SUPERUSER)])


def _quote(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(["# Written by Tocsin at every start.", *lines, ""]))
    path.chmod(0o644)


def server_arguments(layout: Layout) -> list[str]:
    """What no configuration file may override: who can connect, from where, and where the logs go."""
    socket_folder = str(layout.socket_folder).replace('"', '""')
    fixed = {
        "config_file": str(layout.config / "postgresql.conf"),
        "hba_file": str(layout.config / "pg_hba.conf"),
        "ident_file": str(layout.config / "pg_ident.conf"),
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": f'"{socket_folder}"',
        "unix_socket_permissions": "0700",
        "cluster_name": layout.cluster_name,
        "logging_collector": "on",
        "log_destination": "stderr",
        "log_directory": str(layout.log),
    }
    return ["-D", str(layout.data), *(part for name, value in fixed.items() for part in ("-c", f"{name}={value}"))]


def superuser_connection(layout: Layout, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(
        host=str(layout.socket_folder),
        port=PORT,
        user=SUPERUSER,
        dbname=database,
        requirepeer=layout.server_user.name,
        autocommit=True,
    )


def ensure_database(layout: Layout) -> None:
    """The role that Tocsin works as (it may create databases, for the tests; nothing else) and its database."""
    with superuser_connection(layout) as connection:
        role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(role))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
