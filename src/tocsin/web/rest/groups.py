"""`/contact-groups`: named sets of contacts."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query
from pydantic import Field

from tocsin.accounts.rules import Scope
from tocsin.contacts import services
from tocsin.contacts.models import ContactGroup, ContactGroupMember
from tocsin.contacts.queries import groups_found, member_counts
from tocsin.core.clock import utc_now
from tocsin.core.errors import existing
from tocsin.web.rest.callers import actor_of
from tocsin.web.rest.fields import Id, IfMatch, Moment, Typed, Versioned
from tocsin.web.rest.paging import Page, PageQuery, one_page
from tocsin.web.rest.resources import Resource
from tocsin.web.rest.shapes import ByName, Deleted, Named, deleted
from tocsin.web.rest.versions import expected_version

groups = Resource("Contact groups", reads=Scope.CONTACTS_READ, writes=Scope.CONTACTS_WRITE)
_MOST_MEMBERS = 50_000


class GroupOut(Versioned):
    name: str = Field(examples=["Database on call"])
    external_id: str | None
    member_count: int = Field(examples=[12])
    created_at: Moment


class GroupChanges(Typed):
    """What is left out stays. `contact_ids` become the members."""

    name: str = Field("", max_length=200, examples=["Database on call"])
    contact_ids: list[Id] = Field([], max_length=_MOST_MEMBERS)


class NewGroup(GroupChanges):
    name: str = Field(max_length=200, examples=["Database on call"])
    external_id: str | None = Field(None, max_length=200)


class Members(Typed):
    contact_ids: list[Id] = Field(min_length=1, max_length=10_000)


class Moved(Versioned):
    """`count`: how many came or went."""

    count: int


@groups.get("", Page[GroupOut])
def list_contact_groups(request: HttpRequest, asked: Query[ByName]) -> Any:
    rows, following = one_page(groups_found(asked.text).order_by("pk"), ("pk",), asked)
    return Page[GroupOut](items=_shown(rows), next=following)


@groups.creation("", GroupOut)
def create_contact_group(request: HttpRequest, typed: NewGroup) -> Any:
    return _shown([services.create_group(by=actor_of(request), now=utc_now(), **typed.given())])[0]


@groups.get("/{int:group_id}", GroupOut)
def read_contact_group(request: HttpRequest, group_id: Id) -> Any:
    return _shown([_group(group_id)])[0]


@groups.patch("/{int:group_id}", GroupOut)
def update_contact_group(request: HttpRequest, group_id: Id, typed: GroupChanges, if_match: IfMatch = None) -> Any:
    version = expected_version(if_match)
    group = services.update_group(
        by=actor_of(request), now=utc_now(), group_id=group_id, version=version, **typed.given()
    )
    return _shown([group])[0]


@groups.removal("/{int:group_id}", Deleted)
def delete_contact_group(request: HttpRequest, group_id: Id, if_match: IfMatch = None) -> Any:
    """Its members stay."""
    version = expected_version(if_match)
    group = _group(group_id)
    uses = services.delete_groups(by=actor_of(request), now=utc_now(), ids=[group_id], version=version)
    return deleted([group.name], uses)


@groups.get("/{int:group_id}/members", Page[Named])
def list_group_members(request: HttpRequest, group_id: Id, asked: Query[PageQuery]) -> Any:
    members = ContactGroupMember.objects.filter(group=_group(group_id)).select_related("contact")
    rows, following = one_page(members.order_by("contact_id"), ("contact_id",), asked)
    items = [Named(id=row.contact_id, name=row.contact.name) for row in rows]
    return Page[Named](items=items, next=following)


@groups.act("/{int:group_id}/members/add", Moved)
def add_group_members(request: HttpRequest, group_id: Id, typed: Members) -> Any:
    count = services.add_members(by=actor_of(request), now=utc_now(), group_id=group_id, contact_ids=typed.contact_ids)
    return Moved(id=group_id, version=_group(group_id).version, count=count)


@groups.act("/{int:group_id}/members/remove", Moved)
def remove_group_members(request: HttpRequest, group_id: Id, typed: Members) -> Any:
    count = services.remove_members(
        by=actor_of(request), now=utc_now(), group_id=group_id, contact_ids=typed.contact_ids
    )
    return Moved(id=group_id, version=_group(group_id).version, count=count)


def _group(group_id: int) -> ContactGroup:
    return existing(ContactGroup.objects.filter(pk=group_id).first(), "There is no such contact group.")


def _shown(rows: list[ContactGroup]) -> list[GroupOut]:
    counts = member_counts([row.pk for row in rows])
    return [
        GroupOut(
            id=row.pk,
            version=row.version,
            name=row.name,
            external_id=row.external_id,
            member_count=counts[row.pk],
            created_at=row.created_at,
        )
        for row in rows
    ]
