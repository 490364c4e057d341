"""Writes of contacts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack

from django.db import transaction
from django.db.models import F, Q, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import (
    Contact,
    ContactGroup,
    ContactGroupMember,
    NotificationObject,
    PhoneVerification,
)
from tocsin.contacts.queries import Deletion, deletion_preview, uses_by_phone
from tocsin.contacts.rules import DuplicateError, Use
from tocsin.contacts.rules.exchanging import PASSING
from tocsin.contacts.services.cleaning import (
    CONTACT_FIELDS,
    clean,
    clean_url,
    duplicates,
    naming_duplicates,
    refuse_unknown_ids,
)
from tocsin.contacts.services.exchanging import Had
from tocsin.contacts.services.reach import forget_reach
from tocsin.core import phones
from tocsin.core.actors import Actor
from tocsin.core.crypto import same
from tocsin.core.errors import InvalidInputError, existing, refuse_changed
from tocsin.core.redact import mask_email

_UNIQUE_FIELDS = ("phone", "email", "external_id")


class ContactOptions(TypedDict, total=False):
    """Everything about a contact but its name; "" is none. `fallback` is a Fallback, `phone` in any spelling."""

    phone: str
    email: str
    fallback: str
    user_id: str
    dingtalk_user_id: str
    lark_user_id: str
    wecom_user_id: str
    language: str
    time_zone: str
    external_id: str | None
    group_ids: Collection[int]


class ContactFields(ContactOptions, total=False):
    """Everything that can be changed."""

    name: str


class ContactChanges(ContactFields, total=False):
    """Everything that can be changed once the contact is there."""

    legacy_chatbot_url: str
    """The stored one, which stays, or "", which removes it for good: no other can be set."""


def create_contact(*, by: Actor, now: datetime, name: str, **fields: Unpack[ContactOptions]) -> Contact:
    """With an unverified number. InvalidInputError names the fields: a DuplicateError where somebody has the value."""
    return _create(by, now, {"name": name, **fields}, chatbot_url="")


def import_contact(
    *, by: Actor, now: datetime, name: str, legacy_chatbot_url: str = "", **fields: Unpack[ContactOptions]
) -> Contact:
    """As `create_contact`, for people of another system: an old chatbot's address may be all that is known of one."""
    url = ""
    if legacy_chatbot_url:
        url = (
            clean({"legacy_chatbot_url": legacy_chatbot_url}, {"legacy_chatbot_url": clean_url})["legacy_chatbot_url"]
            or ""
        )
    return _create(by, now, {"name": name, **fields}, chatbot_url=url)


@dataclass(frozen=True, slots=True)
class ContactChange:
    """`uses_losing_phone`: what no longer reaches the contact by phone or text until the new number is verified."""

    contact: Contact
    is_phone_changed: bool = False
    uses_losing_phone: tuple[Use, ...] = ()


def update_contact(
    *,
    by: Actor,
    now: datetime,
    contact_id: int,
    version: int | None,
    had: Had | None = None,
    **changes: Unpack[ContactChanges],
) -> ContactChange:
    """Changes what is given. A changed number is unverified again, and links sent to the old one end.

    ConflictError when `version` is not the row's (None skips that check). `had`: of a contact that made way in this
    transaction; it is what the change is compared with.
    """
    group_ids = changes.get("group_ids")
    typed = {field: value for field, value in changes.items() if field != "group_ids"}
    with transaction.atomic():
        contact = _locked(contact_id, version)
        if had is not None:
            contact.phone, contact.email, contact.phone_verified_at = had.phone, had.email, had.phone_verified_at
        cleaned = clean(typed, {**CONTACT_FIELDS, "legacy_chatbot_url": _chatbot_of(contact)})
        before = {
            field: getattr(contact, field) for field, value in cleaned.items() if getattr(contact, field) != value
        }
        losing: tuple[Use, ...] = ()
        if "phone" in before and contact.phone_verified_at is not None:
            losing = tuple(uses_by_phone(contact.pk))
        for field in before:
            setattr(contact, field, cleaned[field])
        _refuse_unreachable(contact)
        groups = _set_groups(contact, group_ids)
        if not before and not groups and had is None:
            return ContactChange(contact)
        contact.version += 1
        contact.updated_at = now
        if "phone" in before:
            contact.phone_verified_at = None
        with naming_duplicates(lambda: _duplicate(contact)):
            kept = () if had is None else PASSING
            contact.save(update_fields=[*{*before, *kept}, "version", "updated_at", "phone_verified_at"])
        _forget_what_was_known(contact, before, now)
        audit.record(
            by=by,
            action=Action.UPDATE,
            instance=contact,
            changes=groups
            | {field: (_shown(field, old), _shown(field, cleaned[field])) for field, old in before.items()},
        )
    return ContactChange(contact, "phone" in before, losing)


def remove_legacy_chatbot(*, by: Actor, now: datetime, contact_id: int, version: int | None = None) -> Contact:
    """It cannot be put back. InvalidInputError when nothing else is known of the contact."""
    with transaction.atomic():
        contact = _locked(contact_id, version)
        if not contact.legacy_chatbot_url:
            return contact
        contact.legacy_chatbot_url = ""
        _refuse_unreachable(contact)
        contact.version += 1
        contact.updated_at = now
        contact.save(update_fields=["legacy_chatbot_url", "version", "updated_at"])
        audit.record(by=by, action=Action.UPDATE, instance=contact, changes={"legacy_chatbot_url": ("***", "")})
    return contact


