"""`tocsin migrate`: the tables of this version."""

from __future__ import annotations

from cyclopts import App

from tocsin.cli.shared import Json, database_running, say, set_up_django, show_json
from tocsin.config.migrations import migrate as apply_migrations

app = App(name="migrate")


@app.default
def migrate(*, as_json: Json = False) -> None:
    """Bring the tables up to this version. Processes that do so at once wait for each other."""
    set_up_django()
    with database_running("migrate") as applied_on_start:
        count = applied_on_start + apply_migrations()
    if as_json:
        show_json({"applied": count})
    else:
        say(f"{count} migrations applied." if count else "Nothing to do.")
