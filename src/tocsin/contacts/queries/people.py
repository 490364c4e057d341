"""Reads of contacts, groups and robots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.module_loading import import_string

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.models import (
    Contact,
    ContactDefaults,
    ContactGroup,
    ContactGroupMember,
    ContactReach,
    Robot,
)
from tocsin.contacts.rules import (
    ContactReason,
    ContactView,
    Directory,
    Fallback,
    GroupView,
    RobotView,
    Use,
    why_not_reachable,
)
from tocsin.core.phones import search_digits

_VIEW_COLUMNS = (
    "object_id", "name", "phone_or_empty", "is_phone_verified", "email_or_empty", "fallback", "user_id",
    "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language", "time_zone", "has_legacy_chatbot",
)  # fmt: skip


def directory(object_ids: Collection[int]) -> Directory:
    """The contacts, groups (with their members among the contacts) and robots of the ids; unknown ids are left out."""
    groups = dict(ContactGroup.objects.filter(pk__in=object_ids).order_by("name").values_list("pk", "name"))
    members: defaultdict[int, list[int]] = defaultdict(list)
    memberships = ContactGroupMember.objects.filter(group_id__in=groups)
    for group_id, contact_id in memberships.order_by("contact__name", "contact_id").values_list("group", "contact"):
        members[group_id].append(contact_id)
    contacts = _views(Q(pk__in=object_ids) | Q(pk__in=memberships.values("contact_id")))
    robots = Robot.objects.filter(pk__in=object_ids).order_by("name")
    return Directory(
        contacts=contacts,
        groups={
            # a member may have been deleted between the two statements
            pk: GroupView(pk, name, tuple(member for member in members[pk] if member in contacts))
            for pk, name in groups.items()
        },
        robots={
            pk: RobotView(pk, name, Channel(platform), is_enabled)
            for pk, name, platform, is_enabled in robots.values_list("pk", "name", "platform", "is_enabled")
        },
        default_fallback=default_fallback(),
    )


def contact_views(contact_ids: Collection[int]) -> Mapping[int, ContactView]:
    """By id, in the order of their names; unknown ids are left out."""
    return _views(Q(pk__in=contact_ids))


def contact_view(contact: Contact) -> ContactView:
    """Of a row that was read already."""
    return ContactView(
        id=contact.pk,
        name=contact.name,
        phone=contact.phone or "",
        is_phone_verified=contact.phone_verified_at is not None,
        email=contact.email or "",
        fallback=Fallback(contact.fallback),
        user_id=contact.user_id,
        dingtalk_user_id=contact.dingtalk_user_id,
        lark_user_id=contact.lark_user_id,
        wecom_user_id=contact.wecom_user_id,
        language=contact.language,
        time_zone=contact.time_zone,
        has_legacy_chatbot=bool(contact.legacy_chatbot_url),
    )


def _views(condition: Q) -> dict[int, ContactView]:
    """Read as tuples: an alert may concern ten thousand contacts."""
    rows = Contact.objects.filter(condition).annotate(
        phone_or_empty=Coalesce("phone", Value("")),
        is_phone_verified=Q(phone_verified_at__isnull=False),
        email_or_empty=Coalesce("email", Value("")),
        has_legacy_chatbot=~Q(legacy_chatbot_url=""),
    )
    return {
        pk: ContactView(pk, name, phone, is_verified, email, Fallback(fallback), *rest)
        for pk, name, phone, is_verified, email, fallback, *rest in rows.order_by("name", "object_id").values_list(
            *_VIEW_COLUMNS
        )
    }


def get_defaults() -> ContactDefaults:
    """What was configured last, or initially applies (version 0)."""
    return ContactDefaults.objects.first() or ContactDefaults(version=0)


def default_fallback() -> Fallback:
    """What follows a failed call to contacts that chose nothing else."""
    return Fallback(get_defaults().fallback)


def contacts_matching(text: str) -> QuerySet[Contact]:
    """Contacts whose name, phone (in any spelling) or email holds the text; all for an empty one."""
    wanted = text.strip()
    if not wanted:
        return Contact.objects.all()
    if not is_storable(wanted):
        return Contact.objects.none()
    condition = Q(name__icontains=wanted) | Q(email__icontains=wanted)
    if digits := search_digits(wanted):
        condition |= Q(phone__startswith=digits) if digits.startswith("+") else Q(phone__contains=digits)
    return Contact.objects.filter(condition)


def is_storable(text: str) -> bool:
    """PostgreSQL keeps neither NUL nor lone surrogates."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def uses_of(ids: Collection[int]) -> list[Use]:
    """What uses the notification objects directly: groups that have them as members, and whatever is registered."""
    uses = [
        Use(object_id=contact_id, kind="group", id=group_id, name=name)
        for contact_id, group_id, name in ContactGroupMember.objects.filter(contact_id__in=ids)
        .order_by("group__name", "contact_id")
        .values_list("contact_id", "group_id", "group__name")
    ]
    for path in settings.CONTACT_USES:
        uses += import_string(path)(ids)
    return uses


def uses_by_phone(contact_id: int) -> list[Use]:
    """What tells the contact by phone or text message, itself or as a member of a group."""
    groups = ContactGroupMember.objects.filter(contact_id=contact_id).values_list("group_id", flat=True)
    found = {
        (use.kind, use.id): use
        for use in uses_of([contact_id, *groups])
        if {Channel.PHONE, Channel.SMS}.intersection(use.channels)
    }
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Deletion:
    """What the confirmation of a deletion says, and what is said after it."""

    names: tuple[str, ...]
    uses: tuple[Use, ...]
    emptied_groups: tuple[str, ...]
    """Groups that would have no members left."""


def deletion_preview(contact_ids: Collection[int]) -> Deletion:
    names = Contact.objects.filter(pk__in=contact_ids).order_by("name").values_list("name", flat=True)
    touched = ContactGroupMember.objects.filter(contact_id__in=contact_ids).values("group_id")
    left = ContactGroupMember.objects.exclude(contact_id__in=contact_ids).values("group_id")
    emptied = ContactGroup.objects.filter(pk__in=touched).exclude(pk__in=left).order_by("name")
    return Deletion(
        names=tuple(names),
        uses=tuple(uses_of(contact_ids)),
        emptied_groups=tuple(emptied.values_list("name", flat=True)),
    )


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a channel to a contact can be used (`reason` None) and what is known of it from earlier messages."""

    reason: ContactReason | None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""

    @property
    def is_ready(self) -> bool:
        return self.reason is None


def readiness(contact_ids: Collection[int]) -> dict[int, dict[Channel, Readiness]]:
    """Contact -> phone, sms and email -> ready or why not, and when a message was last proved delivered."""
    known = {
        (contact_id, channel): facts
        for contact_id, channel, *facts in ContactReach.objects.filter(contact_id__in=contact_ids).values_list(
            "contact_id", "channel", "delivered_at", "failed_at", "failure"
        )
    }
    return {
        contact.id: {
            channel: Readiness(why_not_reachable(contact, channel), *known.get((contact.id, channel), ()))
            for channel in PERSONAL_CHANNELS
        }
        for contact in contact_views(contact_ids).values()
    }
