"""Counting long lists without reading them to the end."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

_CAP = 10_000


class CappedPaginator(Paginator):
    """Counts up to 10,000 rows: what lies beyond is found by a filter or a search, not by page number."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows[:_CAP].count())


class UncountedChangeList(ChangeList):
    """Does not count the whole table beside the filtered one, and says "show all" only where something is hidden."""

    @property
    def is_narrowed(self) -> bool:
        """Rows may be hidden by the search or a filter."""
        return bool(self.query) or bool(self.has_active_filters)

    def get_results(self, request: HttpRequest) -> None:
        """A page that there is not any more is the last one: Django would leave out what was searched and filtered."""
        try:
            super().get_results(request)
        except IncorrectLookupParameters:
            self.page_num = self.model_admin.get_paginator(request, self.queryset, self.list_per_page).num_pages
            super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count
