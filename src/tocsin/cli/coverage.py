"""`tocsin coverage`: what would leave an alert untold."""

from __future__ import annotations

import sys
from dataclasses import asdict

from cyclopts import App

from tocsin.cli.shared import Json, say, show_json
from tocsin.core.clock import utc_now
from tocsin.delivery.coverage import coverage
from tocsin.delivery.rules.coverage import CURES, TITLES, Item, Section, count_broken

app = App(name="coverage", help="Find what would leave an alert untold.")


@app.default
def show(*, json: Json = False) -> None:
    """Exit code 0 when nothing is broken, 3 when something is. Contacts without proof are advice and do not count."""
    sections = coverage(utc_now())
    if json:
        show_json([asdict(section) | {"is_advice": section.is_advice} for section in sections])
    else:
        _print(sections)
    sys.exit(3 if count_broken(sections) else 0)


def _print(sections: list[Section]) -> None:
    found = [section for section in sections if section.total]
    for section in found:
        more = " or more" if section.is_more else ""
        say(f"{TITLES[section.dead_end]}: {section.total}{more}. {CURES[section.dead_end]}")
        for item in section.items:
            say(f"  {_line(item)}")
    if not found:
        say("No dead ends: every enabled policy reaches somebody.")


def _line(item: Item) -> str:
    if item.since is not None and item.until is not None:
        return f"{item.name}: nobody from {item.since:%Y-%m-%d %H:%M} to {item.until:%Y-%m-%d %H:%M} UTC"
    return f"{item.name}: {item.failure}" if item.failure else item.name
