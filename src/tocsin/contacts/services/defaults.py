"""The Contact Default Configuration."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.contacts.models import ContactDefaults
from tocsin.contacts.rules import Fallback
from tocsin.contacts.services.cleaning import clean, clean_fallback
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, refuse_changed


def set_default_fallback(*, by: Actor, now: datetime, fallback: str, version: int | None = None) -> ContactDefaults:
    """Acts at once on all contacts that use the default. ConflictError when `version` is not the row's."""
    cleaned = clean({"fallback": fallback}, {"fallback": clean_fallback})["fallback"]
    if cleaned == Fallback.DEFAULT:
        raise InvalidInputError({"fallback": _("The default itself must be one of the other methods.")})
    with transaction.atomic():
        ContactDefaults.objects.bulk_create([ContactDefaults(version=0)], ignore_conflicts=True)
        defaults = ContactDefaults.objects.select_for_update().get()
        refuse_changed(version, [defaults])
        if defaults.version == 0 or defaults.fallback != cleaned:
            changes = {"fallback": (defaults.fallback, cleaned)}
            defaults.fallback = cleaned or ""
            defaults.version += 1
            defaults.save(update_fields=["fallback", "version"])
            audit.record(by=by, action=Action.UPDATE, instance=defaults, changes=changes)
    return defaults
