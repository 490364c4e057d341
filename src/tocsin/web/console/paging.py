"""Counting long lists without reading them to the end."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.functional import cached_property

_CAP = 10_000


class CappedPaginator(Paginator):
    """Counts up to 10,000 rows: what lies beyond is found by a filter or a search, not by page number."""

    @cached_property
    def count(self) -> int:
        return int(self.object_list[:_CAP].count())  # type: ignore[union-attr,call-arg]
