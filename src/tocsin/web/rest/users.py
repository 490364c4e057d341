"""`/users`: who signs in. Passwords are taken with a new user and never shown; no second factors, no sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query
from pydantic import Field

from tocsin.accounts import services
from tocsin.accounts.models import User
from tocsin.accounts.queries import with_ways_in
from tocsin.accounts.rules import Permission, Role, Scope
from tocsin.contacts.models import Contact
from tocsin.contacts.services import link_sign_in
from tocsin.core.clock import utc_now
from tocsin.core.errors import InvalidInputError, NotFoundError
from tocsin.web.rest.callers import actor_of, caller_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.versions import expected_version

users = Resource("Users", reads=Scope.ADMIN_READ, writes=Scope.ADMIN_WRITE)
_ADMIN = Permission.ADMINISTER
_GIVES_A_ROLE = "Needs every scope: whoever signs in may do all that the role allows."


class UserOut(Versioned):
    username: str = Field(examples=["zhang.wei"])
    full_name: str = Field(examples=["Zhang Wei"])
    email: str = Field(examples=["zhang@example.org"])
    role: Role | None = Field(description="null: cannot sign in, being disabled or without a role.")
    enabled: bool = Field(description="Whether the user may sign in.")
    has_second_factor: bool
    is_provided: bool = Field(description="Signs in through the identity provider.")
    contact_id: int | None = Field(description="The contact that this user is.")
    language: str = Field(examples=["zh-hans"])
    time_zone: str = Field(examples=["Asia/Shanghai"])
    signed_in_at: Moment | None
    created_at: Moment


class _UserFields(Typed):
    full_name: str | None = Field(None, max_length=200, examples=["Zhang Wei"])
    email: str | None = Field(None, max_length=300, examples=["zhang@example.org"])
    language: str | None = Field(None, max_length=16, examples=["zh-hans"])
    time_zone: str | None = Field(None, max_length=64, examples=["Asia/Shanghai"])


class UserChanges(_UserFields):
    """What is left out stays; null or an empty text removes it."""

    role: Role = Field(Role.VIEWER, description=_GIVES_A_ROLE, examples=["responder"])
    enabled: bool = Field(True, description="false ends the user's sessions, too.")


class NewUser(_UserFields):
    username: str = Field(max_length=200, description="What is typed to sign in.", examples=["zhang.wei"])
    password: str = Field(max_length=4096, description="At least 10 characters. Write-only.", examples=["..."])
    role: Role = Field(examples=["responder"])


class OwnContact(Typed):
    contact_id: Id | None = Field(description="The contact that the user is; null: none.", examples=[7])


class UserFilters(PageQuery):
    text: str = Field("", max_length=254, description="In the name to sign in with, the full name or the email.")


@users.get("", Page[UserOut], needs=_ADMIN)
def list_users(request: HttpRequest, asked: Query[UserFilters]) -> Any:
    found = _found()
    if asked.text:
        names = ("username", "first_name", "email")
        found = found.filter(Q(*((f"{name}__icontains", asked.text) for name in names), _connector=Q.OR))
    rows, following = one_page(found.order_by("pk"), ("pk",), asked)
    return Page[UserOut](items=_shown(rows), next=following)


@users.creation("", UserOut, needs=_ADMIN)
def create_user(request: HttpRequest, typed: NewUser) -> Any:
    """Needs every scope: whoever signs in may do all that the role allows."""
    caller_of(request).requires_every_scope()
    return _one(services.create_user(by=actor_of(request), now=utc_now(), **typed.given()).pk)


@users.get("/{int:user_id}", UserOut, needs=_ADMIN)
def read_user(request: HttpRequest, user_id: Id) -> Any:
    return _one(user_id)


@users.patch("/{int:user_id}", UserOut, needs=_ADMIN)
def update_user(request: HttpRequest, user_id: Id, typed: UserChanges, if_match: IfMatch = None) -> Any:
    """The last administrator stays one. A role needs every scope."""
    by, now, version = actor_of(request), utc_now(), expected_version(if_match)
    given = typed.given()
    role = given.pop("role", None)
    if role is not None:
        caller_of(request).requires_every_scope()
    if "is_enabled" in given:
        given["is_active"] = given.pop("is_enabled")
    with transaction.atomic():
        user = services.change_user(by=by, now=now, user_id=user_id, version=version, **given)
        if role is not None:
            services.set_role(by=by, now=now, user_id=user_id, role=role, version=user.version)
    return _one(user_id)


@users.put("/{int:user_id}/contact", {200: UserOut}, needs=_ADMIN)
def link_user_to_contact(request: HttpRequest, user_id: Id, typed: OwnContact) -> Any:
    """Under *My contact* the user sees and changes that contact's numbers, verifies and tests them.

    Needs `contacts:write`, too.
    """
    caller_of(request).requires_scope(Scope.CONTACTS_WRITE)
    by, now = actor_of(request), utc_now()
    with transaction.atomic():
        _one(user_id)
        if typed.contact_id is not None and not Contact.objects.filter(pk=typed.contact_id).exists():
            raise InvalidInputError({"contact_id": _("There is no such contact.")})
        others = Contact.objects.filter(sign_in_id=user_id).exclude(pk=typed.contact_id or 0).order_by("pk")
        for contact_id in others.values_list("pk", flat=True):  # a user is one contact at most
            link_sign_in(by=by, now=now, contact_id=contact_id, user_id=None)
        if typed.contact_id is not None:
            link_sign_in(by=by, now=now, contact_id=typed.contact_id, user_id=user_id)
    return _one(user_id)


def _found() -> QuerySet[User]:
    return with_ways_in(User.objects.prefetch_related("groups"))


def _one(user_id: int) -> UserOut:
    rows = list(_found().filter(pk=user_id))
    if not rows:
        raise NotFoundError("There is no such user.")
    return _shown(rows)[0]


def _shown(rows: Sequence[Any]) -> list[UserOut]:
    contacts = dict(Contact.objects.filter(sign_in__in=[row.pk for row in rows]).values_list("sign_in_id", "pk"))
    return [
        UserOut(
            id=row.pk,
            full_name=row.first_name,
            enabled=row.is_active,
            has_second_factor=row.has_factor,
            is_provided=row.has_provider,
            contact_id=contacts.get(row.pk),
            signed_in_at=row.last_login,
            created_at=row.date_joined,
            **{name: getattr(row, name) for name in ("username", "email", "role", "language", "time_zone", "version")},
        )
        for row in rows
    ]
