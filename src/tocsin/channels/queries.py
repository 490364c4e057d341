"""Reads of provider accounts."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Func, QuerySet, TextField, Value
from django.utils.translation import gettext as _

from tocsin.channels.base import Capabilities, Limit, LimitScope, ProviderType
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.registry import PROVIDERS
from tocsin.core.crypto import key_ids, same
from tocsin.core.errors import ConfigurationError, NotFoundError


def accounts_for(channel: Channel) -> list[ProviderAccount]:
    """Enabled, by priority. Simulated ones only where nothing real is enabled."""
    return accounts_by_channel().get(channel, [])


def accounts_by_channel() -> dict[Channel, list[ProviderAccount]]:
    """`accounts_for` every channel that has one, in one statement. Accounts of an unknown provider are left out, and
    apps, which carry what their own robots say.
    """
    found: dict[Channel, list[ProviderAccount]] = {}
    for account in ProviderAccount.objects.filter(is_enabled=True).order_by("priority", "id"):
        if account.provider in PROVIDERS and PROVIDERS[account.provider].chat is None:
            found.setdefault(Channel(account.channel), []).append(account)
    return {channel: _real_if_any(accounts) for channel, accounts in found.items()}


def accounts_without(channel: Channel, ids: Collection[int]) -> list[ProviderAccount]:
    """What would carry the channel if these accounts were gone."""
    others = ProviderAccount.objects.filter(is_enabled=True, channel=channel).exclude(pk__in=ids)
    return _real_if_any([account for account in others.order_by("priority", "id") if account.provider in PROVIDERS])


def apps_with_robots() -> list[ProviderAccount]:
    """The accounts that robots can belong to."""
    kinds = [name for name, kind in PROVIDERS.items() if kind.chat is not None]
    return list(ProviderAccount.objects.filter(provider__in=kinds).order_by("channel", "name"))


def directories() -> list[ProviderAccount]:
    """The enabled accounts that can look people up."""
    kinds = [name for name, kind in PROVIDERS.items() if kind.looks_up]
    return list(ProviderAccount.objects.filter(provider__in=kinds, is_enabled=True).order_by("channel", "name"))


def list_accounts() -> list[ProviderAccount]:
    """All of them, each channel's in the order in which they are tried."""
    return list(ProviderAccount.objects.order_by("channel", "priority", "id"))


def simulated_account_names() -> set[str]:
    """Of the accounts through which nothing reaches anybody."""
    simulated = [name for name, kind in PROVIDERS.items() if kind.capabilities.is_simulated]
    return set(ProviderAccount.objects.filter(provider__in=simulated).values_list("name", flat=True))


def account_named(name: str) -> ProviderAccount:
    """NotFoundError names the ones that exist."""
    account = ProviderAccount.objects.filter(name=name).first()
    if account is None:
        names = ", ".join(ProviderAccount.objects.order_by("name").values_list("name", flat=True))
        raise NotFoundError(
            _("There is no provider account %(name)s. There are: %(names)s.") % {"name": name, "names": names or "-"}
        )
    return account


def account_of_callback(provider: str, token: str) -> ProviderAccount | None:
    """The account that a vendor's request at /callbacks/<provider>/<token> is for; tokens compared in constant time."""
    if provider not in PROVIDERS:  # whatever was sent, NUL included
        return None
    candidates = ProviderAccount.objects.filter(provider=provider)
    return next((account for account in list(candidates) if same(account.callback_token, token)), None)


def kind_of(account: ProviderAccount) -> ProviderType:
    """NotFoundError when this version of Tocsin has no such provider."""
    kind = PROVIDERS.get(account.provider)
    if kind is None:
        raise NotFoundError(
            _("The account %(name)s uses the provider %(provider)s, which this version does not have.")
            % {"name": account.name, "provider": account.provider}
        )
    return kind


def config_of(account: ProviderAccount) -> dict[str, str]:
    """Secrets included: for opening the account, never for showing it. ConfigurationError when no key opens them."""
    config: dict[str, str] = json.loads(account.config or "{}")
    return config


def known_config_of(account: ProviderAccount) -> dict[str, str]:
    """`config_of`; nothing where no key opens it, so that it can be entered again."""
    return config_of(account) if is_readable(account) else {}


def is_readable(account: ProviderAccount) -> bool:
    """Whether a key of this installation opens what is stored."""
    try:
        config_of(account)
    except ConfigurationError:
        return False
    return True


def masked_config(account: ProviderAccount) -> dict[str, str]:
    """Fit to be shown: a secret that is set reads "***". Nothing where no key opens it."""
    return kind_of(account).masked(known_config_of(account))


def capabilities_of(account: ProviderAccount) -> Capabilities:
    """The provider's, as this account's configuration and its own limit make them; as of an empty one where that cannot
    be read.
    """
    kind = kind_of(account)
    capabilities = kind.capabilities_of(config_of(account)) if is_readable(account) else kind.capabilities
    if not account.limit_count or not account.limit_seconds:
        return capabilities
    scope = capabilities.limit.scope if capabilities.limit is not None else LimitScope.ACCOUNT
    limit = Limit(account.limit_count, timedelta(seconds=account.limit_seconds), scope)
    return replace(capabilities, limit=limit)


def count_sealed_by_other_keys(rows: QuerySet[Any], column: str) -> int:
    """Rows whose secret was encrypted with a key that this installation does not have."""
    sealed_by = Func(F(column), Value(":"), Value(2), function="split_part", output_field=TextField())
    ours = ["", *key_ids(settings.SECRET_KEYS)]
    count: int = rows.annotate(sealed_by=sealed_by).exclude(sealed_by__in=ours).count()
    return count


def _real_if_any(accounts: list[ProviderAccount]) -> list[ProviderAccount]:
    real = [account for account in accounts if not PROVIDERS[account.provider].capabilities.is_simulated]
    return real or accounts
