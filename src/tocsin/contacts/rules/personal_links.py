"""Personal links: a contact without a sign-in opens its own page by a link sent to an address that is its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.channels.kinds import Channel
from tocsin.contacts.rules.people import ContactView
from tocsin.contacts.rules.verification import next_send_at
from tocsin.core import crypto

PERSONAL_LINK_LIFETIME = timedelta(hours=24)
SESSION_LIFETIME = timedelta(minutes=30)
"""From pressing *Continue*: long enough to follow a test call, short enough for a borrowed computer."""
LINK_CHANNELS = (Channel.EMAIL, Channel.SMS)
"""In the order of preference."""
OWN_FIELDS = frozenset(
    {
        "phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language",
        "time_zone",
    }
)  # fmt: skip
"""What contacts change themselves. Not the name: others know them by it, and a link's holder could pose as somebody."""
_TOKEN_DIGITS = 22


class LinkOutcome(StrEnum):
    """Whether a link can be sent, and later what opening it comes to."""

    ISSUED = "issued"
    NO_ADDRESS = "no_address"
    """No email address; no verified number."""
    LIMITED = "limited"
    OPEN = "open"
    """Waits for *Continue*."""
    USED = "used"
    EXPIRED = "expired"
    REPLACED = "replaced"
    UNKNOWN = "unknown"
    """Never issued, sent to an address that the contact no longer has, or there is no such contact."""


@dataclass(frozen=True, slots=True)
class PersonalLinkView:
    """A link, and the contact as it is now. `contact_address`: what it has now where the link was sent to `address`."""

    id: int
    contact_id: int
    contact_name: str
    contact_address: str
    language: str
    time_zone: str
    channel: Channel
    address: str
    expires_at: datetime
    replaced_at: datetime | None
    opened_at: datetime | None


def personal_link_token(secret: str, id: int, nonce: str) -> str:
    """22 digits of base62 (131 bits), the same whenever they are derived."""
    return crypto.to_base62(crypto.keyed_digest(secret, "personal-link", id, nonce), _TOKEN_DIGITS)


def link_address(contact: ContactView, channel: Channel) -> str:
    """Where a link may go: an email address, or a number that is proved to be the contact's; "" for nowhere."""
    if channel is Channel.EMAIL:
        return contact.email
    return contact.phone if channel is Channel.SMS and contact.is_phone_verified else ""


def is_same_address(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def why_no_link(address: str, sent_at: Collection[datetime], now: datetime) -> tuple[LinkOutcome, datetime | None]:
    """ISSUED when one may go out; for LIMITED also when it may."""
    if not address:
        return LinkOutcome.NO_ADDRESS, None
    retry_at = next_send_at(sent_at, now)
    return (LinkOutcome.LIMITED if retry_at else LinkOutcome.ISSUED), retry_at


def outcome_of_personal_link(view: PersonalLinkView, now: datetime) -> LinkOutcome:
    if not view.contact_address or not is_same_address(view.contact_address, view.address):
        return LinkOutcome.UNKNOWN
    if view.replaced_at is not None:
        return LinkOutcome.REPLACED
    if view.opened_at is not None:
        return LinkOutcome.USED
    return LinkOutcome.EXPIRED if now >= view.expires_at else LinkOutcome.OPEN


class LinkState(StrEnum):
    """What a link that was sent is worth."""

    WAITS = "waits"
    """Good, and not opened yet."""
    OPEN = "open"
    """Its page is open somewhere."""
    OVER = "over"
    """It was opened, and the page is closed."""
    EXPIRED = "expired"
    """Or revoked."""
    REPLACED = "replaced"
    ADDRESS_CHANGED = "address_changed"

    @property
    def is_live(self) -> bool:
        return self in (LinkState.WAITS, LinkState.OPEN)


def state_of_link(
    view: PersonalLinkView, now: datetime, *, session_expires_at: datetime | None, closed_at: datetime | None
) -> LinkState:
    match outcome_of_personal_link(view, now):
        case LinkOutcome.OPEN:
            return LinkState.WAITS
        case LinkOutcome.UNKNOWN:
            return LinkState.ADDRESS_CHANGED
        case LinkOutcome.REPLACED:
            return LinkState.REPLACED
        case LinkOutcome.EXPIRED:
            return LinkState.EXPIRED
    is_open = closed_at is None and session_expires_at is not None and session_expires_at > now
    return LinkState.OPEN if is_open else LinkState.OVER
