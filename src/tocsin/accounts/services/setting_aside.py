"""What an installation does not use is no task of its first run."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import SetAside
from tocsin.core.actors import Actor


def set_aside(*, by: Actor, now: datetime, name: str) -> None:
    """For everybody, until it is taken up. Once more changes nothing."""
    with transaction.atomic():
        row, is_new = SetAside.objects.get_or_create(name=name, defaults={"by_name": by.name[:150], "at": now})
        if is_new:
            audit.record(by=by, action=Action.CREATE, instance=row)


def take_up(*, by: Actor, now: datetime, name: str) -> None:
    """It is a task again."""
    with transaction.atomic():
        row = SetAside.objects.select_for_update().filter(name=name).first()
        if row is not None:
            audit.record(by=by, action=Action.DELETE, instance=row)
            row.delete()
