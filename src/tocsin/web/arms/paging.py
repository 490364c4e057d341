"""A page of rows, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from tocsin.web.arms.parameters import Paged

_Row = TypeVar("_Row", bound=Model)


def page_of(
    rows: QuerySet[_Row], asked: Paged, name: str, shown: Callable[[Sequence[_Row]], list[dict[str, Any]]]
) -> dict[str, Any]:
    """The `PageBean` with the rows under `name`."""
    first = (asked.page - 1) * asked.size
    found = list(rows[first : first + asked.size])
    is_whole = asked.page == 1 and len(found) < asked.size
    total = len(found) if is_whole else rows.order_by().count()
    return {"PageBean": {name: shown(found), "Page": asked.page, "Size": asked.size, "Total": total}}
