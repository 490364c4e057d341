"""Audit entries: services write them in their own transaction (django-auditlog stores and shows them)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import IntEnum
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models

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
                additional_data={"by": by.full_name, "kind": by.kind.value, **({"note": note} if note else {})},
            )
            for instance, changes in entries
        ]
    )


_COPY = (
    "COPY auditlog_logentry (content_type_id, object_pk, object_id, object_repr, action, changes_text, changes, "
    "actor_id, actor_email, remote_addr, timestamp, additional_data) FROM STDIN"
)


def record_rows(
    *,
    by: Actor,
    now: datetime,
    action: Action,
    model: type[models.Model],
    entries: Iterable[tuple[int, str, Changes]],
    note: str = "",
) -> None:
    """`record_many` for thousands of rows of one table, none of them an instance: (id, what it is called, changes)."""
    content_type = ContentType.objects.get_for_model(model).pk
    about = json.dumps({"by": by.full_name, "kind": by.kind.value, **({"note": note} if note else {})})
    actor = by.id if by.kind is ActorKind.USER else None
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(_COPY) as copy:
        for pk, name, changes in entries:
            said = json.dumps({field: [str(before), str(after)] for field, (before, after) in changes.items()})
            copy.write_row(
                [content_type, str(pk), pk, name, int(action), "", said, actor, "", by.address or None, now, about]
            )
