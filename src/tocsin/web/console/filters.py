"""Filters of lists, with words instead of code values."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tocsin.web.console.words import Words, choices


class ChoicesFilter(SimpleListFilter):
    """Rows whose column `parameter_name` has the chosen value."""

    words: ClassVar[Words]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return choices(self.words)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset.filter(**{str(self.parameter_name): value}) if value in self.words else queryset


class SeverityFilter(SimpleListFilter):
    title = _("severity")
    parameter_name = "severity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(number), f"P{number}") for number in range(1, 7)]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        return queryset.filter(severity=int(value)) if value.isdigit() else queryset
