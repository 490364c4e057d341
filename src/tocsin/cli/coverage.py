"""`tocsin coverage`: what would leave an alert untold."""

from __future__ import annotations

import sys
from dataclasses import asdict

from cyclopts import App

from tocsin.cli.shared import Json, say, show_json
from tocsin.core.clock import utc_now
from tocsin.delivery.coverage import coverage
from tocsin.delivery.rules.coverage import CURES, TITLES, Item, Section, count_broken
from tocsin.policies.queries import is_any_enabled

app = App(name="coverage", help="Find what would leave an alert untold.")


@app.default
def show(*, json: Json = False) -> None:
    """Exit code 0 when nothing is broken, 3 when something is, or no policy is enabled. Contacts without proof are
    advice and do not count.
    """
    sections, is_enabled = coverage(utc_now()), is_any_enabled()
    if json:
        show_json([asdict(section) | {"is_advice": section.is_advice} for section in sections])
    else:
        _print(sections, is_enabled=is_enabled)
    sys.exit(3 if count_broken(sections) or not is_enabled else 0)


def _print(sections: list[Section], *, is_enabled: bool) -> None:
    if not is_enabled:
        say("No notification policy is enabled, so nobody is told of anything.")
    found = [section for section in sections if section.total]
    for section in found:
        more = " or more" if section.is_more else ""
        say(f"{TITLES[section.dead_end]}: {section.total}{more}. {CURES[section.dead_end]}")
        for item in section.items:
            say(f"  {_line(item)}")
    if is_enabled and not found:
        say("No dead ends: every enabled policy reaches somebody.")


def _line(item: Item) -> str:
    if item.since is not None and item.until is not None:
        return f"{item.name}: nobody from {item.since:%Y-%m-%d %H:%M} to {item.until:%Y-%m-%d %H:%M} UTC"
    return f"{item.name}: {item.failure}" if item.failure else item.name
