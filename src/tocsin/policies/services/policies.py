"""Writes of notification policies. Each leaves a re-match of what is firing, in its own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Unpack

from django.db import connection, transaction
from django.db.models import Max, ProtectedError
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core.actors import SYSTEM, Actor
from tocsin.core.errors import ChangedError, ConflictError, InvalidInputError, existing, refuse_changed
from tocsin.core.labels import text_error
from tocsin.events.services import request_rematch
from tocsin.policies.locking import lock_policies_for_writing
from tocsin.policies.models import LAST_POSITION, NotificationPolicy
from tocsin.policies.services.contents import TypedContent, add_version, content_of, need_targets, read_content

_MAX_NAME = 64


def create_policy(
    *,
    by: Actor,
    now: datetime,
    name: str,
    is_enabled: bool = True,
    is_shadow: bool = False,
    **content: Unpack[TypedContent],
) -> NotificationPolicy:
    """The last one in the order; in shadow it is not enabled. InvalidInputError names the field."""
    with transaction.atomic():
        lock_policies_for_writing()
        cleaned = read_content(content)
        is_enabled = is_enabled and not is_shadow
        need_targets(cleaned, tells=is_enabled or is_shadow)
        policy = NotificationPolicy.objects.create(
            name=_clean_name(name),
            is_enabled=is_enabled,
            is_shadow=is_shadow,
            created_at=now,
            position=_last_position() + 1,
        )
        add_version(policy, cleaned, by, now)
        policy.save(update_fields=["current"])
        changes = {"name": ("", policy.name), "is_enabled": ("", is_enabled), "is_shadow": ("", is_shadow)}
        changes |= {field: ("", value) for field, value in cleaned.as_changes().items()}
        audit.record(by=by, action=Action.CREATE, instance=policy, changes=changes)
        _rematch(policy, now)
    return policy


def save_policy(
    *,
    by: Actor,
    now: datetime,
    policy_id: int,
    version: int | None = None,
    name: str,
    **content: Unpack[TypedContent],
) -> NotificationPolicy:
    """Replaces the whole content as a new version; open alerts keep the one they began with.

    ConflictError when `version` is not the row's.
    """
    with transaction.atomic():
        policy = _locked(policy_id, version)
        cleaned = read_content(content)
        need_targets(cleaned, tells=policy.is_enabled or policy.is_shadow)
        before = {"name": policy.name, **content_of(policy.current).as_changes()}
        after = {"name": _clean_name(name, policy), **cleaned.as_changes()}
        changes = {field: (before[field], after[field]) for field in after if before[field] != after[field]}
        if not changes:
            return policy
        if changes.keys() - {"name"}:
            add_version(policy, cleaned, by, now)
        policy.name = after["name"]
        _save(policy, by, now, changes, ["name", "current"])
    return policy


def enable_policy(*, by: Actor, now: datetime, policy_id: int, version: int | None = None) -> NotificationPolicy:
    """Takes what is firing now, too. InvalidInputError when nobody would be told."""
    return _switch(by, now, policy_id, version, is_enabled=True)


def shadow_policy(*, by: Actor, now: datetime, policy_id: int, version: int | None = None) -> NotificationPolicy:
    """From now on it plans and records everything and sends nothing; its open alerts send nothing more."""
    return _switch(by, now, policy_id, version, is_shadow=True)


def disable_policy(*, by: Actor, now: datetime, policy_id: int, version: int | None = None) -> NotificationPolicy:
    """Acts at once: open alerts send nothing more."""
    return _switch(by, now, policy_id, version)


def copy_policy(*, by: Actor, now: datetime, policy_id: int, name: str = "") -> NotificationPolicy:
    """A copy behind the original, disabled so that nobody is told twice. Without a name it is called after it."""
    with transaction.atomic():
        policy = _locked(policy_id, None)
        copied = NotificationPolicy.objects.create(
            name=_clean_name(name or _free_name(policy.name)),
            is_enabled=False,
            created_at=now,
            position=policy.position,
        )
        content = content_of(policy.current)
        add_version(copied, content, by, now)
        copied.save(update_fields=["current"])
        changes = {"name": ("", copied.name), "is_enabled": ("", False)}
        changes |= {field: ("", value) for field, value in content.as_changes().items()}
        audit.record(by=by, action=Action.CREATE, instance=copied, changes=changes)
        _put_in_order(_ids_with(copied.pk, behind=policy.pk))
        _rematch(copied, now)
        copied.refresh_from_db(fields=["position"])
    return copied


def reorder_policies(*, by: Actor, now: datetime, ids: Sequence[int]) -> None:
    """Puts all policies into this order. ConflictError when `ids` are not those that there are now."""
    with transaction.atomic():
        lock_policies_for_writing()
        before = _ids_in_order()
        if sorted(ids) != sorted(before):
            raise ConflictError(_("Policies were added or deleted since you opened this list. Load it again."))
        _reorder(by, now, before, list(ids))


def reorder_shown_policies(*, by: Actor, now: datetime, before: Sequence[int], after: Sequence[int]) -> None:
    """Puts those that somebody saw, in the order `before`, into the order `after`, at the places that they have.

    ChangedError when they are no longer in that order, or some are gone; InvalidInputError when `after` has others.
    """
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise InvalidInputError({"after": _("These are not the policies of the list.")})
    with transaction.atomic():
        lock_policies_for_writing()
        known, shown = _ids_in_order(), set(before)
        if [pk for pk in known if pk in shown] != list(before):
            raise ChangedError(_("Somebody changed the policies or their order since you opened the list. Look again."))
        moved = iter(after)
        _reorder(by, now, known, [next(moved) if pk in shown else pk for pk in known])


def move_policy(*, by: Actor, now: datetime, policy_id: int, places: int) -> None:
    """Up (-1) or down (1) by so many places; not beyond either end."""
    with transaction.atomic():
        policy = _locked(policy_id, None)
        before = _ids_in_order()
        after = [pk for pk in before if pk != policy.pk]
        after.insert(max(0, before.index(policy.pk) + places), policy.pk)
        _reorder(by, now, before, after)


def delete_policy(*, by: Actor, now: datetime, policy_id: int, version: int | None = None) -> None:
    """Its alerts stay and send nothing more; only while there are some does the row stay, out of sight."""
    with transaction.atomic():
        policy = _locked(policy_id, version)
        audit.record(by=by, action=Action.DELETE, instance=policy)
        request_rematch(now=now, because=f"policy {policy.pk} deleted")
        try:
            with transaction.atomic():
                policy.current = None
                policy.save(update_fields=["current"])
                policy.delete()
        except ProtectedError:
            NotificationPolicy.objects.filter(pk=policy_id).update(
                deleted_at=now, is_enabled=False, is_shadow=False, version=policy.version + 1
            )


def ensure_catch_all(*, now: datetime) -> NotificationPolicy | None:
    """On the first start: a disabled policy for every event, to be given somebody to tell. None when there are any."""
    with transaction.atomic():
        lock_policies_for_writing()
        if NotificationPolicy.objects.exists():
            return None
        return create_policy(by=SYSTEM, now=now, name=_("Catch-all"), is_enabled=False)


def _switch(
    by: Actor, now: datetime, policy_id: int, version: int | None, *, is_enabled: bool = False, is_shadow: bool = False
) -> NotificationPolicy:
    with transaction.atomic():
        policy = _locked(policy_id, version)
        states = {"is_enabled": (policy.is_enabled, is_enabled), "is_shadow": (policy.is_shadow, is_shadow)}
        changes = {name: (before, after) for name, (before, after) in states.items() if before is not after}
        if changes:
            need_targets(content_of(policy.current), tells=is_enabled or is_shadow)
            policy.is_enabled, policy.is_shadow = is_enabled, is_shadow
            _save(policy, by, now, changes, list(changes))
    return policy


def _locked(policy_id: int, version: int | None) -> NotificationPolicy:
    lock_policies_for_writing()
    policy = existing(
        NotificationPolicy.objects.filter(pk=policy_id, deleted_at__isnull=True).first(),
        _("There is no such notification policy."),
    )
    refuse_changed(version, [policy])
    return policy


def _save(policy: NotificationPolicy, by: Actor, now: datetime, changes: audit.Changes, fields: Sequence[str]) -> None:
    policy.version += 1
    policy.save(update_fields=[*fields, "version"])
    audit.record(by=by, action=Action.UPDATE, instance=policy, changes=changes)
    _rematch(policy, now)


def _rematch(policy: NotificationPolicy, now: datetime) -> None:
    request_rematch(now=now, because=f"policy {policy.pk} changed")


def _ids_in_order() -> list[int]:
    return list(
        NotificationPolicy.objects.filter(deleted_at__isnull=True)
        .order_by("position", "pk")
        .values_list("pk", flat=True)
    )


def _ids_with(new: int, *, behind: int) -> list[int]:
    ids = [pk for pk in _ids_in_order() if pk != new]
    ids.insert(ids.index(behind) + 1, new)
    return ids


def _last_position() -> int:
    """Of what was put in order; 0 when nothing was."""
    return NotificationPolicy.objects.filter(position__lt=LAST_POSITION).aggregate(last=Max("position"))["last"] or 0


def _reorder(by: Actor, now: datetime, before: Sequence[int], after: Sequence[int]) -> None:
    """Each policy that changed its place has it in the audit log, counted from 1."""
    moved = [pk for pk, was in zip(after, before, strict=True) if pk != was]
    if not moved:
        return
    _put_in_order(after)
    was_at, is_at = ({pk: at for at, pk in enumerate(ids, 1)} for ids in (before, after))
    for policy in NotificationPolicy.objects.filter(pk__in=moved):
        changes = {"position": (was_at[policy.pk], is_at[policy.pk])}
        audit.record(by=by, action=Action.UPDATE, instance=policy, changes=changes)
    request_rematch(now=now, because="policies were put in another order")


def _put_in_order(ids: Sequence[int]) -> None:
    """One statement; rows that keep their position are not written."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE policies_notificationpolicy p SET position = o.position
            FROM unnest(%s::bigint[]) WITH ORDINALITY AS o (id, position)
            WHERE p.id = o.id AND p.position <> o.position
            """,
            [list(ids)],
        )


def _clean_name(name: str, policy: NotificationPolicy | None = None) -> str:
    """Writers are alone here, so that the look for the same name cannot be overtaken."""
    name = name.strip()
    if not name:
        raise InvalidInputError({"name": _("Enter a name.")})
    if error := text_error(name, _MAX_NAME):
        raise InvalidInputError({"name": error})
    same = NotificationPolicy.objects.filter(name=name, deleted_at__isnull=True)
    if (same.exclude(pk=policy.pk) if policy else same).exists():
        raise InvalidInputError({"name": _("There is a policy with the name %(name)s.") % {"name": name}})
    return name


def _free_name(name: str) -> str:
    stem = _("%(name)s (copy)") % {"name": name[: _MAX_NAME - 12]}
    taken = set(
        NotificationPolicy.objects.filter(name__startswith=stem, deleted_at__isnull=True).values_list("name", flat=True)
    )
    return next(name for name in (stem, *(f"{stem} {number}" for number in range(2, 1000))) if name not in taken)
