"""Writes of integrations."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.core import crypto
from tocsin.core.actors import Actor
from tocsin.core.errors import ConflictError, InvalidInputError, existing, refuse_changed
from tocsin.core.labels import text_error
from tocsin.events.dialects.mapping import MAX_MAPPING, parse_mapping
from tocsin.events.models import Integration
from tocsin.events.queries import active_events_of
from tocsin.events.rules import INITIAL_SEVERITY_MAP, KEY_KEPT_FOR, Severity
from tocsin.events.services.rematching import request_rematch

_TOKEN_MARK = "tci_"  # noqa: S105 (what a leaked token is recognised by)
_TOKEN_DIGITS = 32
_TOKEN_SHOWN = 8
_MAX_NAME = 64
_MAX_WORDS = 100
_HEARTBEAT = range(60, 7 * 86_400 + 1)
_AUTO_RESOLVE = range(30, 7 * 86_400 + 1)


def create_integration(
    *,
    by: Actor,
    now: datetime,
    name: str,
    severity_map: Mapping[str, int] | None = None,
    auto_resolve_seconds: int = 300,
    is_enabled: bool = True,
    heartbeat_seconds: int = 0,
    heartbeat_rules: Sequence[Sequence[Mapping[str, str]]] = (),
    mapping: str = "",
) -> tuple[Integration, str]:
    """The integration and its token, which is shown this once: only its SHA-256 is stored.

    `heartbeat_seconds`: how often something must come, 0 for never; `heartbeat_rules` as `rules_as_json` writes them.
    `mapping`: how its plain JSON is read (`dialects/mapping.py`), "" as is usual.
    """
    integration = Integration(
        name=name.strip(),
        severity_map=_clean_map(INITIAL_SEVERITY_MAP if severity_map is None else severity_map),
        auto_resolve_seconds=auto_resolve_seconds,
        is_enabled=is_enabled,
        heartbeat_seconds=heartbeat_seconds,
        heartbeat_rules=list(heartbeat_rules),
        mapping=_clean_mapping(mapping),
        created_at=now,
    )
    _expect_heartbeat(integration, now)
    token = _give_token(integration)
    _check(integration)
    with transaction.atomic():
        _save(integration, force_insert=True)
        changes = {"name": ("", integration.name), "token": ("", "***")}
        audit.record(by=by, action=Action.CREATE, instance=integration, changes=changes)
    return integration, token


def update_integration(
    *,
    by: Actor,
    now: datetime,
    integration_id: int,
    version: int | None = None,
    name: str | None = None,
    severity_map: Mapping[str, int] | None = None,
    auto_resolve_seconds: int | None = None,
    is_enabled: bool | None = None,
    heartbeat_seconds: int | None = None,
    heartbeat_rules: Sequence[Sequence[Mapping[str, str]]] | None = None,
    mapping: str | None = None,
) -> Integration:
    """What is None stays. ConflictError when the version is not the row's."""
    given = {
        "name": None if name is None else name.strip(),
        "severity_map": None if severity_map is None else _clean_map(severity_map),
        "auto_resolve_seconds": auto_resolve_seconds,
        "is_enabled": is_enabled,
        "heartbeat_seconds": heartbeat_seconds,
        "heartbeat_rules": None if heartbeat_rules is None else [list(rule) for rule in heartbeat_rules],
        "mapping": None if mapping is None else _clean_mapping(mapping),
    }
    with transaction.atomic():
        integration = _locked(integration_id, version)
        changes = {
            field: (getattr(integration, field), value)
            for field, value in given.items()
            if value is not None and value != getattr(integration, field)
        }
        if not changes:
            return integration
        for field, (_before, after) in changes.items():
            setattr(integration, field, after)
        _check(integration)
        integration.version += 1
        if changes.keys() & {"heartbeat_seconds", "heartbeat_rules", "is_enabled"}:
            _expect_heartbeat(integration, now)
        _save(integration, update_fields=[*changes, "heartbeat_due_at", "version"])
        if changes.keys() & {"name", "severity_map", "is_enabled"}:  # policies match on the first two
            # Doors that remember the old values store events by them until then.
            request_rematch(now=now + 2 * KEY_KEPT_FOR, because=f"integration {integration.pk} changed")
        audit.record(by=by, action=Action.UPDATE, instance=integration, changes=changes)
    return integration


def enable_integration(*, by: Actor, now: datetime, integration_id: int, version: int | None = None) -> Integration:
    return update_integration(by=by, now=now, integration_id=integration_id, version=version, is_enabled=True)


