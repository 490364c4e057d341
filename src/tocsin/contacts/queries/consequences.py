"""What a change would cost, before it is made."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tocsin.contacts.models import Contact, ContactGroup, ContactGroupMember
from tocsin.contacts.queries.people import uses_by_phone
from tocsin.contacts.rules import Use


@dataclass(frozen=True, slots=True)
class Consequences:
    """Of changing one contact. `uses_losing_phone`: what no longer tells it by call or text, until it is verified."""

    uses_losing_phone: tuple[Use, ...] = ()
    emptied_groups: tuple[tuple[int, str], ...] = ()
    """Groups, by id and name, that would have no members left."""

    def __bool__(self) -> bool:
        return bool(self.uses_losing_phone or self.emptied_groups)


def consequences_of_change(contact_id: int, *, phone: str | None, group_ids: Collection[int]) -> Consequences:
    """`phone` (E.164, None for none) and the groups are what the contact would have."""
    contact = Contact.objects.defer("legacy_chatbot_url").filter(pk=contact_id).first()
    if contact is None:
        return Consequences()
    loses_phone = contact.phone_verified_at is not None and contact.phone != phone
    left = set(contact.memberships.values_list("group_id", flat=True)) - set(group_ids)
    return Consequences(
        uses_losing_phone=tuple(uses_by_phone(contact_id)) if loses_phone else (),
        emptied_groups=groups_left_empty([contact_id], left),
    )


def groups_left_empty(contact_ids: Collection[int], group_ids: Collection[int]) -> tuple[tuple[int, str], ...]:
    """Which of the groups have members now and would have none without these contacts; id and name, by name."""
    if not group_ids:
        return ()
    members = ContactGroupMember.objects.filter(group_id__in=group_ids)
    touched = members.filter(contact_id__in=contact_ids).values("group_id")
    keeps = members.exclude(contact_id__in=contact_ids).values("group_id")
    emptied = ContactGroup.objects.filter(pk__in=touched).exclude(pk__in=keeps)
    return tuple(emptied.order_by("name").values_list("pk", "name"))
