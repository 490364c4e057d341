"""What a run found, as docs/benchmarks.md shows it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`aim` is what the project wants; "" where it has none."""

    what: str
    found: str
    aim: str = ""


def known(page: str) -> list[Figure]:
    """What a page written earlier shows."""
    cells = [line.strip("|").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return [Figure(*(cell.strip() for cell in row)) for row in cells[1:] if len(row) == 3]


def with_earlier(figures: Sequence[Figure], earlier: Sequence[Figure]) -> list[Figure]:
    """One benchmark may be run alone: the figures of the others stay."""
    found = {_subject(figure): figure for figure in figures}
    kept = [found.pop(_subject(figure), figure) for figure in earlier]
    return [*kept, *found.values()]


def _subject(figure: Figure) -> str:
    """Without the brackets, which name what was slowest this time."""
    return figure.what.partition(" (")[0]


def page(figures: Sequence[Figure]) -> str:
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    lines = [
        "# Benchmarks",
        "",
        f"Written by `make bench` on {machine}, with everything on one machine: load, Tocsin, its PostgreSQL (every "
        "commit flushed to disk) and the peer. Ratios of one run say something; absolute figures say as much about the "
        "machine.",
        "",
        "| what | found | aim |",
        "|---|---|---|",
        *(f"| {figure.what} | {figure.found} | {figure.aim} |" for figure in figures),
        "",
    ]
    return "\n".join(lines)
