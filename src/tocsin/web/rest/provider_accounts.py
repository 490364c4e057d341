"""`/provider-accounts`: credentials of providers. Secrets are taken and never shown."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query
from pydantic import BaseModel, Field

from tocsin.accounts.rules import Permission, Scope
from tocsin.channels import services
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import masked_config
from tocsin.channels.registry import PROVIDERS
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned, taken
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import Tried
from tocsin.web.rest.versions import expected_version
from tocsin.web.shared.words import said

provider_accounts = Resource("Provider accounts", reads=Scope.ADMIN_READ, writes=Scope.ADMIN_WRITE)
_ADMIN = Permission.ADMINISTER


class AccountOut(Versioned):
    name: str = Field(examples=["SMTP"])
    provider: str = Field(examples=["smtp"])
    channel: Channel = Field(examples=["email"])
    settings: dict[str, str] = Field(description="A secret that is set reads `***`.", examples=[{"host": "mail"}])
    priority: int = Field(description="The lowest of a channel is tried first.", examples=[100])
    limit_count: int | None
    limit_seconds: int | None
    enabled: bool
    last_accepted_at: Moment | None
    last_failed_at: Moment | None
    last_failure: str
    paused_until: Moment | None
    created_at: Moment


class AccountChanges(Typed):
    """What is left out stays, also of `settings`; a secret of `***` keeps what is stored."""

    name: str = Field("", max_length=200, examples=["SMTP"])
    settings: dict[str, str] = Field({}, examples=[{"host": "mail.example.org", "password": "..."}])
    priority: int = Field(100, ge=-(2**31), le=2**31 - 1)
    limit_count: int = Field(0, ge=0, le=2**31 - 1, description="0: none of its own.")
    limit_seconds: int = Field(0, ge=0, le=2**31 - 1)
    enabled: bool = True


class AccountEdits(AccountChanges):
    clear_secrets: list[str] = Field([], max_length=100, description="Names of secrets to forget.")


class NewAccount(AccountChanges):
    name: str = Field(max_length=200, examples=["SMTP"])
    provider: str = Field(max_length=64, examples=["smtp"])


class Recipient(Typed):
    to: str = Field(min_length=1, max_length=254, examples=["zhang@example.org"])


class ProviderField(BaseModel):
    name: str
    label: str
    is_secret: bool
    is_required: bool
    default: str
    choices: list[str]


class ProviderOut(BaseModel):
    name: str = Field(examples=["smtp"])
    title: str
    channel: Channel
    is_for_robots: bool
    fields: list[ProviderField]


@provider_accounts.get("", Page[AccountOut], needs=_ADMIN)
def list_provider_accounts(request: HttpRequest, asked: Query[PageQuery]) -> Any:
    rows, following = one_page(ProviderAccount.objects.order_by("pk"), ("pk",), asked)
    return Page[AccountOut](items=[_out(row) for row in rows], next=following)


@provider_accounts.creation("", AccountOut, needs=_ADMIN)
def create_provider_account(request: HttpRequest, typed: NewAccount) -> Any:
    given = {"config": {}, **_given(typed)}
    return _out(services.add_account(by=actor_of(request), now=utc_now(), **given))


@provider_accounts.get("/providers", list[ProviderOut], needs=_ADMIN)
def list_providers(request: HttpRequest) -> Any:
    """What accounts can be of, and the fields of their `settings`."""
    return [
        ProviderOut(
            name=kind.name,
            title=said(kind.title),
            channel=kind.channel,
            is_for_robots=kind.is_for_robots,
            fields=[
                ProviderField(
                    name=field.name,
                    label=said(field.label),
                    is_secret=field.is_secret,
                    is_required=field.is_required,
                    default=field.default,
                    choices=list(field.choices),
                )
                for field in kind.fields
            ],
        )
        for kind in PROVIDERS.values()
    ]


@provider_accounts.get("/{int:account_id}", AccountOut, needs=_ADMIN)
def read_provider_account(request: HttpRequest, account_id: Id) -> Any:
    return _out(_account(account_id))


@provider_accounts.patch("/{int:account_id}", AccountOut, needs=_ADMIN)
def update_provider_account(request: HttpRequest, account_id: Id, typed: AccountEdits, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    row = services.update_account(
        by=actor_of(request), now=utc_now(), account_id=account_id, version=version, **_given(typed)
    )
    return _out(row)


@provider_accounts.removal("/{int:account_id}", needs=_ADMIN)
def delete_provider_account(request: HttpRequest, account_id: Id, if_match: IfMatch = None) -> Any:
    services.delete_account(
        by=actor_of(request), now=utc_now(), account_id=account_id, version=expected_version(if_match)
    )


@provider_accounts.act("/{int:account_id}/test", Tried, needs=_ADMIN, once=False)
def test_provider_account(request: HttpRequest, account_id: Id, typed: Recipient) -> Any:
    """Sends one message now, past the queue, and answers what the provider said."""
    result = services.try_account(account=_account(account_id), to=typed.to)
    detail, pk = said(result.detail), result.provider_id
    return Tried(outcome=result.outcome, code=result.code, detail=detail, provider_id=pk)


def _given(typed: AccountChanges) -> dict[str, Any]:
    return {"config" if name == "settings" else name: value for name, value in typed.given().items()}


def _account(account_id: int) -> ProviderAccount:
    return existing(ProviderAccount.objects.filter(pk=account_id).first(), "There is no such provider account.")


def _out(row: ProviderAccount) -> AccountOut:
    names = set(AccountOut.model_fields) - {"id", "settings"}
    settings = masked_config(row) if row.provider in PROVIDERS else {}
    return AccountOut(id=row.pk, settings=settings, **taken(row, names))
