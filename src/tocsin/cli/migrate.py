"""`tocsin migrate`: the tables of this version."""

from __future__ import annotations

from cyclopts import App

from tocsin.cli.shared import Json, counted, database_running, migrate_and_prepare, say, set_up_django, show_json

app = App(name="migrate")


@app.default
def migrate(*, as_json: Json = False) -> None:
    """Bring the tables up to this version. Processes that do so at once wait for each other.

    The first time it makes the user `admin` and prints the password, this once.
    """
    set_up_django()
    with database_running("migrate") as applied_on_start:
        done = migrate_and_prepare(is_said=not as_json)
    done["applied"] += applied_on_start
    if as_json:
        show_json(done)
    else:
        say(f"{counted(done['applied'], 'migration')} applied." if done["applied"] else "Nothing to do.")
