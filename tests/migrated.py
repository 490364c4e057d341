"""A database that has been migrated, of which every process of a run makes its own copy.

The cluster that has it is kept in .cache for the next run, as long as no migration and no locked package changes.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from django.core.management import call_command
from django.db import connection

from tocsin.config.embedded_postgres import EmbeddedPostgres, Layout
from tocsin.config.embedded_postgres.cluster import make_folders

MIGRATED = "TOCSIN_TEST_TEMPLATE"
"""The environment variable that names the database."""
_NAME = "tocsin_template"
_ROOT = Path(__file__).parents[1]
_KEPT = _ROOT / ".cache" / "test-clusters"


def migrated_database() -> str:
    """Its name; made in the server of the settings, where it does not come with the cluster. No connection stays: tests
    would take it for one to their own database.
    """
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_NAME])
        if cursor.fetchone():
            return _NAME
        cursor.execute(f"CREATE DATABASE {_NAME}_unready")
    usual, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], f"{_NAME}_unready"
    try:
        call_command("migrate", verbosity=0)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {_NAME}_unready RENAME TO {_NAME}")
    connection.close()
    return _NAME


def take_cluster(folder: Path) -> None:
    """Puts the kept cluster, if there is one for this code, where a server of that folder looks for its own."""
    if (kept := _kept()).exists():
        layout = Layout(folder)
        make_folders(layout)
        subprocess.run(["cp", "-a", kept, layout.data], check=True)


def keep_cluster(server: EmbeddedPostgres) -> None:
    """Stops the server, copies its cluster aside and starts it again. Other code's cluster is forgotten."""
    kept = _kept()
    if kept.exists():
        return
    server.stop()
    unready = kept.with_name(f"unready-{os.getpid()}")
    shutil.rmtree(_KEPT, ignore_errors=True)
    _KEPT.mkdir(parents=True)
    subprocess.run(["cp", "-a", server.layout.data, unready], check=True)
    unready.rename(kept)
    server.start()


def _kept() -> Path:
    """Only the user whose server made a cluster can read it."""
    digest = hashlib.sha256(str(os.geteuid()).encode())
    source = _ROOT / "src" / "tocsin"
    migrations = sorted(source.glob("*/migrations/*.py"))
    for path in (_ROOT / "requirements-dev.lock", source / "contacts" / "search_index.py", *migrations):
        digest.update(path.name.encode() + path.read_bytes())
    return _KEPT / digest.hexdigest()[:32]