def disable_integration(*, by: Actor, now: datetime, integration_id: int, version: int | None = None) -> Integration:
    """Reports are refused within seconds; what is active resolves when its time runs out."""
    return update_integration(by=by, now=now, integration_id=integration_id, version=version, is_enabled=False)


def rotate_token(
    *, by: Actor, now: datetime, integration_id: int, version: int | None = None
) -> tuple[Integration, str]:
    """A new token; the old one is refused within seconds."""
    with transaction.atomic():
        integration = _locked(integration_id, version)
        token = _give_token(integration)
        integration.version += 1
        integration.save(update_fields=["token_prefix", "token_digest", "version"])
        audit.record(by=by, action=Action.UPDATE, instance=integration, changes={"token": ("***", "***")})
    return integration, token


def delete_integration(*, by: Actor, now: datetime, integration_id: int, version: int | None = None) -> None:
    """Its events go with it; alerts stay. ConflictError while one is active: somebody may be waiting for its end."""
    with transaction.atomic():
        integration = _locked(integration_id, version)
        if active := active_events_of(integration_id):
            raise ConflictError(
                _(
                    "%(count)d events of %(name)s are still active. Disable it first; they resolve within "
                    "%(seconds)d seconds of their last report."
                )
                % {"count": active, "name": integration.name, "seconds": integration.auto_resolve_seconds}
            )
        audit.record(by=by, action=Action.DELETE, instance=integration)
        integration.delete()


def _expect_heartbeat(integration: Integration, now: datetime) -> None:
    """The first one within the interval from now. One that is missed already stays so until the next comes."""
    is_expected = integration.is_enabled and integration.heartbeat_seconds and integration.heartbeat_missed_at is None
    integration.heartbeat_due_at = now + timedelta(seconds=integration.heartbeat_seconds) if is_expected else None


def _give_token(integration: Integration) -> str:
    token = _TOKEN_MARK + crypto.to_base62(secrets.token_bytes(32), _TOKEN_DIGITS)
    integration.token_prefix, integration.token_digest = token[:_TOKEN_SHOWN], crypto.hash_token(token)
    return token


def _locked(integration_id: int, version: int | None) -> Integration:
    integration = existing(
        Integration.objects.select_for_update().filter(pk=integration_id).first(), _("There is no such integration.")
    )
    refuse_changed(version, [integration])
    return integration


def _save(integration: Integration, **options: Any) -> None:
    try:
        with transaction.atomic():
            integration.save(**options)
    except IntegrityError as error:
        problem = _("There is an integration with the name %(name)s; choose another.") % {"name": integration.name}
        raise InvalidInputError({"name": problem}) from error


def _check(integration: Integration) -> None:
    problems = {}
    if not integration.name:
        problems["name"] = _("Enter a name.")
    elif error := text_error(integration.name, _MAX_NAME):
        problems["name"] = error
    if integration.auto_resolve_seconds not in _AUTO_RESOLVE:
        problems["auto_resolve_seconds"] = _("Choose %(least)d to %(most)d seconds.") % {
            "least": _AUTO_RESOLVE.start,
            "most": _AUTO_RESOLVE.stop - 1,
        }
    if integration.heartbeat_seconds and integration.heartbeat_seconds not in _HEARTBEAT:
        problems["heartbeat_seconds"] = _("Choose 1 minute to 7 days, or 0 for none.")
    if problems:
        raise InvalidInputError(problems)


def _clean_mapping(typed: str) -> str:
    """MappingError on what cannot be read; an empty one is none."""
    text = typed.strip().replace("\r\n", "\n")
    if text:
        parse_mapping(text)
        if error := text_error(text, MAX_MAPPING):
            raise InvalidInputError({"mapping": error})
    return text


def _clean_map(severity_map: Mapping[str, int]) -> dict[str, int]:
    """Words in lower case, severities 1 to 6."""
    cleaned = {}
    for word, severity in severity_map.items():
        if severity not in [item.value for item in Severity] or isinstance(severity, bool):
            raise InvalidInputError({"severity_map": _("A severity is a number from 1 (P1) to 6 (P6).")})
        if not word.strip() or text_error(word, _MAX_NAME):
            raise InvalidInputError({"severity_map": _("A word needs 1 to 64 ordinary characters.")})
        cleaned[word.strip().lower()] = int(severity)
    if len(cleaned) > _MAX_WORDS:
        raise InvalidInputError({"severity_map": _("Keep it to %(count)d words.") % {"count": _MAX_WORDS}})
    return cleaned
