"""`/audit-log`: who changed or saw what, and when. Whole numbers stand in it, so managers and above read it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.audit import Action
from tocsin.accounts.queries import newest_entries
from tocsin.accounts.rules import Permission, Scope
from tocsin.core.errors import InvalidInputError, existing
from tocsin.web.rest.fields import Id, Moment, TypedMoment
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource

audit_log = Resource("Audit log", reads=Scope.ADMIN_READ, writes=Scope.ADMIN_WRITE)


class AuditAction(StrEnum):
    """In the words of the console."""

    CREATED = "created"
    CHANGED = "changed"
    DELETED = "deleted"
    SEEN = "seen"


_STORED = dict(zip(AuditAction, Action, strict=True))
_SHOWN = {stored: action for action, stored in _STORED.items()}


class AuditEntry(BaseModel):
    """Secrets stand in no entry: `***` says that there was one."""

    id: int = Field(examples=[4711])
    at: Moment
    action: AuditAction
    kind: str = Field(description="What it is about.", examples=["contacts.contact"])
    object_id: str = Field(examples=["7"])
    name: str = Field(description="What it was called then.", examples=["Zhang Wei"])
    by: str = Field(description="Who did it: a user, a token, a contact, the command line.", examples=["Ada Admin"])
    by_kind: str = Field(examples=["user"])
    address: str | None = Field(description="Where the request came from.")
    note: str
    changes: dict[str, list[str]] = Field(
        description="Field: before, after.", examples=[{"name": ["Wei", "Zhang Wei"]}]
    )


class AuditFilters(PageQuery):
    action: AuditAction | None = None
    kind: str = Field("", max_length=100, description="Such as contacts.contact.", examples=["contacts.contact"])
    object_id: Id | None = Field(None, description="With `kind`: the history of one.")
    text: str = Field(
        "",
        max_length=254,
        description="In what it is about or who did it, of the newest 100,000 entries that the other filters leave.",
    )
    since: TypedMoment | None = None
    until: TypedMoment | None = Field(None, description="Before this moment.")


@audit_log.get("", Page[AuditEntry], needs=Permission.REVEAL)
def list_audit_entries(request: HttpRequest, asked: Query[AuditFilters]) -> Any:
    """The newest first."""
    found = LogEntry.objects.select_related("content_type")
    if asked.action is not None:
        found = found.filter(action=int(_STORED[asked.action]))
    if asked.kind:
        found = found.filter(content_type=_kind(asked.kind))
    if asked.object_id is not None:
        found = found.filter(object_pk=str(asked.object_id))
    if asked.since is not None:
        found = found.filter(timestamp__gte=asked.since)
    if asked.until is not None:
        found = found.filter(timestamp__lt=asked.until)
    if asked.text:
        in_name, in_who = Q(object_repr__icontains=asked.text), Q(additional_data__by__icontains=asked.text)
        found = newest_entries(found).filter(in_name | in_who)
    rows, following = one_page(found.order_by("-pk"), ("-pk",), asked)
    return Page[AuditEntry](items=[_entry(row) for row in rows], next=following)


@audit_log.get("/{int:entry_id}", AuditEntry, needs=Permission.REVEAL)
def read_audit_entry(request: HttpRequest, entry_id: Id) -> Any:
    row = existing(
        LogEntry.objects.select_related("content_type").filter(pk=entry_id).first(), "There is no such entry."
    )
    return _entry(row)


def _kind(text: str) -> ContentType:
    app, _point, model = text.partition(".")
    found = ContentType.objects.filter(app_label=app, model=model).first()
    if found is None:
        raise InvalidInputError(
            {"kind": _("There is nothing of this kind; entries say theirs, like contacts.contact.")}
        )
    return found


def _entry(row: LogEntry) -> AuditEntry:
    about = row.additional_data or {}
    kind = row.content_type
    return AuditEntry(
        id=row.pk,
        at=row.timestamp,
        action=_SHOWN[Action(row.action)],
        kind=f"{kind.app_label}.{kind.model}",
        object_id=row.object_pk,
        name=row.object_repr,
        by=str(about.get("by", "")),
        by_kind=str(about.get("kind", "")),
        address=row.remote_addr,
        note=str(about.get("note", "")),
        changes={field: [str(side) for side in sides] for field, sides in row.changes_dict.items()},
    )
