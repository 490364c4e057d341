"""The older actions on contacts and groups, which Terraform's provider uses: an `Update` clears what is omitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.queries import contacts_holding, group_names_of, groups_found, members_of
from tocsin.contacts.services import ContactOptions, create_group, update_group
from tocsin.web.arms.contacts import (
    NAMES,
    Chatbot,
    delete_contact,
    refuse_hidden_search,
    sees_chatbots,
    shown_chatbot,
    shown_email,
    shown_phone,
    write_contact,
)
from tocsin.web.arms.groups import NAMES as GROUP_NAMES
from tocsin.web.arms.groups import delete_group, people_in
from tocsin.web.arms.masks import sees_addresses
from tocsin.web.arms.moments import milliseconds
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import old_page_of
from tocsin.web.arms.parameters import Id, Page, Request, Size, given, read_ids

_NAMES = {**NAMES, "phone": "PhoneNum"}


class CreateAlertContact(Request):
    contact_name: str = ""
    phone_num: str = ""
    email: str = ""
    ding_robot_webhook_url: str = ""


class UpdateAlertContact(Request):
    contact_id: Id
    contact_name: str | UnsetType = UNSET
    phone_num: str = ""
    email: str = ""
    ding_robot_webhook_url: str = ""


class DeleteAlertContact(Request):
    contact_id: Id


class SearchAlertContact(Request):
    contact_ids: str | UnsetType = UNSET
    contact_name: str = ""
    phone: str = ""
    email: str = ""
    current_page: Page = 1
    page_size: Size = 10


class CreateAlertContactGroup(Request):
    contact_group_name: str
    contact_ids: str = ""


class UpdateAlertContactGroup(Request):
    contact_group_id: Id
    contact_group_name: str
    contact_ids: str = ""


class DeleteAlertContactGroup(Request):
    contact_group_id: Id


class SearchAlertContactGroup(Request):
    contact_group_ids: str | UnsetType = UNSET
    contact_group_name: str = ""
    contact_id: Id | UnsetType = UNSET
    contact_name: str = ""
    is_detail: bool = False


def create_contact(asked: CreateAlertContact, caller: Caller) -> Answer:
    fields: ContactOptions = {"phone": asked.phone_num, "email": asked.email}
    chatbot = Chatbot("DingRobotWebhookUrl", asked.ding_robot_webhook_url)
    return {"ContactId": str(write_contact(caller, None, asked.contact_name, fields, chatbot).pk)}


def update_contact(asked: UpdateAlertContact, caller: Caller) -> Answer:
    """The user ID is no parameter of this action, so it stays."""
    fields: ContactOptions = {"phone": asked.phone_num, "email": asked.email}
    chatbot = Chatbot("DingRobotWebhookUrl", asked.ding_robot_webhook_url)
    write_contact(caller, asked.contact_id, given(asked.contact_name), fields, chatbot)
    return {"IsSuccess": True}


def remove_contact(asked: DeleteAlertContact, caller: Caller) -> Answer:
    delete_contact(asked.contact_id, caller)
    return {"IsSuccess": True}


def search_contacts(asked: SearchAlertContact, caller: Caller) -> Answer:
    refuse_hidden_search(asked.phone, asked.email, caller)
    texts = {"name": asked.contact_name, "phone": asked.phone, "email": asked.email}
    found = contacts_holding(texts, ids=read_ids("ContactIds", asked.contact_ids), rows=asked.page_size)

    def shown(contacts: Sequence[Contact]) -> list[dict[str, Any]]:
        groups = group_names_of([contact.pk for contact in contacts])
        is_whole, sees_url = sees_addresses(caller, contacts), sees_chatbots(caller, contacts)
        return [
            {
                **_shown(contact, is_whole),
                "DingRobot": shown_chatbot(contact, sees_url) if caller.may(Permission.MANAGE) else "",
                "Content": " | ".join(groups.get(contact.pk, ())),
                "Webhook": "",
                "ResourceGroupId": "",
            }
            for contact in contacts
        ]

    return old_page_of(found.defer(None), asked, "Contacts", shown)


def create_contact_group(asked: CreateAlertContactGroup, caller: Caller) -> Answer:
    members = read_ids("ContactIds", asked.contact_ids) or ()
    group = create_group(by=caller.by, now=caller.now, name=asked.contact_group_name, contact_ids=members)
    return {"ContactGroupId": str(group.pk)}


def update_contact_group(asked: UpdateAlertContactGroup, caller: Caller) -> Answer:
    update_group(
        by=caller.by,
        now=caller.now,
        group_id=asked.contact_group_id,
        version=None,
        name=asked.contact_group_name,
        contact_ids=read_ids("ContactIds", asked.contact_ids) or (),
    )
    return {"IsSuccess": True}


def remove_contact_group(asked: DeleteAlertContactGroup, caller: Caller) -> Answer:
    delete_group(asked.contact_group_id, caller)
    return {"IsSuccess": True}


def search_groups(asked: SearchAlertContactGroup, caller: Caller) -> Answer:
    found = groups_found(asked.contact_group_name)
    if (ids := read_ids("ContactGroupIds", asked.contact_group_ids)) is not None:
        found = found.filter(pk__in=ids)
    if asked.contact_id is not UNSET:
        found = found.filter(memberships__contact_id=asked.contact_id)
    if asked.contact_name:
        found = found.filter(memberships__contact__name__icontains=asked.contact_name).distinct()
    groups = list(found)
    members = members_of([group.pk for group in groups]) if asked.is_detail else {}
    is_whole = sees_addresses(caller, people_in(members))
    return {"ContactGroups": [_shown_group(group, is_whole, members.get(group.pk, [])) for group in groups]}


def _shown_group(group: ContactGroup, is_whole: bool, members: list[Contact]) -> dict[str, Any]:
    return {
        "ContactGroupId": group.pk,
        "ContactGroupName": group.name,
        "Contacts": [_shown(contact, is_whole) for contact in members],
        "CreateTime": milliseconds(group.created_at),
        "UpdateTime": milliseconds(group.created_at),
        "UserId": "",
    }


def _shown(contact: Contact, is_whole: bool) -> dict[str, Any]:
    """As it is among the members of a group."""
    return {
        "ContactId": contact.pk,
        "ContactName": contact.name,
        "Phone": shown_phone(contact, is_whole),
        "Email": shown_email(contact, is_whole),
        "DingRobot": "",
        "SystemNoc": False,
        "CreateTime": milliseconds(contact.created_at),
        "UpdateTime": milliseconds(contact.updated_at),
        "UserId": "",
    }


OPERATIONS = (
    Operation(CreateAlertContact, Permission.MANAGE, create_contact, _NAMES),
    Operation(UpdateAlertContact, Permission.MANAGE, update_contact, _NAMES),
    Operation(DeleteAlertContact, Permission.MANAGE, remove_contact),
    Operation(SearchAlertContact, Permission.VIEW, search_contacts),
    Operation(CreateAlertContactGroup, Permission.MANAGE, create_contact_group, GROUP_NAMES),
    Operation(UpdateAlertContactGroup, Permission.MANAGE, update_contact_group, GROUP_NAMES),
    Operation(DeleteAlertContactGroup, Permission.MANAGE, remove_contact_group),
    Operation(SearchAlertContactGroup, Permission.VIEW, search_groups),
)
