"""What is the same of every kind of notification object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.contacts.models import NotificationObject
from tocsin.contacts.queries import uses_of
from tocsin.contacts.rules import Use
from tocsin.core.actors import Actor
from tocsin.core.errors import refuse_changed


def delete_objects(
    *, by: Actor, rows: Sequence[Any], version: int | None, facts: Sequence[str] = ("name",)
) -> tuple[Use, ...]:
    """Deletes rows that are locked, with their `facts` in the audit log. Returns what used them.

    ConflictError when `version` (None: any) is not theirs.
    """
    refuse_changed(version, rows)
    found = [row.pk for row in rows]
    uses = tuple(uses_of(found))
    entries = [(row, {fact: (getattr(row, fact), "") for fact in facts}) for row in rows]
    audit.record_many(by=by, action=Action.DELETE, entries=entries)
    NotificationObject.objects.filter(pk__in=found).delete()
    return uses
