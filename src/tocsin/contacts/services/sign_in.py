"""Which user a contact is."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.accounts.models import User
from tocsin.contacts.models import Contact
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, existing


def link_sign_in(*, by: Actor, now: datetime, contact_id: int, user_id: int | None) -> Contact:
    """The user sees and changes this contact as its own; None unlinks. InvalidInputError names `user`."""
    with transaction.atomic():
        contact = existing(
            Contact.objects.select_for_update().filter(pk=contact_id).defer("legacy_chatbot_url").first(),
            _("There is no such contact."),
        )
        if contact.sign_in_id == user_id:
            return contact
        user = User.objects.filter(pk=user_id).first() if user_id is not None else None
        if user is None and user_id is not None:
            raise InvalidInputError({"user": _("There is no such user.")})
        before = contact.sign_in.username if contact.sign_in is not None else ""
        contact.sign_in, contact.updated_at = user, now
        contact.version += 1
        try:
            with transaction.atomic():
                contact.save(update_fields=["sign_in", "updated_at", "version"])
        except IntegrityError as error:
            raise InvalidInputError({"user": _taken(user, contact)}) from error
        changes = {"sign_in": (before, user.username if user else "")}
        audit.record(by=by, action=Action.UPDATE, instance=contact, changes=changes)
    return contact


def _taken(user: User | None, contact: Contact) -> str:
    other = Contact.objects.filter(sign_in=user).exclude(pk=contact.pk).only("name").first()
    if other is None:
        return _("Somebody else has just used this; try again.")
    return _("%(user)s is %(name)s already; a user is one contact at most.") % {"user": user, "name": other.name}
