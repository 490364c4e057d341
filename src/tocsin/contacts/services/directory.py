"""User IDs of contacts out of the directory of DingTalk, Lark or WeCom: looked up first, then filled in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.directory import Sought
from tocsin.channels.kinds import Channel
from tocsin.channels.lookups import find_in_directory
from tocsin.channels.models import ProviderAccount
from tocsin.channels.queries import kind_of
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import OWN_USER_ID
from tocsin.contacts.rules import PageLimit
from tocsin.contacts.services.cleaning import CONTACT_FIELDS
from tocsin.contacts.services.limits import count_request
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, NotFoundError

MOST_LOOKED_UP = 200
"""Contacts of one look-up: somebody waits for it."""
LOOKING_UP = PageLimit("directory", 30, timedelta(minutes=10))
"""Of one person: directories close when they are asked for too many who are not there."""


class Known(StrEnum):
    """What a directory says of a contact."""

    FOUND = "found"
    SAME = "same"
    DIFFERS = "differs"
    """The contact has another ID."""
    UNKNOWN = "unknown"
    NOTHING_TO_ASK = "nothing_to_ask"
    """Neither number nor address that this directory knows people by."""
    UNASKED = "unasked"
    CHANGED = "changed"
    """Somebody changed the contact meanwhile."""
    FILLED_IN = "filled_in"


@dataclass(frozen=True, slots=True)
class LookedUp:
    contact_id: int
    name: str
    version: int
    known: Known
    stored: str = ""
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class LookUp:
    platform: Channel
    results: tuple[LookedUp, ...]
    problem: str = ""
    """Why the directory could not be asked, or not to the end; for people."""


def look_up_user_ids(*, by: Actor, now: datetime, account_id: int, contact_ids: Collection[int]) -> LookUp:
    """Asks the directory; changes nothing. The vendor gets numbers and addresses, so it is an audit entry."""
    account = ProviderAccount.objects.filter(pk=account_id, is_enabled=True).first()
    if account is None or not (asks_by := kind_of(account).looks_up):
        raise NotFoundError(_("There is no such directory."))
    if len(contact_ids) > MOST_LOOKED_UP:
        text = _("Look up %(most)d contacts at most; search or filter for fewer of them.")
        raise InvalidInputError({"": text % {"most": MOST_LOOKED_UP}})
    if count_request(limit=LOOKING_UP, address="", about=f"{by.kind}:{by.id}", now=now) is not None:
        raise InvalidInputError({"": _("You asked too often; wait a few minutes.")})
    platform = Channel(account.channel)
    contacts = list(Contact.objects.filter(pk__in=contact_ids).order_by("name", "pk"))
    people = [
        Sought(
            contact.pk,
            (contact.phone or "") if "phone" in asks_by else "",
            (contact.email or "") if "email" in asks_by else "",
        )
        for contact in contacts
    ]
    asked = [person for person in people if person.phone or person.email]
    audit.record(
        by=by, action=Action.ACCESS, instance=account,
        note=_("asked the directory for %(count)d contacts") % {"count": len(asked)},
    )  # fmt: skip
    asked_ids = {person.key for person in asked}
    found = find_in_directory(account, asked) if asked else None
    results = []
    for contact in contacts:
        stored = str(getattr(contact, OWN_USER_ID[platform]))
        user_id = _clean(platform, found.user_ids.get(contact.pk, "")) if found is not None else ""
        if contact.pk not in asked_ids:
            known = Known.NOTHING_TO_ASK
        elif found is not None and contact.pk in found.unasked and not user_id:
            known = Known.UNASKED
        elif not user_id:
            known = Known.UNKNOWN
        else:
            known = Known.SAME if stored == user_id else Known.DIFFERS if stored else Known.FOUND
        results.append(LookedUp(contact.pk, contact.name, contact.version, known, stored, user_id))
    return LookUp(platform, tuple(results), found.problem if found is not None else "")


def fill_in_user_ids(
    *, by: Actor, now: datetime, platform: Channel, found: Mapping[int, tuple[int, str]], replaces: bool = False
) -> list[LookedUp]:
    """Contact id -> (the version that was looked up, the ID). Whoever was changed meanwhile stays as they are.

    `replaces`: an ID that differs gives way too.
    """
    field = OWN_USER_ID[platform]
    results: list[LookedUp] = []
    changed: list[tuple[Contact, audit.Changes]] = []
    with transaction.atomic():
        contacts = Contact.objects.select_for_update().filter(pk__in=found).defer("legacy_chatbot_url").order_by("pk")
        for contact in contacts:
            version, typed = found[contact.pk]
            stored, user_id = str(getattr(contact, field)), _clean(platform, typed)
            if contact.version != version or not user_id:
                known = Known.CHANGED
            elif stored == user_id:
                known = Known.SAME
            elif stored and not replaces:
                known = Known.DIFFERS
            else:
                known = Known.FILLED_IN
                setattr(contact, field, user_id)
                contact.version += 1
                contact.updated_at = now
                changed.append((contact, {field: (stored, user_id)}))
            results.append(LookedUp(contact.pk, contact.name, contact.version, known, stored, user_id))
        Contact.objects.bulk_update([contact for contact, _changes in changed], [field, "version", "updated_at"])
        audit.record_many(by=by, action=Action.UPDATE, entries=changed, note=_("from the directory"))
    return sorted(results, key=lambda result: (result.name, result.contact_id))


def _clean(platform: Channel, user_id: str) -> str:
    """As the form would take it; "" for what it would refuse."""
    try:
        return CONTACT_FIELDS[OWN_USER_ID[platform]](user_id) or ""
    except ValueError:
        return ""
