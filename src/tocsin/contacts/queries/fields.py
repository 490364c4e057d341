"""Contacts by what each field holds, as programs ask for them: in the order of their ids, which pages keep."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce
from operator import and_

from django.db.models import Q, QuerySet

from tocsin.contacts.models import Contact, ContactGroupMember
from tocsin.contacts.queries.arrays import is_one_of
from tocsin.contacts.queries.searching import field_candidates, field_condition, is_walk_shorter, unindexed
from tocsin.core.phones import search_digits
from tocsin.core.storable import is_storable

_ORDER = ("object_id",)
_LONGEST_TEXT = 254


def contacts_holding(
    texts: Mapping[str, str], *, ids: Collection[int] | None = None, rows: int = 20
) -> QuerySet[Contact]:
    """Those each of whose named fields (name, email, phone) holds its text in any part, among the ids if given.

    Texts that are "" ask for nothing; `rows` is how many will be read.
    """
    found = Contact.objects.defer("legacy_chatbot_url")
    wanted = {field: text.strip() for field, text in texts.items() if text.strip()}
    if any(not is_storable(text) or len(text) > _LONGEST_TEXT for text in wanted.values()):
        return found.none()
    if "phone" in wanted and not search_digits(wanted["phone"]):
        return found.none()
    if ids is not None:
        found = found.filter(is_one_of("pk", ids))
    if not wanted:
        return found.order_by(*_ORDER)
    condition = reduce(and_, (field_condition(field, text) for field, text in wanted.items()), Q())
    found = found.filter(condition)
    if ids is not None or is_walk_shorter(condition, _ORDER, rows=rows):
        return found.order_by(*_ORDER)
    candidates = reduce(and_, (field_candidates(field, text) for field, text in wanted.items()), Q())
    return found.filter(candidates).order_by(*unindexed(_ORDER))


def members_of(group_ids: Collection[int]) -> dict[int, list[Contact]]:
    """The contacts of each group by name, also of groups that have none; without the encrypted column."""
    members: dict[int, list[Contact]] = {pk: [] for pk in group_ids}
    rows = ContactGroupMember.objects.filter(group_id__in=group_ids).select_related("contact")
    for row in rows.defer("contact__legacy_chatbot_url").order_by("contact__name", "contact_id"):
        members[row.group_id].append(row.contact)
    return members


def group_names_of(contact_ids: Collection[int]) -> dict[int, list[str]]:
    """The names of each contact's groups; contacts without any are left out."""
    names: dict[int, list[str]] = {}
    rows = ContactGroupMember.objects.filter(contact_id__in=contact_ids).order_by("group__name")
    for contact_id, name in rows.values_list("contact_id", "group__name"):
        names.setdefault(contact_id, []).append(name)
    return names
