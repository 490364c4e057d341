"""Filters of lists, with words instead of code values."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from tocsin.web.console.words import Words, choices

_SEVERITIES = tuple("123456")


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
        return [(number, f"P{number}") for number in _SEVERITIES]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value()
        return queryset.filter(severity=int(value)) if value in _SEVERITIES else queryset
