"""Reads of contacts, groups and robots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.contacts.models import (
    Contact,
    ContactDefaults,
    ContactGroupMember,
    ContactReach,
    Robot,
    Webhook,
)
from tocsin.contacts.queries.arrays import id_array
from tocsin.contacts.queries.searching import text_candidates, text_condition
from tocsin.contacts.rules import (
    ContactReason,
    ContactView,
    Directory,
    Fallback,
    GroupView,
    RobotView,
    Use,
    WebhookView,
    common_id,
    why_not_reachable,
)
from tocsin.core.phones import PhoneError, parse
from tocsin.core.storable import is_storable

_GROUPS = """
SELECT g.id, g.name, coalesce(array_agg(c.id ORDER BY c.name, c.id) FILTER (WHERE c.id IS NOT NULL), '{}')
FROM contacts_contactgroup g
LEFT JOIN contacts_contactgroupmember m ON m.group_id = g.id LEFT JOIN contacts_contact c ON c.id = m.contact_id
WHERE g.id = ANY(%s) GROUP BY g.id ORDER BY g.name
"""
_CONTACTS = """
SELECT id, name, coalesce(phone, ''), phone_verified_at IS NOT NULL, coalesce(email, ''), fallback, user_id,
       dingtalk_user_id, lark_user_id, wecom_user_id, language, time_zone, legacy_chatbot_url <> ''
