"""Writes of escalation policies. What is saved acts at once, also on alerts that are open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, InvalidInputError, existing, refuse_changed
from tocsin.core.labels import text_error
from tocsin.policies.locking import lock_policies_for_writing
from tocsin.policies.models import EscalationPolicy, EscalationStep, EscalationTarget
from tocsin.policies.queries.escalations import policies_with_escalation
from tocsin.policies.rules.escalations import MOST_REPETITIONS, MOST_ROUNDS, MOST_STEPS, Until
from tocsin.policies.services.contents import clean_targets

_MAX_NAME = 64
_LONGEST_MINUTES = 90
_LONGEST_CLAIM = 24 * 60


@dataclass(frozen=True, slots=True)
class StepInput:
    """A step as it was typed. `targets` as for notification policies; no `begins`: at any time of day."""

    until: str = Until.CLAIMED
    after_minutes: int = 10
    targets: Sequence[tuple[int, Sequence[str]]] = ()
    repetitions: int = 0
    every_minutes: int = 5
    begins: time | None = None
    ends: time | None = None
    time_zone: str = ""


def create_escalation(
    *, by: Actor, now: datetime, name: str, steps: Sequence[StepInput], rounds: int = 1, claim_minutes: int = 0
) -> EscalationPolicy:
    """InvalidInputError names the field; that of a step is `steps`, and says which one."""
    with transaction.atomic():
        lock_policies_for_writing()
        policy = EscalationPolicy(name=_clean_name(name), created_at=now)
        _set_numbers(policy, rounds, claim_minutes)
        cleaned = _clean_steps(steps)
        policy.save()
        _write_steps(policy, cleaned)
        changes = {field: ("", value) for field, value in _as_changes(policy, cleaned).items()}
        audit.record(by=by, action=Action.CREATE, instance=policy, changes=changes)
    return policy


def write_escalation(
    *,
    by: Actor,
    now: datetime,
    escalation_id: int,
    version: int | None = None,
    name: str,
    steps: Sequence[StepInput],
    rounds: int = 1,
    claim_minutes: int = 0,
) -> EscalationPolicy:
    """Replaces the whole. For `alerts.services.save_escalation`, which lets open alerts go on with it."""
    with transaction.atomic():
        policy = _locked(escalation_id, version)
        before = _as_changes(policy, _stored_steps(policy))
        cleaned = _clean_steps(steps)
        policy.name = _clean_name(name, policy)
        _set_numbers(policy, rounds, claim_minutes)
        after = _as_changes(policy, cleaned)
        changes = {field: (before[field], after[field]) for field in after if before[field] != after[field]}
        if not changes:
            return policy
        policy.version += 1
        policy.save(update_fields=["name", "rounds", "claim_minutes", "version"])
        if "steps" in changes:
            policy.steps.all().delete()
            _write_steps(policy, cleaned)
        audit.record(by=by, action=Action.UPDATE, instance=policy, changes=changes)
    return policy


def delete_escalation(*, by: Actor, now: datetime, escalation_id: int, version: int | None = None) -> None:
    """ConflictError while a notification policy uses it. Alerts of older versions escalate no more."""
    with transaction.atomic():
        policy = _locked(escalation_id, version)
        if users := policies_with_escalation(escalation_id):
            names = ", ".join(user.name for user in users[:10])
            raise ConflictError(
                _("%(name)s is used by %(policies)s. Choose something else there first.")
                % {"name": policy.name, "policies": names}
            )
        audit.record(by=by, action=Action.DELETE, instance=policy)
        policy.deleted_at, policy.version = now, policy.version + 1
        policy.save(update_fields=["deleted_at", "version"])
        policy.steps.all().delete()


def _locked(escalation_id: int, version: int | None) -> EscalationPolicy:
    lock_policies_for_writing()
    policy = existing(
        EscalationPolicy.objects.filter(pk=escalation_id, deleted_at__isnull=True).first(),
        _("There is no such escalation policy."),
    )
    refuse_changed(version, [policy])
    return policy


def _clean_name(name: str, policy: EscalationPolicy | None = None) -> str:
    name = name.strip()
    if not name:
        raise InvalidInputError({"name": _("Enter a name.")})
    if error := text_error(name, _MAX_NAME):
        raise InvalidInputError({"name": error})
    same = EscalationPolicy.objects.filter(name=name, deleted_at__isnull=True)
    if (same.exclude(pk=policy.pk) if policy else same).exists():
        raise InvalidInputError({"name": _("There is a policy with the name %(name)s.") % {"name": name}})
    return name


def _set_numbers(policy: EscalationPolicy, rounds: int, claim_minutes: int) -> None:
    if not 0 <= rounds <= MOST_ROUNDS:
        raise InvalidInputError({"rounds": _("Choose 0 to %(most)d.") % {"most": MOST_ROUNDS}})
    if not 0 <= claim_minutes <= _LONGEST_CLAIM:
        raise InvalidInputError({"claim_minutes": _("Choose 0 to %(most)d minutes.") % {"most": _LONGEST_CLAIM}})
    policy.rounds, policy.claim_minutes = rounds, claim_minutes


def _clean_steps(steps: Sequence[StepInput]) -> list[StepInput]:
    if not steps:
        raise InvalidInputError({"steps": _("Add a step: after how long, and who is told.")})
    if len(steps) > MOST_STEPS:
        raise InvalidInputError({"steps": _("Keep it to %(most)d steps.") % {"most": MOST_STEPS}})
    return [_clean_step(number, step) for number, step in enumerate(steps, 1)]


def _clean_step(number: int, step: StepInput) -> StepInput:
    problem = ""
    if step.until not in list(Until):
        problem = _("Choose what the step waits for.")
    elif not 1 <= step.after_minutes <= _LONGEST_MINUTES or not 1 <= step.every_minutes <= _LONGEST_MINUTES:
        problem = _("Choose 1 to %(most)d minutes.") % {"most": _LONGEST_MINUTES}
    elif not 0 <= step.repetitions <= MOST_REPETITIONS:
        problem = _("Choose 0 to %(most)d repetitions.") % {"most": MOST_REPETITIONS}
    elif (step.begins is None) != (step.ends is None):
        problem = _("Give both times of the notification period, or neither.")
    elif step.begins is not None and step.begins == step.ends:
        problem = _("The notification period must not begin and end at the same time; leave both empty for all day.")
    elif step.time_zone and not _is_zone(step.time_zone):
        problem = _("%(name)s is not a time zone.") % {"name": step.time_zone}
    elif not step.targets:
        problem = _("Name somebody to tell.")
    if not problem:
        try:
            targets = clean_targets(step.targets)
        except InvalidInputError as error:
            problem = " ".join(error.fields.values())
    if problem:
        raise InvalidInputError({"steps": _("Step %(number)d: %(problem)s") % {"number": number, "problem": problem}})
    return StepInput(
        until=Until(step.until).value,
        after_minutes=step.after_minutes,
        targets=targets,
        repetitions=step.repetitions,
        every_minutes=step.every_minutes,
        begins=step.begins,
        ends=step.ends,
        time_zone=step.time_zone if step.begins is not None else "",
    )


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _write_steps(policy: EscalationPolicy, steps: Sequence[StepInput]) -> None:
    rows = EscalationStep.objects.bulk_create(
        EscalationStep(
            policy=policy,
            number=number,
            until=step.until,
            after_minutes=step.after_minutes,
            repetitions=step.repetitions,
            every_minutes=step.every_minutes,
            begins=step.begins,
            ends=step.ends,
            time_zone=step.time_zone,
        )
        for number, step in enumerate(steps, 1)
    )
    EscalationTarget.objects.bulk_create(
        EscalationTarget(step=row, object_id=object_id, channels=list(channels))
        for row, step in zip(rows, steps, strict=True)
        for object_id, channels in step.targets
    )


def _stored_steps(policy: EscalationPolicy) -> list[StepInput]:
    return [
        StepInput(
            until=step.until,
            after_minutes=step.after_minutes,
            targets=[(target.object_id, target.channels) for target in sorted(step.targets.all(), key=lambda t: t.pk)],
            repetitions=step.repetitions,
            every_minutes=step.every_minutes,
            begins=step.begins,
            ends=step.ends,
            time_zone=step.time_zone,
        )
        for step in policy.steps.prefetch_related("targets").order_by("number")
    ]


def _as_changes(policy: EscalationPolicy, steps: Sequence[StepInput]) -> dict[str, Any]:
    numbers = {"name": policy.name, "rounds": policy.rounds, "claim_minutes": policy.claim_minutes}
    return {**numbers, "steps": [_step_as_json(step) for step in steps]}


def _step_as_json(step: StepInput) -> dict[str, Any]:
    return {
        "until": str(step.until),
        "after_minutes": step.after_minutes,
        "repetitions": step.repetitions,
        "every_minutes": step.every_minutes,
        "period": f"{step.begins:%H:%M}-{step.ends:%H:%M} {step.time_zone}".strip() if step.begins else "",
        "targets": [[object_id, list(channels)] for object_id, channels in step.targets],
    }
