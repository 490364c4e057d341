"""`tocsin database`: care for the embedded database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from tocsin.cli.shared import Json, fail, say, show_json
from tocsin.config.embedded_postgres.upgrade import upgrade as upgrade_database
from tocsin.config.environment import data_folder, database_url
from tocsin.core.clock import utc_now

app = App(name="database")


@app.command
def upgrade(
    *,
    old_binaries: Annotated[
        Path | None, Parameter(help="Folder with the programs of the old version, like /usr/lib/postgresql/15/bin.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the database to the PostgreSQL version of this Tocsin, after a backup. `tocsin serve` must not run."""
    if database_url():
        fail("TOCSIN_DATABASE_URL is set: upgrade that server as its documentation says.")
    done = upgrade_database(data_folder(), now=utc_now(), old_binaries=old_binaries)
    if as_json:
        show_json({"before": done.before, "after": done.after, "backup": str(done.backup)})
    else:
        say(f"The database is of PostgreSQL {done.after} now; it was of {done.before}.")
        say(f"The old one is in {done.backup}. Remove that folder when you no longer need it.")
