"""Secrets that no key of this installation opens any more: they concern their own messages and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.channels.base import Config
from tocsin.contacts.models import Contact
from tocsin.core.errors import ConfigurationError
from tocsin.delivery.models import Enclosure


def readable(read: Callable[[], Config]) -> tuple[Config, str]:
    """What `read` returns; or an empty configuration, and why."""
    try:
        return read(), ""
    except ConfigurationError as error:
        return {}, str(error)


def chatbot_config(contact: Contact) -> Config:
    return {"url": contact.legacy_chatbot_url, "secret": "", "keyword": ""}


def has_chatbot(contact: Contact) -> bool:
    """One that cannot be read is one: its message fails and says why."""
    try:
        return bool(contact.legacy_chatbot_url)
    except ConfigurationError:
        return True


def address_of(enclosure: Enclosure) -> str:
    """Empty where it cannot be read."""
    try:
        return str(enclosure.address)
    except ConfigurationError:
        return ""
