"""Writes of contact groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember, NotificationObject
from tocsin.contacts.rules import DuplicateError, Use
from tocsin.contacts.services.cleaning import (
    clean,
    clean_external_id,
    clean_name,
    duplicates,
    naming_duplicates,
    refuse_unknown_ids,
)
from tocsin.contacts.services.objects import delete_objects
from tocsin.core.actors import Actor
from tocsin.core.errors import ChangedError, existing, refuse_changed

_FIELDS = {"name": clean_name, "external_id": clean_external_id}
_ADD = """
INSERT INTO contacts_contactgroupmember (group_id, contact_id) SELECT %s, unnest(%s::bigint[]) ON CONFLICT DO NOTHING
"""
_TRIES = 10
"""How often somebody may join a group while its members are replaced."""


def create_group(
    *,
    by: Actor,
    now: datetime,
    name: str,
    contact_ids: Collection[int] = (),
    external_id: str | None = None,
) -> ContactGroup:
    """Group names are unique. InvalidInputError names `name`, `external_id` or `contact_ids`."""
    group = ContactGroup(**clean({"name": name, "external_id": external_id}, _FIELDS), created_at=now)
    with transaction.atomic():
        _lock_contacts(contact_ids)
        with naming_duplicates(lambda: _duplicate(group)):
            group.object = NotificationObject.objects.create(kind=NotificationObject.Kind.GROUP)
            group.save(force_insert=True)
        _add(group, contact_ids)
        changes = {"name": ("", group.name), "contacts": ("", _listed(contact_ids))}
        audit.record(by=by, action=Action.CREATE, instance=group, changes=changes)
    return group


def update_group(
    *,
    by: Actor,
    now: datetime,
    group_id: int,
    version: int | None,
    name: str | None = None,
    contact_ids: Collection[int] | None = None,
) -> ContactGroup:
    """What is None stays; `contact_ids` become the members. ConflictError when `version` is not the row's."""
    members = None if contact_ids is None else set(contact_ids)
    for _try in range(_TRIES):
        with suppress(_JoinedMeanwhileError), transaction.atomic():
            return _update(by, group_id, version, name, members)
    raise ChangedError


class _JoinedMeanwhileError(Exception):
    """Somebody joined the group while the locks of its contacts were taken, which come before the group's."""


def _update(by: Actor, group_id: int, version: int | None, name: str | None, wanted: set[int] | None) -> ContactGroup:
    held = set[int]()
    if wanted is not None:
        leaving = ContactGroupMember.objects.filter(group_id=group_id).exclude(contact_id__in=wanted)
        held = _lock_contacts(wanted, leaving.values_list("contact_id", flat=True))
    group = _locked(group_id, version)
    changes: dict[str, tuple[str, str]] = {}
    if name is not None and (cleaned := clean({"name": name}, _FIELDS)["name"] or "") != group.name:
        changes["name"] = (group.name, cleaned)
        group.name = cleaned
    if wanted is not None:
        before = set(group.memberships.values_list("contact_id", flat=True))
        if not before <= held:
            raise _JoinedMeanwhileError
        if before != wanted:
            _add(group, wanted - before)
            _remove(group, before - wanted)
            changes["contacts"] = (_listed(before), _listed(wanted))
    if changes:
        group.version += 1
        with naming_duplicates(lambda: _duplicate(group)):
            group.save(update_fields=["name", "version"])
        audit.record(by=by, action=Action.UPDATE, instance=group, changes=changes)
    return group


def add_members(*, by: Actor, now: datetime, group_id: int, contact_ids: Collection[int]) -> int:
    """How many were not members before."""
    with transaction.atomic():
        _lock_contacts(contact_ids)
        group = _locked(group_id, None)
        before = set(group.memberships.values_list("contact_id", flat=True))
        added = set(contact_ids) - before
        if added:
            _add(group, added)
            _record_members(by, group, before, before | added)
    return len(added)


def remove_members(*, by: Actor, now: datetime, group_id: int, contact_ids: Collection[int]) -> int:
    """How many were members."""
    with transaction.atomic():
        held = _lock_contacts((), contact_ids)
        group = _locked(group_id, None)
        before = set(group.memberships.values_list("contact_id", flat=True))
        removed = before & held
        if removed:
            _remove(group, removed)
            _record_members(by, group, before, before - removed)
    return len(removed)


def delete_groups(*, by: Actor, now: datetime, ids: Collection[int], version: int | None = None) -> tuple[Use, ...]:
    """Their members stay. Returns what used the groups. ConflictError when `version` is not the row's."""
    with transaction.atomic():
        groups = list(ContactGroup.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        return delete_objects(by=by, rows=groups, version=version)


def _locked(group_id: int, version: int | None) -> ContactGroup:
    group = existing(
        ContactGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first(),
        _("There is no such contact group."),
    )
    refuse_changed(version, [group])
    return group


def _lock_contacts(joining: Collection[int], leaving: Iterable[int] = ()) -> set[int]:
    """So that none is deleted before its membership is committed, and their versions can move.

    Contacts are locked before groups everywhere. Returns those that exist, of which are all that join.
    """
    wanted = {*joining, *leaving}
    locked = Contact.objects.select_for_update(no_key=True).filter(pk__in=wanted).order_by("pk")
    known = set(locked.values_list("pk", flat=True))
    refuse_unknown_ids("contact_ids", joining, known, _("There is no contact %(ids)s (any more)."))
    return known


def _add(group: ContactGroup, contact_ids: Collection[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [group.pk, sorted(contact_ids)])
    _move_versions(contact_ids)


def _remove(group: ContactGroup, contact_ids: Collection[int]) -> None:
    group.memberships.filter(contact_id__in=contact_ids).delete()
    _move_versions(contact_ids)


def _move_versions(contact_ids: Collection[int]) -> None:
    """Whoever read a contact with its groups, and writes them back, shall hear of it."""
    if contact_ids:
        Contact.objects.filter(pk__in=contact_ids).update(version=F("version") + 1)


def _record_members(by: Actor, group: ContactGroup, before: Collection[int], after: Collection[int]) -> None:
    ContactGroup.objects.filter(pk=group.pk).update(version=F("version") + 1)
    changes = {"contacts": (_listed(before), _listed(after))}
    audit.record(by=by, action=Action.UPDATE, instance=group, changes=changes)


def _duplicate(group: ContactGroup) -> DuplicateError:
    others = ContactGroup.objects.exclude(pk=group.pk)
    if (other := others.filter(name=group.name).first()) is not None:
        return duplicates({"name": (group.name, (other.pk, other.name))})
    other = others.filter(external_id=group.external_id).first() if group.external_id else None
    return duplicates({"external_id": (group.external_id, (other.pk, other.name) if other else None)})


def _listed(ids: Collection[int]) -> str:
    return ", ".join(map(str, sorted(ids)))
