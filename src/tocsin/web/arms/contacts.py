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
from tocsin.web.arms.masks import changed_url, masked_url, sees_addresses, sees_secrets
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
    is_told = asked.contact_id is UNSET or UNSET not in (asked.phone, asked.email)
    is_whole = caller.may(Permission.REVEAL) if is_told else sees_addresses(caller, [contact])
    typed = given(asked.ding_robot_url)
    chatbot = shown_chatbot(contact, typed == contact.legacy_chatbot_url or sees_chatbots(caller, [contact]))
    more = {"isEmailVerify": bool(contact.email), "DingRobotUrl": chatbot}
    return {"AlertContact": {**_shown(contact, is_whole), **more}}


def describe(asked: DescribeContacts, caller: Caller) -> Answer:
    refuse_hidden_search(asked.phone, asked.email, caller)
    texts = {"name": asked.contact_name, "phone": asked.phone, "email": asked.email}
    found = contacts_holding(texts, ids=read_ids("ContactIds", asked.contact_ids), rows=asked.size)

    def shown(rows: Sequence[Contact]) -> list[dict[str, Any]]:
        is_whole = sees_addresses(caller, rows)
        return [{**_shown(row, is_whole), "ArmsContactId": row.pk, "IsEmailVerify": bool(row.email)} for row in rows]

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
    if chatbot.url is not None and not _is_masked(chatbot.url, contact_id):
        changes["legacy_chatbot_url"] = chatbot.url
    try:
        return update_contact(by=caller.by, now=caller.now, contact_id=contact_id, version=None, **changes).contact
    except InvalidInputError as error:
        raise (chatbot.refusal if "legacy_chatbot_url" in error.fields else error) from error


def shown_phone(contact: Contact, is_whole: bool) -> str:
    """As the installation's region writes it (11 digits in China), or masked."""
    if not contact.phone:
        return ""
    return phones.local(contact.phone, settings.DEFAULT_REGION) if is_whole else phones.mask(contact.phone)


def shown_email(contact: Contact, is_whole: bool) -> str:
    return (contact.email or "") if is_whole else mask_email(contact.email or "")


def sees_chatbots(caller: Caller, contacts: Sequence[Contact]) -> bool:
    """Their addresses hold tokens."""
    return sees_secrets(
        caller, [contact for contact in contacts if contact.legacy_chatbot_url], ("legacy_chatbot_url",)
    )


def shown_chatbot(contact: Contact, is_whole: bool) -> str:
    url = contact.legacy_chatbot_url
    return url if is_whole or not url else masked_url(url)


def _is_masked(url: str, contact_id: int) -> bool:
    stored = Contact.objects.filter(pk=contact_id).only("legacy_chatbot_url").first()
    return stored is not None and bool(url) and changed_url(url, stored.legacy_chatbot_url) is None


def _shown(contact: Contact, is_whole: bool) -> dict[str, Any]:
    return {
        "ContactId": contact.pk,
        "ContactName": contact.name,
        "Phone": shown_phone(contact, is_whole),
        "Email": shown_email(contact, is_whole),
        "IsVerify": contact.phone_verified_at is not None,
        "ReissueSendNotice": _FALLBACKS.index(Fallback(contact.fallback)),
    }


OPERATIONS = (
    Operation(CreateOrUpdateContact, Permission.MANAGE, create_or_update, NAMES),
    Operation(DescribeContacts, Permission.VIEW, describe),
    Operation(DeleteContact, Permission.MANAGE, delete),
    Operation(SendTTSVerifyLink, Permission.MANAGE, send_link),
)
