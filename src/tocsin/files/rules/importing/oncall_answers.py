"""Answers of Grafana OnCall's public API, as somebody kept them -> rows by resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tocsin.files.rules.importing.oncall import RESOURCES, Row

_FILE = re.compile(r"([a-z_]+?)(?:[-_.]?(\d+))?\.json")


def resource_of(file_name: str) -> tuple[str, int] | None:
    """`users.json`, and `users-2.json` for its second page: the resource and the page; None for another file."""
    match = _FILE.fullmatch(file_name)
    return (match[1], int(match[2] or 1)) if match and match[1] in RESOURCES else None


def rows_in(answer: Any, place: str) -> tuple[list[Row], int]:
    """Rows of a page, a list of pages or a bare list of rows, and how many there should be. ValueError for others."""
    if isinstance(answer, Mapping) and isinstance(answer.get("results"), list):
        rows = _checked(answer["results"], place)
        return rows, max(int(answer.get("count") or 0), len(rows) + bool(answer.get("next")))
    if isinstance(answer, list) and answer and all(isinstance(one, Mapping) and "results" in one for one in answer):
        pages = [rows_in(page, place) for page in answer]
        rows = [row for page, _count in pages for row in page]
        return rows, max(len(rows), *(int(page.get("count") or 0) for page in answer))
    if isinstance(answer, list):
        return _checked(answer, place), len(answer)
    raise ValueError(f"{place}: a list, or a page with results, is wanted")


def rows_by_resource(content: Any) -> dict[str, tuple[list[Row], int]]:
    """Of one file that holds everything: `{"users": ..., "schedules": ...}`."""
    if not isinstance(content, Mapping):
        raise ValueError(f"an object with {', '.join(RESOURCES)} is wanted")
    return {resource: rows_in(content[resource], resource) for resource in RESOURCES if resource in content}


def _checked(rows: list[Any], place: str) -> list[Row]:
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or "id" not in row:
            raise ValueError(f"{place}[{number}] is no object with an id")
    return rows
