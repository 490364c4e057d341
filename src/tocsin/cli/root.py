"""The `tocsin` command with all its groups, none of them imported yet."""

from __future__ import annotations

from cyclopts import App

from tocsin.cli.groups import GROUPS

app = App(
    name="tocsin",
    help="Tells the right people when an alert rule fires, on numbers proved to be theirs, and keeps the proof.",
    version_flags=["--version"],
)
for _group in GROUPS.values():
    app.command(f"{_group.module}:app", name=_group.name, help=_group.help)
