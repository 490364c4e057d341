"""`/access-keys`: what programs made for ARMS sign requests with. A secret is shown once."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from tocsin.accounts import services
from tocsin.accounts.models import AccessKey
from tocsin.accounts.rules import Permission, Role, Scope
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.web.rest.callers import actor_of, caller_of
from tocsin.web.rest.fields import Id, Moment, Typed, Versioned
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource

access_keys = Resource("Access keys", reads=Scope.ADMIN_READ, writes=Scope.ADMIN_WRITE)
_ADMIN = Permission.ADMINISTER


class AccessKeyOut(Versioned):
    name: str = Field(examples=["terraform"])
    key_id: str = Field(description="The access key ID, which requests name.", examples=["TCAK9aB2"])
    role: Role = Field(description="It may do what this and its user's role allow.")
    user_id: int
    user: str = Field(description="Its user's name to sign in with.")
    created_at: Moment
    last_used_at: Moment | None
    disabled_at: Moment | None


class NewAccessKeyOut(AccessKeyOut):
    secret: str = Field(description="Shown this once.")


class NewAccessKey(Typed):
    name: str = Field(max_length=200, examples=["terraform"])
    user_id: Id
    role: Role = Field(examples=["manager"])


@access_keys.get("", Page[AccessKeyOut], needs=_ADMIN)
def list_access_keys(request: HttpRequest, asked: Query[PageQuery]) -> Any:
    rows, following = one_page(_found().order_by("pk"), ("pk",), asked)
    return Page[AccessKeyOut](items=[AccessKeyOut(**_facts(row)) for row in rows], next=following)


@access_keys.creation("", NewAccessKeyOut, needs=_ADMIN)
def create_access_key(request: HttpRequest, typed: NewAccessKey) -> Any:
    """Needs every scope: what the key signs may do all that its role allows."""
    caller_of(request).requires_every_scope()
    row, secret = services.create_access_key(by=actor_of(request), now=utc_now(), **typed.given())
    return NewAccessKeyOut(**_facts(row), secret=secret)


@access_keys.get("/{int:access_key_id}", AccessKeyOut, needs=_ADMIN)
def read_access_key(request: HttpRequest, access_key_id: Id) -> Any:
    row = existing(_found().filter(pk=access_key_id).first(), "There is no such access key.")
    return AccessKeyOut(**_facts(row))


@access_keys.act("/{int:access_key_id}/disable", AccessKeyOut, needs=_ADMIN)
def disable_access_key(request: HttpRequest, access_key_id: Id) -> Any:
    """Acts on the next request."""
    row = services.disable_access_key(by=actor_of(request), now=utc_now(), access_key_id=access_key_id)
    return AccessKeyOut(**_facts(row))


@access_keys.act("/{int:access_key_id}/enable", AccessKeyOut, needs=_ADMIN)
def enable_access_key(request: HttpRequest, access_key_id: Id) -> Any:
    """Its requests are taken again."""
    row = services.enable_access_key(by=actor_of(request), now=utc_now(), access_key_id=access_key_id)
    return AccessKeyOut(**_facts(row))


def _found() -> QuerySet[AccessKey]:
    return AccessKey.objects.select_related("user").defer("secret")


def _facts(row: AccessKey) -> dict[str, Any]:
    names = ("name", "key_id", "role", "user_id", "created_at", "last_used_at", "disabled_at", "version")
    return {"id": row.pk, "user": row.user.username, **{name: getattr(row, name) for name in names}}
