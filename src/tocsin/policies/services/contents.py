"""What a version of a policy holds: read from what was typed, checked, compared and stored.

A further part of a policy is a field of `PolicyVersion`, one of `TypedContent`, and one of `PolicyContent` under the
same name, with the check that it needs in `read_content`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, TypedDict

from django.utils.translation import gettext as _

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.models import NotificationObject
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError
from tocsin.events.models import Integration
from tocsin.policies.models import EscalationPolicy, NotificationPolicy, PolicyTarget, PolicyVersion
from tocsin.policies.rules import (
    Condition,
    parse_group_by,
    parse_limits,
    parse_rules,
    parse_templates,
    parse_window,
    rules_as_json,
)

TypedRules = Iterable[Iterable[Condition | Mapping[str, Any]]]
TypedTargets = Iterable[tuple[int, Iterable[str]]]

GROUP_WAIT = timedelta(seconds=5)
GROUP_INTERVAL = timedelta(seconds=30)
_GROUP_BY = ("alertname",)
_LONGEST = timedelta(days=1)
_REPEATS = (timedelta(minutes=1), timedelta(days=7))
_MAX_TARGETS = 500


class TypedContent(TypedDict, total=False):
    """What whoever writes a policy says of its content; what is left out is as in a new one.

    `rules` []: every event. `sources` []: every integration. `group_by` None: by `alertname`; []: one message.
    `targets`: notification object ids with channels of `phone`, `sms`, `email`; robots and webhooks with none.
    `stops_here`: policies after this one do not get what it takes. `repeat_every`: until it recovers or somebody claims
    it, everybody is told again; None: once is enough. `escalation_id`: instead of that, an escalation policy.
    `severity_limits`: channel -> the mildest severity that uses it. `sending_window`: as `parse_window` reads it; None:
    messages go out at any time.
    """

    rules: TypedRules
    sources: Iterable[int]
    stops_here: bool
    group_by: Iterable[str] | None
    group_wait: timedelta
    group_interval: timedelta
    targets: TypedTargets
    sends_recovery: bool
    repeat_every: timedelta | None
    escalation_id: int | None
    severity_limits: Mapping[str, int]
    sending_window: Mapping[str, Any] | None
    templates: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PolicyContent:
    """Ready to be stored and compared: the columns of `PolicyVersion`, and its targets."""

    rules: list[list[dict[str, str]]]
    sources: list[int]
    stops_here: bool
    group_by: list[str]
    group_wait_seconds: int
    group_interval_seconds: int
    sends_recovery: bool
    repeat_seconds: int
    escalation_id: int | None
    severity_limits: dict[str, int]
    sending_window: dict[str, Any] | None
    templates: dict[str, str]
    targets: list[tuple[int, list[str]]]

    def as_changes(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def read_content(typed: TypedContent) -> PolicyContent:
    """InvalidInputError names the field."""
    group_by = typed.get("group_by")
    wait, interval = typed.get("group_wait", GROUP_WAIT), typed.get("group_interval", GROUP_INTERVAL)
    if not timedelta(0) <= wait <= _LONGEST:
        raise InvalidInputError({"group_wait": _("Choose 0 seconds to 1 day.")})
    if not timedelta(seconds=1) <= interval <= _LONGEST:
        raise InvalidInputError({"group_interval": _("Choose 1 second to 1 day.")})
    repeat = typed.get("repeat_every")
    if repeat is not None and not _REPEATS[0] <= repeat <= _REPEATS[1]:
        raise InvalidInputError({"repeat_every": _("Choose 1 minute to 7 days.")})
    escalation_id = typed.get("escalation_id")
    _check_escalation(escalation_id, repeat)
    return PolicyContent(
        rules=rules_as_json(parse_rules(typed.get("rules", ()))),
        sources=_clean_sources(typed.get("sources", ())),
        stops_here=typed.get("stops_here", False),
        group_by=list(parse_group_by(_GROUP_BY if group_by is None else group_by)),
        group_wait_seconds=int(wait.total_seconds()),
        group_interval_seconds=int(interval.total_seconds()),
        sends_recovery=typed.get("sends_recovery", True),
        repeat_seconds=int(repeat.total_seconds()) if repeat is not None else 0,
        escalation_id=escalation_id,
        severity_limits=parse_limits(typed.get("severity_limits", {})),
        sending_window=parse_window(typed.get("sending_window")),
        templates=parse_templates(typed.get("templates", {})),
        targets=clean_targets(typed.get("targets", ())),
    )


def content_of(version: PolicyVersion | None) -> PolicyContent:
    """As it was stored; an empty one for None."""
    version = version or PolicyVersion(group_wait_seconds=0, group_interval_seconds=0, sends_recovery=False)
    targets = version.targets.order_by("pk") if version.pk else ()
    columns = {field.name: getattr(version, field.name) for field in fields(PolicyContent) if field.name != "targets"}
    return PolicyContent(**columns, targets=[(target.object_id, target.channels) for target in targets])


def typed_content_of(version: PolicyVersion | None) -> TypedContent:
    """As whoever changes a part of it gives it back whole; that of a new policy for None."""
    if version is None:
        return TypedContent()
    stored = content_of(version)
    return TypedContent(
        rules=stored.rules,
        sources=stored.sources,
        stops_here=stored.stops_here,
        group_by=stored.group_by,
        group_wait=timedelta(seconds=stored.group_wait_seconds),
        group_interval=timedelta(seconds=stored.group_interval_seconds),
        targets=stored.targets,
        sends_recovery=stored.sends_recovery,
        repeat_every=timedelta(seconds=stored.repeat_seconds) if stored.repeat_seconds else None,
        escalation_id=stored.escalation_id,
        severity_limits=stored.severity_limits,
        sending_window=stored.sending_window,
        templates=stored.templates,
    )


def add_version(policy: NotificationPolicy, content: PolicyContent, by: Actor, now: datetime) -> None:
    """Becomes the policy's current one; the policy is the caller's to save."""
    newest = policy.versions.order_by("-number").values_list("number", flat=True).first() or 0
    columns = asdict(content)
    del columns["targets"]
    policy.current = PolicyVersion.objects.create(
        policy=policy, number=newest + 1, created_at=now, created_by=by.name[:150], **columns
    )
    PolicyTarget.objects.bulk_create(
        PolicyTarget(policy_version=policy.current, object_id=object_id, channels=channels)
        for object_id, channels in content.targets
    )


def need_targets(content: PolicyContent, *, tells: bool) -> None:
    """InvalidInputError when the policy tells and names nobody."""
    if tells and not content.targets:
        raise InvalidInputError({"targets": _("Name somebody to tell first, or leave the policy disabled.")})


def _clean_sources(typed: Iterable[int]) -> list[int]:
    ids = list(dict.fromkeys(typed))
    known = set(Integration.objects.filter(pk__in=ids).values_list("pk", flat=True)) if ids else set()
    for pk in ids:
        if pk not in known:
            problem = _("There is no integration %(id)s; it may have been deleted.") % {"id": pk}
            raise InvalidInputError({"sources": problem})
    return sorted(known)


def _check_escalation(escalation_id: int | None, repeat_every: timedelta | None) -> None:
    if escalation_id is None:
        return
    if repeat_every is not None:
        raise InvalidInputError({"escalation": _("Repeat or escalate: choose one of the two.")})
    if not EscalationPolicy.objects.filter(pk=escalation_id, deleted_at__isnull=True).exists():
        raise InvalidInputError({"escalation": _("This escalation policy is gone; choose another one.")})


def clean_targets(targets: TypedTargets) -> list[tuple[int, list[str]]]:
    """Objects that exist, each once, with channels where they have some; InvalidInputError names `targets`."""
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
