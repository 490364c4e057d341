"""Whom an action of the contacts' list is for, also while it asks something on a page of its own."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest

from tocsin.web.console.service_admin import ServiceAdmin


class ChosenContacts(ServiceAdmin):
    def chosen_ids(self, request: HttpRequest, queryset: QuerySet) -> list[int]:
        """Whom an action is for. Everybody that a list shows was found before."""
        known: list[int] | None = getattr(request, "ids_found", None)
        return list(queryset.values_list("pk", flat=True)) if known is None else known
