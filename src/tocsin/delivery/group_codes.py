"""Who opens the link of a group's message says who they are by a code to a verified number.

The code is derived from the contact, the number and a quarter of an hour; it is stored nowhere and works for that
quarter and the next.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import PageLimit
from tocsin.contacts.services import count_request
from tocsin.core import crypto
from tocsin.core.phones import PhoneError, mask, parse
from tocsin.delivery.doorbell import ring_send
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Priority, Purpose

_QUARTER = 15 * 60
_DIGITS = 8
_SENDING = PageLimit("who-text", 3, timedelta(minutes=15))
_TRYING = PageLimit("who-code", 5, timedelta(minutes=15))
"""Both of one contact, wherever the requests come from."""


def contact_with_number(typed: str) -> Contact | None:
    """By a verified number, however it is written."""
    try:
        phone = parse(typed, settings.DEFAULT_REGION)
    except PhoneError:
        return None
    return Contact.objects.filter(phone=phone, phone_verified_at__isnull=False).first()


def send_code(contact: Contact, now: datetime) -> None:
    """Nothing when the contact got enough of them."""
    if count_request(limit=_SENDING, address="", about=str(contact.pk), now=now) is not None:
        return
    with transaction.atomic():
        Delivery.objects.create(
            purpose=Purpose.CODE,
            recipient_id=contact.pk,
            recipient_name=contact.name,
            address_masked=mask(contact.phone or ""),
            channel=Channel.SMS,
            language=contact.language or settings.DEFAULT_LANGUAGE,
            priority=Priority.VERIFICATION,
            next_at=now,
            planned_at=now,
        )
        ring_send()


def is_code_of(contact: Contact, typed: str, now: datetime) -> bool:
    """Five tries in a quarter of an hour; after that even the right one is refused."""
    if count_request(limit=_TRYING, address="", about=str(contact.pk), now=now) is not None:
        return False
    digits = "".join(char for char in typed if char.isdecimal())
    known = [
        _code(secret, contact.pk, contact.phone or "", moment)
        for secret in settings.SECRET_KEYS
        for moment in (now, now - timedelta(seconds=_QUARTER))
    ]
    return sum(crypto.same(digits, code) for code in known) > 0  # each is compared, whichever is right


def code_message(contact_id: int, phone: str, language: str, now: datetime) -> str:
    """Made at the moment of sending."""
    code = code_variables(contact_id, phone, now)
    with translation.override(language or settings.DEFAULT_LANGUAGE):
        return _("%(organisation)s: your code is %(code)s. It says who you are where an alert is shown.") % code


def code_variables(contact_id: int, phone: str, now: datetime) -> dict[str, str]:
    """For vendors that take no free text."""
    return {
        "code": _code(settings.SECRET_KEYS[0], contact_id, phone, now),
        "organisation": settings.ORGANISATION,
    }


def _code(secret: str, contact_id: int, phone: str, at: datetime) -> str:
    quarter = int(at.timestamp()) // _QUARTER
    digest = crypto.keyed_digest(secret, "group-code", contact_id, phone, quarter)
    return str(int.from_bytes(digest[:8], "big") % 10**_DIGITS).zfill(_DIGITS)
