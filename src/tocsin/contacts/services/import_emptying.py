"""Groups that an imported file would leave without members, counted while its rows are checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import Count

from tocsin.contacts.models import ContactGroup
from tocsin.contacts.rules.importing import Decision, Fate


class Emptying:
    """Sees every row's decision once; no two rows mean the same contact."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()
        self._joined: set[str] = set()

    def sees(self, decisions: Iterable[Decision]) -> None:
        for item in decisions:
            if item.groups is not None and item.fate in (Fate.CREATED, Fate.CHANGED):
                before, after = item.groups
                self._left.update(before - after)
                self._joined |= after - before

    def group_ids(self) -> list[int]:
        """Those whose members all leave and that nobody joins."""
        groups = ContactGroup.objects.filter(name__in=self._left.keys() - self._joined)
        counted = groups.annotate(total=Count("memberships")).order_by("pk")
        return [group.pk for group in counted if self._left[group.name] >= group.total]
