"""Writes of notification policies. Each leaves a re-match of what is firing, in its own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.models import NotificationObject
from tocsin.core.actors import SYSTEM, Actor
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError
from tocsin.core.labels import text_error
from tocsin.events.services import request_rematch
from tocsin.policies.locking import lock_policies_for_writing
from tocsin.policies.models import NotificationPolicy, PolicyTarget, PolicyVersion
from tocsin.policies.rules import Condition, parse_group_by, parse_rules, rules_as_json

TypedRules = Iterable[Iterable[Condition | Mapping[str, Any]]]
TypedTargets = Iterable[tuple[int, Iterable[str]]]

GROUP_WAIT = timedelta(seconds=5)
GROUP_INTERVAL = timedelta(seconds=30)
_GROUP_BY = ("alertname",)
_MAX_NAME = 64
_LONGEST = timedelta(days=1)
_REPEATS = (timedelta(minutes=1), timedelta(days=7))
_MAX_TARGETS = 500


@dataclass(frozen=True, slots=True)
class _Content:
    """What a version holds, ready to be stored and compared."""

    rules: list[list[dict[str, str]]]
    group_by: list[str]
    group_wait_seconds: int
    group_interval_seconds: int
    sends_recovery: bool
    targets: list[tuple[int, list[str]]]
    repeat_seconds: int = 0

    def as_changes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def create_policy(
    *,
    by: Actor,
    now: datetime,
    name: str,
    rules: TypedRules = (),
    group_by: Iterable[str] | None = None,
    group_wait: timedelta = GROUP_WAIT,
    group_interval: timedelta = GROUP_INTERVAL,
    targets: TypedTargets = (),
    sends_recovery: bool = True,
    is_enabled: bool = True,
    repeat_every: timedelta | None = None,
) -> NotificationPolicy:
    """`rules` []: every event. `group_by` None: by `alertname`; []: one message. InvalidInputError names the field.

    `targets`: notification object ids with channels of `phone`, `sms`, `email`; robots and webhooks with none.
    `repeat_every`: until it recovers or somebody claims it, everybody is told again; None: once is enough.
    """
    with transaction.atomic():
        lock_policies_for_writing()
        content = _content(rules, group_by, group_wait, group_interval, targets, sends_recovery, repeat_every)
        _need_targets(content.targets, is_enabled)
        policy = NotificationPolicy.objects.create(name=_clean_name(name), is_enabled=is_enabled, created_at=now)
        _add_version(policy, content, by, now)
        policy.save(update_fields=["current"])
        changes = {"name": ("", policy.name), "is_enabled": ("", is_enabled)}
        changes |= {field: ("", value) for field, value in content.as_changes().items()}
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
    rules: TypedRules = (),
    group_by: Iterable[str] | None = None,
    group_wait: timedelta = GROUP_WAIT,
    group_interval: timedelta = GROUP_INTERVAL,
    targets: TypedTargets = (),
    sends_recovery: bool = True,
    repeat_every: timedelta | None = None,
) -> NotificationPolicy:
    """Replaces the whole content as a new version; open alerts keep the one they began with.

    ConflictError when `version` is not the row's.
    """
    with transaction.atomic():
        policy = _locked(policy_id, version)
        content = _content(rules, group_by, group_wait, group_interval, targets, sends_recovery, repeat_every)
        _need_targets(content.targets, policy.is_enabled)
        before = {"name": policy.name, **_content_of(policy.current).as_changes()}
        after = {"name": _clean_name(name, policy), **content.as_changes()}
        changes = {field: (before[field], after[field]) for field in after if before[field] != after[field]}
        if not changes:
            return policy
        if changes.keys() - {"name"}:
            _add_version(policy, content, by, now)
        policy.name = after["name"]
        _save(policy, by, now, changes, ["name", "current"])
    return policy


def enable_policy(*, by: Actor, now: datetime, policy_id: int, version: int | None = None) -> NotificationPolicy:
    """Takes what is firing now, too. InvalidInputError when nobody would be told."""
    return _switch(by, now, policy_id, version, is_enabled=True)


def disable_policy(*, by: Actor, now: datetime, policy_id: int, version: int | None = None) -> NotificationPolicy:
    """Acts at once: open alerts send nothing more."""
    return _switch(by, now, policy_id, version, is_enabled=False)


def copy_policy(*, by: Actor, now: datetime, policy_id: int, name: str = "") -> NotificationPolicy:
    """A copy, disabled so that nobody is told twice. Without a name it is called after the original."""
    with transaction.atomic():
        policy = _locked(policy_id, None)
        content = _content_of(policy.current)
        return create_policy(
            by=by,
            now=now,
            name=name or _free_name(policy.name),
            rules=content.rules,
            group_by=content.group_by,
            group_wait=timedelta(seconds=content.group_wait_seconds),
            group_interval=timedelta(seconds=content.group_interval_seconds),
            targets=content.targets,
            sends_recovery=content.sends_recovery,
            is_enabled=False,
            repeat_every=timedelta(seconds=content.repeat_seconds) or None,
        )


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
                deleted_at=now, is_enabled=False, version=policy.version + 1
            )


def ensure_catch_all(*, now: datetime) -> NotificationPolicy | None:
    """On the first start: a disabled policy for every event, to be given somebody to tell. None when there are any."""
    with transaction.atomic():
        lock_policies_for_writing()
        if NotificationPolicy.objects.exists():
            return None
        return create_policy(by=SYSTEM, now=now, name=_("Catch-all"), is_enabled=False)


def _switch(by: Actor, now: datetime, policy_id: int, version: int | None, *, is_enabled: bool) -> NotificationPolicy:
    with transaction.atomic():
        policy = _locked(policy_id, version)
        if policy.is_enabled is not is_enabled:
            _need_targets(_content_of(policy.current).targets, is_enabled)
            changes = {"is_enabled": (policy.is_enabled, is_enabled)}
            policy.is_enabled = is_enabled
            _save(policy, by, now, changes, ["is_enabled"])
    return policy


def _locked(policy_id: int, version: int | None) -> NotificationPolicy:
    lock_policies_for_writing()
    policy = NotificationPolicy.objects.filter(pk=policy_id, deleted_at__isnull=True).first()
    if policy is None:
        raise NotFoundError(_("There is no such notification policy."))
    if version is not None and version != policy.version:
        raise ConflictError(
            _("Somebody changed this policy since you opened it. Load it again and repeat your change.")
        )
    return policy


def _save(policy: NotificationPolicy, by: Actor, now: datetime, changes: audit.Changes, fields: Sequence[str]) -> None:
    policy.version += 1
    policy.save(update_fields=[*fields, "version"])
    audit.record(by=by, action=Action.UPDATE, instance=policy, changes=changes)
    _rematch(policy, now)


def _rematch(policy: NotificationPolicy, now: datetime) -> None:
    request_rematch(now=now, because=f"policy {policy.pk} changed")


def _add_version(policy: NotificationPolicy, content: _Content, by: Actor, now: datetime) -> None:
    newest = policy.versions.order_by("-number").values_list("number", flat=True).first() or 0
    policy.current = PolicyVersion.objects.create(
        policy=policy,
        number=newest + 1,
        rules=content.rules,
        group_by=content.group_by,
        group_wait_seconds=content.group_wait_seconds,
        group_interval_seconds=content.group_interval_seconds,
        sends_recovery=content.sends_recovery,
        repeat_seconds=content.repeat_seconds,
        created_at=now,
        created_by=by.name[:150],
    )
    PolicyTarget.objects.bulk_create(
        PolicyTarget(policy_version=policy.current, object_id=object_id, channels=channels)
        for object_id, channels in content.targets
    )


def _content_of(version: PolicyVersion | None) -> _Content:
    if version is None:
        return _Content([], [], 0, 0, False, [])
    return _Content(
        rules=version.rules,
        group_by=version.group_by,
        group_wait_seconds=version.group_wait_seconds,
        group_interval_seconds=version.group_interval_seconds,
        sends_recovery=version.sends_recovery,
        targets=[(target.object_id, target.channels) for target in version.targets.order_by("pk")],
        repeat_seconds=version.repeat_seconds,
    )


def _content(
    rules: TypedRules,
    group_by: Iterable[str] | None,
    group_wait: timedelta,
    group_interval: timedelta,
    targets: TypedTargets,
    sends_recovery: bool,
    repeat_every: timedelta | None,
) -> _Content:
    if not timedelta(0) <= group_wait <= _LONGEST:
        raise InvalidInputError({"group_wait": _("Choose 0 seconds to 1 day.")})
    if not timedelta(seconds=1) <= group_interval <= _LONGEST:
        raise InvalidInputError({"group_interval": _("Choose 1 second to 1 day.")})
    if repeat_every is not None and not _REPEATS[0] <= repeat_every <= _REPEATS[1]:
        raise InvalidInputError({"repeat_every": _("Choose 1 minute to 7 days.")})
    return _Content(
        rules=rules_as_json(parse_rules(rules)),
        group_by=list(parse_group_by(_GROUP_BY if group_by is None else group_by)),
        group_wait_seconds=int(group_wait.total_seconds()),
        group_interval_seconds=int(group_interval.total_seconds()),
        sends_recovery=sends_recovery,
        targets=_clean_targets(targets),
        repeat_seconds=int(repeat_every.total_seconds()) if repeat_every is not None else 0,
    )


def _clean_targets(targets: TypedTargets) -> list[tuple[int, list[str]]]:
    typed = [(object_id, list(channels)) for object_id, channels in targets]
    if len(typed) > _MAX_TARGETS:
        raise InvalidInputError({"targets": _("Name %(count)d at the most; use groups.") % {"count": _MAX_TARGETS}})
    kinds = dict(
        NotificationObject.objects.filter(pk__in=[object_id for object_id, _channels in typed]).values_list(
            "pk", "kind"
        )
    )
    cleaned: dict[int, list[str]] = {}
    for object_id, channels in typed:
        if object_id not in kinds:
            problem = _("There is no notification object %(id)s; it may have been deleted.") % {"id": object_id}
        elif object_id in cleaned:
            problem = _("Notification object %(id)s is named twice.") % {"id": object_id}
        elif kinds[object_id] in (NotificationObject.Kind.ROBOT, NotificationObject.Kind.WEBHOOK):
            problem = _("A robot or webhook has its own channel; choose none for it.") if channels else ""
        elif not channels or not set(channels) <= set(PERSONAL_CHANNELS):
            problem = _("Choose one or more of phone, sms and email for each contact and group.")
        else:
            problem = ""
        if problem:
            raise InvalidInputError({"targets": problem})
        cleaned[object_id] = [Channel(channel).value for channel in PERSONAL_CHANNELS if channel in channels]
    return list(cleaned.items())


def _need_targets(targets: Sequence[object], is_enabled: bool) -> None:
    if is_enabled and not targets:
        raise InvalidInputError({"targets": _("Name somebody to tell first, or leave the policy disabled.")})


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
