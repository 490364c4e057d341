"""A page of rows, and how many there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from django.db.models import Model, QuerySet

from tocsin.web.arms.parameters import Paged

_Row = TypeVar("_Row", bound=Model)


class _OldPaged(Protocol):
    current_page: int
    page_size: int


def among(rows: QuerySet[_Row], name: str, ids: Sequence[int] | None = None) -> QuerySet[_Row]:
    """Those whose name holds `name`, and of `ids` unless it is None."""
    if name:
        rows = rows.filter(name__icontains=name)
    return rows if ids is None else rows.filter(pk__in=ids)


def page_of(
    rows: QuerySet[_Row], asked: Paged, name: str, shown: Callable[[Sequence[_Row]], list[dict[str, Any]]]
) -> dict[str, Any]:
    """The `PageBean` with the rows under `name`."""
    found, total = _read(rows, asked.page, asked.size)
    return {"PageBean": {name: shown(found), "Page": asked.page, "Size": asked.size, "Total": total}}


def old_page_of(
    rows: QuerySet[_Row], asked: _OldPaged, name: str, shown: Callable[[Sequence[_Row]], list[dict[str, Any]]]
) -> dict[str, Any]:
    """The same as the older actions call it."""
    page, size = asked.current_page, asked.page_size
    found, total = _read(rows, page, size)
    return {"PageBean": {name: shown(found), "PageNumber": page, "PageSize": size, "TotalCount": total}}


def _read(rows: QuerySet[_Row], page: int, size: int) -> tuple[list[_Row], int]:
    """The page's rows, and how many there are on all pages: counted only where the page does not say."""
    first = (page - 1) * size
    found = list(rows[first : first + size])
    is_whole = page == 1 and len(found) < size
    return found, len(found) if is_whole else rows.order_by().count()
