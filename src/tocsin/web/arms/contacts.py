"""Contacts: `CreateOrUpdateContact`, `DescribeContacts`, `DeleteContact`, `SendTTSVerifyLink`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from django.conf import settings
from msgspec import UNSET, Meta, UnsetType

from tocsin.accounts.rules import Permission
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import contacts_holding
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services import ContactChanges, ContactOptions, create_contact, delete_contacts, update_contact
from tocsin.core import phones
from tocsin.core.errors import InvalidInputError, NotFoundError, existing
from tocsin.core.redact import mask_email
from tocsin.delivery.verifications import SendOutcome, send_verifications
from tocsin.web.arms.errors import RpcError, invalid, throttled
from tocsin.web.arms.operation import Answer, Caller, Operation
from tocsin.web.arms.paging import page_of
from tocsin.web.arms.parameters import Id, Paged, Request, given, read_ids

_FALLBACKS = (Fallback.NONE, Fallback.CALL, Fallback.SMS, Fallback.DEFAULT)
"""By the numbers of ReissueSendNotice."""
NAMES = {
    "name": "ContactName",
    "phone": "Phone",
    "email": "Email",
    "user_id": "CorpUserId",
}


@dataclass(frozen=True, slots=True)
class Chatbot:
    """A chatbot's address as an action takes it: the contact's own can be repeated, "" removes it, none is new."""

    parameter: str
    url: str | None

    @property
    def refusal(self) -> RpcError:
        text = "A chatbot cannot be a contact any more: create it with CreateOrUpdateIMRobot."
        return invalid(self.parameter, text)


class CreateOrUpdateContact(Request):
    contact_name: str
    contact_id: Id | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    corp_user_id: str | UnsetType = UNSET
    reissue_send_notice: Annotated[int, Meta(ge=0, le=3)] | UnsetType = UNSET
    ding_robot_url: str | UnsetType = UNSET
    is_email_verify: bool | UnsetType = UNSET


class DeleteContact(Request):
    contact_id: Id


class DescribeContacts(Paged):
    contact_ids: str | UnsetType = UNSET
    contact_name: str = ""
    phone: str = ""
    email: str = ""


class SendTTSVerifyLink(Request):
    contact_id: Id
    phone: str


def create_or_update(asked: CreateOrUpdateContact, caller: Caller) -> Answer:
    """What is omitted stays: nothing of this API returns the user ID, so no round trip may erase it."""
    fields: ContactOptions = {}
    if asked.phone is not UNSET:
        fields["phone"] = asked.phone
    if asked.email is not UNSET:
        fields["email"] = asked.email
    if asked.corp_user_id is not UNSET:
        fields["user_id"] = asked.corp_user_id
    if asked.reissue_send_notice is not UNSET:
        fields["fallback"] = _FALLBACKS[asked.reissue_send_notice].value
    contact = write_contact(
        caller,
        given(asked.contact_id),
        asked.contact_name,
        fields,
        Chatbot("DingRobotUrl", given(asked.ding_robot_url)),
    )
    more = {"isEmailVerify": bool(contact.email), "DingRobotUrl": contact.legacy_chatbot_url}
    return {"AlertContact": {**_shown(contact, caller), **more}}


def describe(asked: DescribeContacts, caller: Caller) -> Answer:
    refuse_hidden_search(asked.phone, asked.email, caller)
    texts = {"name": asked.contact_name, "phone": asked.phone, "email": asked.email}
    found = contacts_holding(texts, ids=read_ids("ContactIds", asked.contact_ids), rows=asked.size)

    def shown(rows: Sequence[Contact]) -> list[dict[str, Any]]:
        return [{**_shown(row, caller), "ArmsContactId": row.pk, "IsEmailVerify": bool(row.email)} for row in rows]

    return page_of(found, asked, "AlertContacts", shown)


def delete(asked: DeleteContact, caller: Caller) -> Answer:
    delete_contact(asked.contact_id, caller)
    return {"IsSuccess": True}


def send_link(asked: SendTTSVerifyLink, caller: Caller) -> Answer:
    contact = existing(Contact.objects.filter(pk=asked.contact_id).first(), "There is no such contact.")
    try:
        is_own = phones.parse(asked.phone, settings.DEFAULT_REGION) == contact.phone
    except phones.PhoneError:
        is_own = False
    if not is_own:
        raise invalid("Phone", "This is not the number of the contact.")
    [result] = send_verifications(by=caller.by, now=caller.now, contact_ids=[contact.pk])
    match result.outcome:
        case SendOutcome.LIMITED:
            raise throttled("This number was sent as many verifications as it may get.", result.retry_at, caller.now)
        case SendOutcome.REFUSED:
            raise RpcError("OperationConflict", result.detail, 409)
    return {"IsSuccess": True}


def delete_contact(contact_id: int, caller: Caller) -> None:
    """Also while it is used, as the original does."""
    if not delete_contacts(by=caller.by, now=caller.now, ids=[contact_id]).names:
        raise NotFoundError("There is no such contact.")


def refuse_hidden_search(phone: str, email: str, caller: Caller) -> None:
    """Who may not see whole numbers and addresses finds nobody by them."""
    if (phone or email) and not caller.may(Permission.REVEAL):
        text = "The role of this access key sees no whole numbers and addresses, so it cannot search by them."
        raise RpcError("Forbidden.RAM", text, 403)


def write_contact(
    caller: Caller, contact_id: int | None, name: str | None, fields: ContactOptions, chatbot: Chatbot
) -> Contact:
    """Creates, or changes what is given."""
    if contact_id is None:
        if chatbot.url:
            raise chatbot.refusal
        return create_contact(by=caller.by, now=caller.now, name=name or "", **fields)
    changes: ContactChanges = {}
    changes.update(fields)  # type: ignore[typeddict-item]  # every option can be changed
    if name is not None:
        changes["name"] = name
    if chatbot.url is not None:
        changes["legacy_chatbot_url"] = chatbot.url
    try:
        return update_contact(by=caller.by, now=caller.now, contact_id=contact_id, version=None, **changes).contact
    except InvalidInputError as error:
        raise (chatbot.refusal if "legacy_chatbot_url" in error.fields else error) from error


def shown_phone(contact: Contact, caller: Caller) -> str:
    """As the installation's region writes it (11 digits in China), or masked."""
    if not contact.phone:
        return ""
    if not caller.may(Permission.REVEAL):
        return phones.mask(contact.phone)
    return phones.local(contact.phone, settings.DEFAULT_REGION)


def shown_email(contact: Contact, caller: Caller) -> str:
    return (contact.email or "") if caller.may(Permission.REVEAL) else mask_email(contact.email or "")


def _shown(contact: Contact, caller: Caller) -> dict[str, Any]:
    return {
        "ContactId": contact.pk,
        "ContactName": contact.name,
        "Phone": shown_phone(contact, caller),
        "Email": shown_email(contact, caller),
        "IsVerify": contact.phone_verified_at is not None,
        "ReissueSendNotice": _FALLBACKS.index(Fallback(contact.fallback)),
    }


OPERATIONS = (
    Operation(CreateOrUpdateContact, Permission.MANAGE, create_or_update, NAMES),
    Operation(DescribeContacts, Permission.VIEW, describe),
    Operation(DeleteContact, Permission.MANAGE, delete),
    Operation(SendTTSVerifyLink, Permission.MANAGE, send_link),
)
