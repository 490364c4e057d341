"""Audit entries: services write them in their own transaction (django-auditlog stores and shows them)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import models

from tocsin.core.actors import Actor, ActorKind

Changes = Mapping[str, tuple[Any, Any]]
"""Field name -> (before, after). Secrets are given as ("", "***"), never as they are."""


class Action(IntEnum):
    """auditlog's own numbers."""

    CREATE = 0
    UPDATE = 1
    DELETE = 2
    ACCESS = 3


def record(
    *, by: Actor, action: Action, instance: models.Model, changes: Changes | None = None, note: str = ""
) -> None:
    """One entry for one row."""
    record_many(by=by, action=action, entries=[(instance, changes or {})], note=note)


def record_many(*, by: Actor, action: Action, entries: Iterable[tuple[models.Model, Changes]], note: str = "") -> None:
    """One entry a row, in one statement; rows may be of different tables."""
    LogEntry.objects.bulk_create(
        [
            LogEntry(
                content_type=ContentType.objects.get_for_model(instance),
                object_pk=str(instance.pk),
                object_id=instance.pk if isinstance(instance.pk, int) else None,
                object_repr=str(instance),
                action=int(action),
                changes={name: [str(before), str(after)] for name, (before, after) in changes.items()},
                actor_id=by.id if by.kind is ActorKind.USER else None,
                actor_email="",
                remote_addr=by.address or None,
                additional_data={"by": by.name, "kind": by.kind.value, **({"note": note} if note else {})},
            )
            for instance, changes in entries
        ]
    )
