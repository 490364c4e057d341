"""Writes of provider accounts, and a test message through one."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils.translation import gettext as _

from tocsin.accounts.audit import Action, Changes, record, record_many
from tocsin.channels.base import Config, Message, ProviderType, SendResult
from tocsin.channels.kinds import PERSONAL_CHANNELS
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import config_of, is_readable, kind_of, known_config_of
from tocsin.channels.registry import PROVIDERS, provider_type
from tocsin.channels.trials import send_once
from tocsin.core.actors import SYSTEM, Actor
from tocsin.core.crypto import to_base62
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError, existing, refuse_changed

_MAX_PRIORITY = 32_767
_NAMED = 10
_TOKEN_DIGITS = 22
_OUTBOX_PRIORITY = 1000


def add_account(
    *,
    by: Actor,
    now: datetime,
    name: str,
    provider: str,
    config: Config,
    priority: int = 100,
    limit_count: int = 0,
    limit_seconds: int = 0,
    is_enabled: bool = True,
) -> ProviderAccount:
    """InvalidInputError names fields of the account, and of the configuration as `config.<field>`."""
    try:
        kind = provider_type(provider)
    except NotFoundError as error:
        raise InvalidInputError({"provider": str(error)}) from error
    config = _cleaned(kind, config)
    account = ProviderAccount(
        name=name.strip(),
        provider=kind.name,
        channel=kind.channel,
        config=_stored(kind, config),
        callback_token=_new_token(),
        priority=priority,
        limit_count=limit_count or None,
        limit_seconds=limit_seconds or None,
        is_enabled=is_enabled,
        created_at=now,
    )
    _refuse(_problems(account, kind, config))
    with transaction.atomic():
        _save(account, force_insert=True)
        record(by=by, action=Action.CREATE, instance=account, changes=_shown(account, kind, {}))
    return account


def update_account(
    *,
    by: Actor,
    now: datetime,
    account_id: int,
    version: int | None = None,
    name: str | None = None,
    config: Config | None = None,
    clear_secrets: Collection[str] = (),
    priority: int | None = None,
    limit_count: int | None = None,
    limit_seconds: int | None = None,
    is_enabled: bool | None = None,
) -> ProviderAccount:
    """What is None stays, and so does a configuration field that is not given; a limit of 0 removes the account's own.

    A configuration that no key opens stays as it is until it is given, whole.
    Secrets are write-only: an empty one (or "***") keeps what is stored, `clear_secrets` names those to forget.
    """
    with transaction.atomic():
        account = _locked(account_id, version)
        kind = kind_of(account)
        old, old_config = _facts(account), known_config_of(account)
        is_kept = not config and not clear_secrets and not is_readable(account)
        new_config = _merged(kind, old_config, config or {}, clear_secrets)
        given = {"priority": priority, "is_enabled": is_enabled, "name": name.strip() if name is not None else None}
        for field, value in given.items():
            if value is not None:
                setattr(account, field, value)
        if limit_count is not None:
            account.limit_count = limit_count or None
        if limit_seconds is not None:
            account.limit_seconds = limit_seconds or None
        problems = _problems(account, kind, new_config)
        if is_kept:  # what no key opens may be of use to one that is found again
            problems = {name: text for name, text in problems.items() if not name.startswith("config.")}
        else:
            account.config = _stored(kind, new_config)
        _refuse(problems)
        before = {**old, **_shown_config(kind, old_config)}
        changes = dict(_shown(account, kind, before))
        changes.update(_changed_secrets(kind, old_config, new_config))
        if not changes:
            return account
        account.version += 1
        account.failures, account.pauses, account.opened_at, account.paused_until = 0, 0, None, None
        _save(account)
        record(by=by, action=Action.UPDATE, instance=account, changes=changes)
    return account


def enable_account(*, by: Actor, now: datetime, account_id: int, version: int | None = None) -> ProviderAccount:
    return update_account(by=by, now=now, account_id=account_id, version=version, is_enabled=True)


def disable_account(*, by: Actor, now: datetime, account_id: int, version: int | None = None) -> ProviderAccount:
    """What is still to be sent goes to the next account of the channel."""
    return update_account(by=by, now=now, account_id=account_id, version=version, is_enabled=False)


def delete_account(*, by: Actor, now: datetime, account_id: int, version: int | None = None) -> None:
    """Its receipts go with it; deliveries keep their own record. ConflictError while robots belong to it."""
    with transaction.atomic():
        account = _locked(account_id, version)
        changes: Changes = {name: (value, "") for name, value in _facts(account).items()}
        record(by=by, action=Action.DELETE, instance=account, changes=changes)
        try:
            with transaction.atomic():
                account.delete()
        except ProtectedError as error:
            names = ", ".join(sorted(str(row) for row in error.protected_objects)[:_NAMED])
            raise ConflictError(
                _("Robots belong to this account; delete them first: %(names)s.") % {"names": names}
            ) from error


def ensure_outbox_accounts(*, now: datetime) -> list[ProviderAccount]:
    """An outbox for phone, sms and email, so that a new installation shows what it would send. Returns the new ones."""
    kinds = [
        kind for kind in PROVIDERS.values() if kind.capabilities.is_simulated and kind.channel in PERSONAL_CHANNELS
    ]
    wanted = [
        ProviderAccount(
            name=kind.title,
            provider=kind.name,
            channel=kind.channel,
            config=_stored(kind, {}),
            callback_token=_new_token(),
            priority=_OUTBOX_PRIORITY,
            created_at=now,
        )
        for kind in kinds
    ]
    with transaction.atomic():
        stored = list(ProviderAccount.objects.filter(provider__in=[kind.name for kind in kinds]))
        there = {account.provider for account in stored}
        for account in stored:
            if not is_readable(account):  # a lost key: there is nothing to enter again
                account.config = _stored(kind_of(account), {})
                account.save(update_fields=["config"])
        missing = [account for account in wanted if account.provider not in there]
        ProviderAccount.objects.bulk_create(missing, ignore_conflicts=True)
        tokens = [account.callback_token for account in missing]
        created = list(ProviderAccount.objects.filter(callback_token__in=tokens))
        record_many(by=SYSTEM, action=Action.CREATE, entries=[(account, {}) for account in created])
    return created


def try_account(*, account: ProviderAccount, to: str) -> SendResult:
    """Sends one message now, past the queue and its limits. No receipt is asked for; a call is waited for."""
    kind = kind_of(account)
    message = Message(
        reference="t" + to_base62(secrets.token_bytes(16), 12).lower(),
        channel=kind.channel,
        to=to,
        subject=_("Test message from %(organisation)s") % {"organisation": settings.ORGANISATION},
        text=_("This is a test of %(account)s. No action is needed.") % {"account": account.name},
    )
    return asyncio.run(send_once(kind, config_of(account), message))


def _new_token() -> str:
    return to_base62(secrets.token_bytes(32), _TOKEN_DIGITS)


def _stored(kind: ProviderType, config: Config) -> str:
    """Only what was set: a default that changes later then reaches existing accounts."""
    return json.dumps({field.name: config[field.name] for field in kind.fields if config.get(field.name)})


def _cleaned(kind: ProviderType, config: Config) -> dict[str, str]:
    """Blanks around pasted values go; a secret is left as it is."""
    secret = {field.name for field in kind.fields if field.is_secret}
    return {name: value if name in secret else value.strip() for name, value in config.items()}


def _merged(kind: ProviderType, old: Config, given: Config, clear: Collection[str]) -> dict[str, str]:
    known = {field.name for field in kind.fields}
    merged = {**{name: value for name, value in old.items() if name in known}, **_cleaned(kind, given)}
    for field in kind.fields:
        if field.is_secret and merged.get(field.name) in ("", "***"):
            merged[field.name] = old.get(field.name, "")
        if field.name in clear:
            merged[field.name] = ""
    return merged


def _problems(account: ProviderAccount, kind: ProviderType, config: Config) -> dict[str, str]:
    found = {}
    if not 1 <= len(account.name) <= 64:
        found["name"] = _("A provider account needs a name of 1 to 64 characters.")
    if kind.is_for_robots:
        found["provider"] = _("%(provider)s is set up as a notification object, not as a provider account.") % {
            "provider": kind.title
        }
    if not 0 <= account.priority <= _MAX_PRIORITY:
        found["priority"] = _("A priority is a number from 0 (tried first) to %(max)d.") % {"max": _MAX_PRIORITY}
    if (account.limit_count is None) != (account.limit_seconds is None):
        found["limit_count"] = _("A limit needs both numbers: how many messages, and in how many seconds.")
    elif min(account.limit_count or 1, account.limit_seconds or 1) < 1:
        found["limit_count"] = _("A limit is at least one message in one second.")
    found.update({f"config.{name}": text for name, text in kind.problems(config).items()})
    return found


def _refuse(problems: Mapping[str, str]) -> None:
    if problems:
        raise InvalidInputError(problems)


def _locked(account_id: int, version: int | None) -> ProviderAccount:
    account = existing(
        ProviderAccount.objects.select_for_update().filter(pk=account_id).first(),
        _("There is no such provider account."),
    )
    refuse_changed(version, [account])
    return account


def _save(account: ProviderAccount, *, force_insert: bool = False) -> None:
    try:
        with transaction.atomic():
            account.save(force_insert=force_insert)
    except IntegrityError as error:
        taken = _("There is a provider account with the name %(name)s; choose another.") % {"name": account.name}
        raise InvalidInputError({"name": taken}) from error


def _facts(account: ProviderAccount) -> dict[str, Any]:
    names = ("name", "provider", "priority", "limit_count", "limit_seconds", "is_enabled")
    return {name: "" if (value := getattr(account, name)) is None else value for name in names}


def _shown_config(kind: ProviderType, config: Config) -> dict[str, str]:
    return {f"config.{name}": value for name, value in kind.masked(config).items()}


def _shown(account: ProviderAccount, kind: ProviderType, before: Mapping[str, Any]) -> Changes:
    after = {**_facts(account), **_shown_config(kind, known_config_of(account))}
    return {name: (before.get(name, ""), value) for name, value in after.items() if value != before.get(name, "")}


def _changed_secrets(kind: ProviderType, old: Config, new: Config) -> Changes:
    changed = [field.name for field in kind.fields if field.is_secret and old.get(field.name) != new.get(field.name)]
    return {f"config.{name}": ("***" if old.get(name) else "", "***" if new.get(name) else "") for name in changed}