FROM contacts_contact WHERE id = ANY(%s) ORDER BY name, id
"""


def directory(object_ids: Collection[int]) -> Directory:
    """Contacts, groups (with their members among the contacts), robots and webhooks; unknown ids are left out.

    Two statements, four where there is more than people.
    """
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, [list(object_ids)])
        groups = {pk: GroupView(pk, name, tuple(members)) for pk, name, members in cursor.fetchall()}
    named = set(object_ids) - groups.keys()
    contacts = contact_views(named.union(*(group.member_ids for group in groups.values())))
    for pk, group in groups.items():
        if not all(member in contacts for member in group.member_ids):  # deleted between the two statements
            groups[pk] = replace(group, member_ids=tuple(filter(contacts.__contains__, group.member_ids)))
    others = named - contacts.keys()
    robots = Robot.objects.filter(pk__in=others).order_by("name") if others else Robot.objects.none()
    webhooks = Webhook.objects.filter(pk__in=others).order_by("name") if others else Webhook.objects.none()
    return Directory(
        contacts=contacts,
        groups=groups,
        robots={
            pk: RobotView(pk, name, Channel(platform), is_enabled, language, zone, provider)
            for pk, name, platform, is_enabled, language, zone, provider in robots.values_list(
                "pk", "name", "platform", "is_enabled", "language", "time_zone", "provider"
            )
        },
        webhooks={
            pk: WebhookView(pk, name, is_enabled, language)
            for pk, name, is_enabled, language in webhooks.values_list("pk", "name", "is_enabled", "language")
        },
    )


def contact_views(contact_ids: Collection[int]) -> Mapping[int, ContactView]:
    """By id, in the order of their names; unknown ids are left out. Read as tuples: an alert may concern thousands."""
    with connection.cursor() as cursor:
        cursor.execute(_CONTACTS, [list(contact_ids)])
        return {
            pk: ContactView(pk, name, phone, is_verified, email, Fallback(fallback), *rest)
            for pk, name, phone, is_verified, email, fallback, *rest in cursor.fetchall()
        }


OWN_USER_ID = {
    Channel.DINGTALK: "dingtalk_user_id",
    Channel.LARK: "lark_user_id",
    Channel.WECOM: "wecom_user_id",
}


def contacts_by_user_id(platform: Channel, user_id: str) -> list[Contact]:
    """Whom the platform knows by this ID: by its own field, or by the common one where that is empty. At most two."""
    if not user_id or len(user_id) > 128 or not is_storable(user_id):
        return []
    field = OWN_USER_ID.get(platform)
    own = list(Contact.objects.filter(**{field: user_id}).order_by("pk")[:2]) if field else []
    common = common_id(platform, user_id)
    if own or not common:
        return own
    return list(Contact.objects.filter(user_id=common, **({field: ""} if field else {})).order_by("pk")[:2])


def groups_larger_than(object_ids: Collection[int], members: int) -> dict[int, str]:
    """Id -> name of those of the groups among these that have more members; their members are not all read."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT g.id, g.name FROM contacts_contactgroup g WHERE g.id = ANY(%s) AND EXISTS (
                SELECT 1 FROM contacts_contactgroupmember m WHERE m.group_id = g.id OFFSET %s LIMIT 1)
            """,
            [list(object_ids), members],
        )
        return dict(cursor.fetchall())


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
    candidates = text_candidates(wanted, sees_addresses=True)
    return Contact.objects.filter(candidates, text_condition(wanted, sees_addresses=True))


def uses_of(ids: Collection[int]) -> list[Use]:
    """What uses the notification objects directly: whatever is registered, then groups that have them as members."""
    groups = [
        Use(object_id=contact_id, kind="group", id=group_id, name=name)
        for contact_id, group_id, name in ContactGroupMember.objects.filter(contact_id__in=ids)
        .order_by("group__name", "contact_id")
        .values_list("contact_id", "group_id", "group__name")
    ]
    return registered_uses(ids) + groups


def registered_uses(ids: Collection[int]) -> list[Use]:
    """What uses the notification objects directly, but for groups."""
    return [use for path in settings.CONTACT_USES for use in import_string(path)(ids)]


@dataclass(frozen=True, slots=True)
class GroupsLosing:
    """Groups that lose members: id and name of the first by name, and how many they are in all; the emptied too."""

    named: tuple[tuple[int, str], ...]
    total: int
    emptied: tuple[tuple[int, str], ...]
    emptied_total: int


def groups_losing(contact_ids: Collection[int], *, most: int) -> GroupsLosing:
    """What deleting the contacts does to groups, in one statement; no more than `most` of each are named."""
    found: dict[bool, list[tuple[int, str, int]]] = {False: [], True: []}
    with connection.cursor() as cursor:
        cursor.execute(_LOSING, [id_array(contact_ids), most, most])
        for is_emptied, pk, name, total in cursor.fetchall():
            found[is_emptied].append((pk, name, total))
    losing, emptied = found[False], found[True]
    return GroupsLosing(
        named=tuple((pk, name) for pk, name, _total in losing),
        total=losing[0][2] if losing else 0,
        emptied=tuple((pk, name) for pk, name, _total in emptied),
        emptied_total=emptied[0][2] if emptied else 0,
    )


def uses_by_phone(contact_id: int) -> list[Use]:
    """What tells the contact by phone or text message, itself, as a member of a group or on duty on a schedule."""
    groups = ContactGroupMember.objects.filter(contact_id=contact_id).values_list("group_id", flat=True)
    schedules = {use.id for use in registered_uses([contact_id]) if use.kind in settings.CONTACT_KINDS}
    found = {
        (use.kind, use.id): use
        for use in uses_of([contact_id, *groups, *schedules])
        if {Channel.PHONE, Channel.SMS}.intersection(use.channels)
    }
    return list(found.values())


def uses_lost_with(contact_id: int, phone: str) -> list[Use]:
    """What would no longer tell the contact by phone or text if its number became this one, in any spelling.

    Nothing while its number is not verified; a number that is none is left to the service to refuse.
    """
    try:
        wanted = parse(phone, settings.DEFAULT_REGION) if phone.strip() else None
    except PhoneError:
        return []
    before = Contact.objects.filter(pk=contact_id, phone_verified_at__isnull=False).values_list("phone", flat=True)
    return uses_by_phone(contact_id) if wanted not in (now_used := list(before)) and now_used else []


@dataclass(frozen=True, slots=True)
class Deletion:
    """What the confirmation of a deletion says, and what is said after it."""

    names: tuple[str, ...]
    uses: tuple[Use, ...]
    emptied_groups: tuple[str, ...]
    """Groups that would have no members left."""


_LOSING = """
WITH touched AS MATERIALIZED (
    SELECT group_id, count(*) AS leaving FROM contacts_contactgroupmember WHERE contact_id = ANY(%s::bigint[])
    GROUP BY group_id
), emptied AS MATERIALIZED (
    SELECT group_id FROM touched WHERE NOT EXISTS (
        SELECT FROM contacts_contactgroupmember m WHERE m.group_id = touched.group_id OFFSET leaving
    )
)
(
    SELECT false, g.id, g.name, (SELECT count(*) FROM touched)
    FROM contacts_contactgroup g WHERE g.id = ANY(ARRAY(SELECT group_id FROM touched)) ORDER BY g.name LIMIT %s
) UNION ALL (
    SELECT true, g.id, g.name, (SELECT count(*) FROM emptied)
    FROM contacts_contactgroup g WHERE g.id = ANY(ARRAY(SELECT group_id FROM emptied)) ORDER BY g.name LIMIT %s
)
"""
"""No more members of a group are read than leave it, and one: the group may have 200,000. Names are found by an array
of ids, which PostgreSQL looks up in the index; joined, it would read all groups."""


def deletion_preview(contact_ids: Collection[int]) -> Deletion:
    names = Contact.objects.filter(pk__in=contact_ids).order_by("name").values_list("name", flat=True)
    emptied = groups_losing(contact_ids, most=len(names)).emptied
    return Deletion(tuple(names), tuple(uses_of(contact_ids)), tuple(name for _pk, name in emptied))


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a channel to a contact can be used (`reason` None) and what is known of it from earlier messages."""

    reason: ContactReason | None
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""
    bounced_at: datetime | None = None

    @property
    def is_ready(self) -> bool:
        """Whether a message is tried."""
        return self.reason is None

    @property
    def doubt(self) -> ContactReason | None:
        """Why a message does not arrive, or probably not."""
        return self.reason or (ContactReason.BOUNCED if self.bounced_at is not None else None)


def readiness(contact_ids: Collection[int]) -> dict[int, dict[Channel, Readiness]]:
    """Contact -> phone, sms and email -> ready or why not, and when a message was last proved delivered."""
    known = {
        (contact_id, channel): facts
        for contact_id, channel, *facts in ContactReach.objects.filter(contact_id__in=contact_ids).values_list(
            "contact_id", "channel", "delivered_at", "failed_at", "failure", "bounced_at"
        )
    }
    return {
        contact.id: {
            channel: Readiness(why_not_reachable(contact, channel), *known.get((contact.id, channel), ()))
            for channel in PERSONAL_CHANNELS
        }
        for contact in contact_views(contact_ids).values()
    }
