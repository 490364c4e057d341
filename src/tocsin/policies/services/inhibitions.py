"""Writes of inhibitions. Each leaves a re-match of what is firing, in its own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, existing, refuse_changed
from tocsin.core.labels import text_error
from tocsin.events.services import request_rematch
from tocsin.policies.locking import lock_policies_for_writing
from tocsin.policies.models import Inhibition
from tocsin.policies.rules import Condition, RulesError, parse_group_by, parse_rules, rules_as_json

_MAX_NAME = 64
Typed = Iterable[Iterable[Condition | Mapping[str, Any]]]


def create_inhibition(
    *,
    by: Actor,
    now: datetime,
    name: str,
    source_rules: Typed,
    target_rules: Typed,
    equal: Iterable[str] = (),
    is_enabled: bool = True,
) -> Inhibition:
    """Acts at once. `equal`: label names whose values source and target share; a missing label is the empty string.

    InvalidInputError names the field.
    """
    content = _content(name, source_rules, target_rules, equal)
    with transaction.atomic():
        lock_policies_for_writing()
        inhibition = Inhibition.objects.create(
            is_enabled=is_enabled, created_by=by.name[:150], created_at=now, **content
        )
        changes = {field: ("", value) for field, value in content.items()}
        audit.record(by=by, action=Action.CREATE, instance=inhibition, changes=changes)
        _rematch(inhibition, now)
    return inhibition


def save_inhibition(
    *,
    by: Actor,
    now: datetime,
    inhibition_id: int,
    version: int | None = None,
    name: str,
    source_rules: Typed,
    target_rules: Typed,
    equal: Iterable[str] = (),
    is_enabled: bool = True,
) -> Inhibition:
    """Replaces the whole content; what is quiet no longer and still fires is told. ConflictError on a stale version."""
    content = {**_content(name, source_rules, target_rules, equal), "is_enabled": is_enabled}
    with transaction.atomic():
        inhibition = _locked(inhibition_id, version)
        changes = {
            field: (getattr(inhibition, field), value)
            for field, value in content.items()
            if getattr(inhibition, field) != value
        }
        if not changes:
            return inhibition
        for field, (_before, value) in changes.items():
            setattr(inhibition, field, value)
        inhibition.version += 1
        inhibition.save(update_fields=[*changes, "version"])
        inhibition.members.all().delete()
        audit.record(by=by, action=Action.UPDATE, instance=inhibition, changes=changes)
        _rematch(inhibition, now)
    return inhibition


def delete_inhibition(*, by: Actor, now: datetime, inhibition_id: int, version: int | None = None) -> None:
    """What it keeps quiet and still fires is told."""
    with transaction.atomic():
        inhibition = _locked(inhibition_id, version)
        audit.record(by=by, action=Action.DELETE, instance=inhibition)
        _rematch(inhibition, now)
        inhibition.delete()


def _rematch(inhibition: Inhibition, now: datetime) -> None:
    request_rematch(now=now, because=f"inhibition {inhibition.pk} changed")


def _locked(inhibition_id: int, version: int | None) -> Inhibition:
    lock_policies_for_writing()
    inhibition = existing(Inhibition.objects.filter(pk=inhibition_id).first(), _("There is no such inhibition."))
    refuse_changed(version, [inhibition])
    return inhibition


def _content(name: str, source_rules: Typed, target_rules: Typed, equal: Iterable[str]) -> dict[str, Any]:
    name = name.strip()
    if not name:
        raise InvalidInputError({"name": _("Enter a name.")})
    if error := text_error(name, _MAX_NAME):
        raise InvalidInputError({"name": error})
    try:
        names = parse_group_by(equal)
    except InvalidInputError as wrong:
        raise InvalidInputError({"equal": wrong.fields["group_by"]}) from wrong
    return {
        "name": name,
        "source_rules": _rules("source_rules", source_rules),
        "target_rules": _rules("target_rules", target_rules),
        "equal": list(names),
    }


def _rules(field: str, typed: Typed) -> list[list[dict[str, str]]]:
    try:
        rules = parse_rules(typed)
    except RulesError as error:
        raise InvalidInputError({field: error.fields["rules"]}) from error
    if not rules:
        raise InvalidInputError({field: _("Name at least one condition.")})
    return rules_as_json(rules)