def delete_contacts(*, by: Actor, now: datetime, ids: Collection[int], version: int | None = None) -> Deletion:
    """Really deletes them, with their memberships and proofs; unknown ids are passed over. Says what used them.

    ConflictError when `version` is not the row's (None skips that check).
    """
    with transaction.atomic():
        contacts = list(
            Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk").defer("legacy_chatbot_url")
        )
        refuse_changed(version, contacts)
        found = [contact.pk for contact in contacts]
        deletion = deletion_preview(found)
        audit.record_many(
            by=by,
            action=Action.DELETE,
            entries=[
                (contact, {field: (_shown(field, getattr(contact, field)), "") for field in ("name", "phone", "email")})
                for contact in contacts
            ],
        )
        NotificationObject.objects.filter(pk__in=found).delete()
    return deletion


def _create(by: Actor, now: datetime, fields: ContactFields, *, chatbot_url: str) -> Contact:
    cleaned = clean({field: value for field, value in fields.items() if field != "group_ids"}, CONTACT_FIELDS)
    contact = Contact(**cleaned, legacy_chatbot_url=chatbot_url, created_at=now, updated_at=now)
    _refuse_unreachable(contact)
    with transaction.atomic():
        with naming_duplicates(lambda: _duplicate(contact)):
            contact.object = NotificationObject.objects.create(kind=NotificationObject.Kind.CONTACT)
            contact.save(force_insert=True)
        groups = _set_groups(contact, fields.get("group_ids", ()))
        changes = {field: ("", _shown(field, value)) for field, value in cleaned.items() if value}
        if chatbot_url:
            changes["legacy_chatbot_url"] = ("", "***")
        audit.record(by=by, action=Action.CREATE, instance=contact, changes=changes | groups)
    return contact


def _locked(contact_id: int, version: int | None) -> Contact:
    contact = existing(
        Contact.objects.select_for_update().filter(pk=contact_id).first(), _("There is no such contact.")
    )
    refuse_changed(version, [contact])
    return contact


def _chatbot_of(contact: Contact) -> Callable[[object], str]:
    """What an imported chatbot may become: itself, or nothing."""

    def cleaned(value: object) -> str:
        if value and not same(str(value), contact.legacy_chatbot_url):
            raise ValueError(_("A chatbot cannot be a contact any more: create a robot for it."))
        return str(value)

    return cleaned


def _refuse_unreachable(contact: Contact) -> None:
    if not (contact.phone or contact.email or contact.legacy_chatbot_url):
        raise InvalidInputError({"": _("Give a phone number or an email address, or both.")})


def _duplicate(contact: Contact) -> DuplicateError:
    """Who has the phone, email or external ID that this contact was to get."""
    condition = Q()
    for field in ("phone", "external_id"):
        if value := getattr(contact, field):
            condition |= Q(**{field: value})
    if contact.email:
        condition |= Q(lower_email=Lower(Value(contact.email)))
    others = Contact.objects.annotate(lower_email=Lower("email")).filter(condition).exclude(pk=contact.pk)
    taken: dict[str, tuple[Any, tuple[int, str] | None]] = {
        field: (_typed(field, getattr(contact, field)), (other.pk, other.name))
        for other in others.order_by("pk")
        for field in _UNIQUE_FIELDS
        if getattr(contact, field) and _same(getattr(contact, field), getattr(other, field))
    }
    return duplicates(taken or {"": (None, None)})


def _same(one: str, other: str | None) -> bool:
    return other is not None and one.lower() == other.lower()


def _typed(field: str, value: str) -> str:
    return phones.display(value) if field == "phone" else value


def _set_groups(contact: Contact, group_ids: Collection[int] | None) -> dict[str, tuple[str, str]]:
    """Makes these the contact's groups; None leaves them. Returns the audited change."""
    if group_ids is None:
        return {}
    wanted = set(group_ids)
    before = set(contact.memberships.values_list("group_id", flat=True))
    changed = before ^ wanted
    if not changed:
        return {}
    locked = ContactGroup.objects.select_for_update(no_key=True).filter(pk__in=changed).order_by("pk")
    known = list(locked.values_list("pk", flat=True))
    refuse_unknown_ids("group_ids", changed, known, _("There is no contact group %(ids)s (any more)."))
    ContactGroupMember.objects.filter(contact=contact, group_id__in=before - wanted).delete()
    ContactGroupMember.objects.bulk_create(
        [ContactGroupMember(contact=contact, group_id=group_id) for group_id in sorted(wanted - before)],
        ignore_conflicts=True,
    )
    ContactGroup.objects.filter(pk__in=changed).update(version=F("version") + 1)
    return {"groups": (_listed(before), _listed(wanted))}


def _forget_what_was_known(contact: Contact, before: Mapping[str, Any], now: datetime) -> None:
    """An old number's links prove nothing of the new one, nor do messages that reached an old address."""
    channels = []
    if "phone" in before:
        PhoneVerification.objects.filter(contact=contact, replaced_at=None, verified_at=None).update(replaced_at=now)
        channels += [Channel.PHONE, Channel.SMS]
    if "email" in before:
        channels.append(Channel.EMAIL)
    if channels:
        forget_reach(contact_ids=[contact.pk], channels=channels)


def _shown(field: str, value: str | None) -> str:
    """As an audit entry keeps it."""
    if field == "phone":
        return phones.mask(value or "")
    if field == "email":
        return mask_email(value or "")
    if field == "legacy_chatbot_url":
        return "***" if value else ""
    return value or ""


def _listed(ids: Collection[int]) -> str:
    return ", ".join(map(str, sorted(ids)))
