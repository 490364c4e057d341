"""What caps there are on calls and texts to one person in an hour, and how an administrator changes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.kinds import Channel
from tocsin.core.actors import Actor
from tocsin.core.errors import InvalidInputError, refuse_changed
from tocsin.delivery.cap_models import PersonCaps
from tocsin.events.statements import execute

LARGEST = 10_000


@dataclass(frozen=True, slots=True)
class Caps:
    """Of an hour; 0 where there is none."""

    calls: int = 0
    texts: int = 0

    def of(self, channel: str) -> int:
        return {Channel.PHONE.value: self.calls, Channel.SMS.value: self.texts}.get(channel, 0)


def caps_in_force() -> Caps:
    """What was chosen, and what the environment says where nothing was; one statement."""
    rows = execute("SELECT calls_per_hour, texts_per_hour FROM delivery_personcaps")
    calls, texts = rows[0] if rows else (None, None)
    return Caps(
        settings.CALLS_PER_HOUR if calls is None else calls, settings.TEXTS_PER_HOUR if texts is None else texts
    )


def chosen_caps() -> PersonCaps:
    return PersonCaps.objects.first() or PersonCaps(version=0)


def set_caps(
    *, by: Actor, now: datetime, calls_per_hour: int | None, texts_per_hour: int | None, version: int | None = None
) -> PersonCaps:
    """None: as the environment says. Acts on what is sent from now on; what is held already waits for its moment."""
    given = {"calls_per_hour": calls_per_hour, "texts_per_hour": texts_per_hour}
    wrong = {name for name, value in given.items() if value is not None and not 0 <= value <= LARGEST}
    if wrong:
        text = _("Choose 0 (no cap) to %(most)d.") % {"most": LARGEST}
        raise InvalidInputError(dict.fromkeys(sorted(wrong), text))
    with transaction.atomic():
        PersonCaps.objects.bulk_create([PersonCaps(version=0)], ignore_conflicts=True)
        caps = PersonCaps.objects.select_for_update().get()
        refuse_changed(version, [caps])
        changes = {name: (getattr(caps, name), value) for name, value in given.items() if getattr(caps, name) != value}
        if changes:
            caps.calls_per_hour, caps.texts_per_hour = calls_per_hour, texts_per_hour
            caps.version += 1
            caps.save(update_fields=[*given, "version"])
            audit.record(by=by, action=Action.UPDATE, instance=caps, changes=changes)
    return caps
