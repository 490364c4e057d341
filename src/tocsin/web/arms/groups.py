"""Contact groups: `CreateOrUpdateContactGroup`, `DescribeContactGroups`, `DeleteContactGroup`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.queries import groups_found, members_of
from tocsin.contacts.services import create_group, delete_groups, update_group
from tocsin.core.errors import NotFoundError
from tocsin.web.arms.contacts import shown_email, shown_phone
from tocsin.web.arms.masks import sees_addresses
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import page_of
from tocsin.web.arms.parameters import Id, Paged, Request, read_ids

NAMES = {"name": "ContactGroupName", "contact_ids": "ContactIds"}


class CreateOrUpdateContactGroup(Request):
    contact_group_name: str
    contact_group_id: Id | UnsetType = UNSET
    contact_ids: str | UnsetType = UNSET


class DeleteContactGroup(Request):
    contact_group_id: Id


class DescribeContactGroups(Paged):
    contact_group_name: str = ""
    group_ids: str | UnsetType = UNSET
    is_detail: bool = False


def create_or_update(asked: CreateOrUpdateContactGroup, caller: Caller) -> Answer:
    """Members that are omitted stay; an empty text has none."""
    members = None if asked.contact_ids is UNSET else read_ids("ContactIds", asked.contact_ids) or []
    if asked.contact_group_id is UNSET:
        group = create_group(by=caller.by, now=caller.now, name=asked.contact_group_name, contact_ids=members or ())
    else:
        group = update_group(
            by=caller.by,
            now=caller.now,
            group_id=asked.contact_group_id,
            version=None,
            name=asked.contact_group_name,
            contact_ids=members,
        )
    ids = sorted(contact.pk for contact in members_of([group.pk])[group.pk])
    return {
        "AlertContactGroup": {
            "ContactGroupId": group.pk,
            "ContactGroupName": group.name,
            "ContactIds": ",".join(map(str, ids)),
        }
    }


def describe(asked: DescribeContactGroups, caller: Caller) -> Answer:
    found = groups_found(asked.contact_group_name)
    if (ids := read_ids("GroupIds", asked.group_ids)) is not None:
        found = found.filter(pk__in=ids)

    def shown(groups: Sequence[ContactGroup]) -> list[dict[str, Any]]:
        members: Mapping[int, Sequence[Contact]] = {}
        if asked.is_detail:
            members = members_of([group.pk for group in groups])
        is_whole = sees_addresses(caller, people_in(members))
        return [
            {
                "ContactGroupId": group.pk,
                "ArmsContactGroupId": group.pk,
                "ContactGroupName": group.name,
                "Contacts": [_member(contact, is_whole) for contact in members.get(group.pk, ())],
            }
            for group in groups
        ]

    return page_of(found, asked, "AlertContactGroups", shown)


def delete(asked: DeleteContactGroup, caller: Caller) -> Answer:
    """Also while policies use it, as the original does."""
    delete_group(asked.contact_group_id, caller)
    return {"IsSuccess": True}


def delete_group(group_id: int, caller: Caller) -> None:
    if not ContactGroup.objects.filter(pk=group_id).exists():
        raise NotFoundError("There is no such contact group.")
    delete_groups(by=caller.by, now=caller.now, ids=[group_id])


def people_in(members: Mapping[int, Sequence[Contact]]) -> list[Contact]:
    """Everybody once."""
    return list({contact.pk: contact for each in members.values() for contact in each}.values())


def _member(contact: Contact, is_whole: bool) -> dict[str, Any]:
    return {
        "ContactId": contact.pk,
        "ArmsContactId": contact.pk,
        "ContactName": contact.name,
        "Phone": shown_phone(contact, is_whole),
        "Email": shown_email(contact, is_whole),
    }


OPERATIONS = (
    Operation(CreateOrUpdateContactGroup, Permission.MANAGE, create_or_update, NAMES),
    Operation(DescribeContactGroups, Permission.VIEW, describe),
    Operation(DeleteContactGroup, Permission.MANAGE, delete),
)
