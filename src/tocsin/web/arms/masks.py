"""What not every key is shown: numbers and addresses of people, and addresses and values that hold tokens.

Tokens are whole for administrators, and for others in a form that can be sent back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from django.db.models import Model

from tocsin.accounts.rules import Permission
from tocsin.accounts.services import record_reveals
from tocsin.contacts.models import Contact
from tocsin.web.arms.operation import Caller

KEPT = "***"


def sees_secrets(caller: Caller, rows: Iterable[Model], fields: tuple[str, ...]) -> bool:
    """Whether the caller is shown them; then there is an audit entry for each row."""
    if not caller.may(Permission.ADMINISTER):
        return False
    record_reveals(by=caller.by, now=caller.now, instances=rows, fields=fields)
    return True


def sees_addresses(caller: Caller, contacts: Sequence[Contact]) -> bool:
    """Whether the caller is shown whole numbers and addresses; then there is an audit entry for each who has one."""
    if not caller.may(Permission.REVEAL):
        return False
    people = [contact for contact in contacts if contact.phone or contact.email]
    record_reveals(by=caller.by, now=caller.now, instances=people, fields=("phone", "email"))
    return True


def masked_url(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{KEPT}"


def changed_url(asked: str, stored: str) -> str | None:
    """None when it is the stored one as others than administrators see it."""
    return None if asked == masked_url(stored) else asked
