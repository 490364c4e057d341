"""Notification objects by name, a few at a time: what somebody chooses from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from tocsin.contacts.models import Contact, ContactGroup, NotificationObject, Robot, Webhook
from tocsin.contacts.queries.listing import Wanted, contacts_found
from tocsin.contacts.queries.searching import groups_named
from tocsin.core.storable import is_storable

Kind = NotificationObject.Kind
_MOST_PAGES = 100
_LONGEST_NAME = 64
_OWN: dict[str, Any] = {
    Kind.CONTACT: Contact,
    Kind.GROUP: ContactGroup,
    Kind.ROBOT: Robot,
    Kind.WEBHOOK: Webhook,
}


@dataclass(frozen=True, slots=True)
class Named:
    kind: str
    id: int
    name: str


@dataclass(frozen=True, slots=True)
class NamedPage:
    items: tuple[Named, ...]
    has_more: bool


@cache
def _models() -> dict[str, Any]:
    return _OWN | {kind: import_string(path) for kind, path in settings.CONTACT_KINDS.items()}


def pickable_kinds() -> tuple[str, ...]:
    return tuple(_models())


def objects_named(text: str, kinds: Sequence[str], *, page: int = 0, size: int = 20) -> NamedPage:
    """The `page`-th `size` of each kind whose name holds the text, by name; one statement for each kind."""
    wanted = text.strip()
    if not is_storable(wanted) or len(wanted) > _LONGEST_NAME or not 0 <= page < _MOST_PAGES:
        return NamedPage((), False)
    items: list[Named] = []
    has_more = False
    for kind in kinds:
        rows: QuerySet[Any]
        if kind == Kind.CONTACT:
            rows = contacts_found(Wanted(text=wanted), sees_addresses=False)
        elif kind == Kind.GROUP and wanted:
            rows = groups_named(wanted).order_by("name")
        else:
            rows = _models()[kind].objects.order_by("name")
            rows = rows.filter(name__icontains=wanted) if wanted else rows
        found = list(rows.values_list("pk", "name")[page * size : (page + 1) * size + 1])
        has_more = has_more or len(found) > size
        items += [Named(kind, pk, name) for pk, name in found[:size]]
    return NamedPage(tuple(items), has_more)


def names_of(ids: Collection[int]) -> dict[int, Named]:
    """By id; unknown ids are left out."""
    if not ids:
        return {}
    return {
        pk: Named(kind, pk, name)
        for kind, model in _models().items()
        for pk, name in model.objects.filter(pk__in=ids).order_by("name").values_list("pk", "name")
    }
