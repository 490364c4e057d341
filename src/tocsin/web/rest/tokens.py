"""`/tokens`: tokens of programs. A secret is shown once."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from tocsin.accounts.models import ApiToken
from tocsin.accounts.rules import Permission, Role, Scope
from tocsin.accounts.services import create_token, revoke_token
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.web.rest.callers import actor_of, caller_of
from tocsin.web.rest.fields import Id, Moment, Typed, TypedMoment, Versioned, taken
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource

tokens = Resource("Tokens", reads=Scope.ADMIN_READ, writes=Scope.ADMIN_WRITE)
_ADMIN = Permission.ADMINISTER


class TokenOut(Versioned):
    name: str = Field(examples=["hr-sync"])
    prefix: str = Field(description="What it begins with.", examples=["tct_9aB2"])
    role: Role
    scopes: list[Scope] = Field(examples=[["contacts:write"]])
    owner: str | None = Field(description="The user whose role it never exceeds.")
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None
    revoked_at: Moment | None


class NewTokenOut(TokenOut):
    token: str = Field(description="Shown this once.")


class NewToken(Typed):
    name: str = Field(max_length=200, examples=["hr-sync"])
    role: Role = Field(examples=["manager"])
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), examples=[["contacts:write"]])
    expires_at: TypedMoment | None = None


@tokens.get("", Page[TokenOut], needs=_ADMIN)
def list_tokens(request: HttpRequest, asked: Query[PageQuery]) -> Any:
    rows, following = one_page(ApiToken.objects.select_related("owner").order_by("pk"), ("pk",), asked)
    return Page[TokenOut](items=[TokenOut(**_facts(row)) for row in rows], next=following)


@tokens.creation("", NewTokenOut, needs=_ADMIN)
def create_api_token(request: HttpRequest, typed: NewToken) -> Any:
    """Its owner is that of the token that asks; it ends no later, and has no scope that the asking one lacks."""
    caller = caller_of(request)
    for scope in typed.scopes:
        caller.requires_scope(scope)
    row, secret = create_token(
        by=caller.by,
        now=utc_now(),
        name=typed.name,
        role=typed.role,
        scopes=typed.scopes,
        expires_at=typed.expires_at,
        parent=caller.token,
    )
    return NewTokenOut(**_facts(row), token=secret)


@tokens.get("/{int:token_id}", TokenOut, needs=_ADMIN)
def read_token(request: HttpRequest, token_id: Id) -> Any:
    row = existing(ApiToken.objects.select_related("owner").filter(pk=token_id).first(), "There is no such token.")
    return TokenOut(**_facts(row))


@tokens.act("/{int:token_id}/revoke", TokenOut, needs=_ADMIN)
def revoke_api_token(request: HttpRequest, token_id: Id) -> Any:
    """Acts at once and cannot be undone."""
    return TokenOut(**_facts(revoke_token(by=actor_of(request), now=utc_now(), token_id=token_id)))


def _facts(row: ApiToken) -> dict[str, Any]:
    names = set(TokenOut.model_fields) - {"id", "owner"}
    owner = row.owner.username if row.owner else None
    return {"id": row.pk, "owner": owner, **taken(row, names)}
