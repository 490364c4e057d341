"""Proof that a number is a contact's: derived secrets, limits, and what a link or a code is worth."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tocsin.core import crypto
from tocsin.core.phones import is_landline

LINK_LIFETIME = timedelta(hours=24)
CODE_LIFETIME = timedelta(minutes=15)
MAX_TRIES = 5
SEND_LIMITS = ((1, timedelta(minutes=1)), (5, timedelta(hours=1)), (10, timedelta(days=1)))
"""At most so many sends to a number in so long."""
_TOKEN_DIGITS = 22
_CODE_DIGITS = 8


class VerificationMethod(StrEnum):
    LINK = "link"
    CODE = "code"
    CALL = "call"
    ATTESTED = "attested"
    """Nothing was sent: an administrator vouched for a named source."""


class IssueOutcome(StrEnum):
    """Whether a verification can be sent to a contact now."""

    ISSUED = "issued"
    ALREADY_VERIFIED = "already_verified"
    NO_NUMBER = "no_number"
    LIMITED = "limited"
    LANDLINE = "landline"
    """Texts do not arrive there."""
    UNKNOWN = "unknown"
    """No such contact (any more)."""


class VerifyOutcome(StrEnum):
    """What opening a link, or entering a code, comes to."""

    OPEN = "open"
    """Waits for the contact to press the button."""
    VERIFIED = "verified"
    """This very request verified the number."""
    USED = "used"
    """Verified the number before."""
    ALREADY_VERIFIED = "already_verified"
    """The number was verified in another way."""
    EXPIRED = "expired"
    REPLACED = "replaced"
    WRONG_CODE = "wrong_code"
    TOO_MANY_TRIES = "too_many_tries"
    UNKNOWN = "unknown"
    """Never issued, or for a number that the contact no longer has."""


@dataclass(frozen=True, slots=True)
class VerificationView:
    """A verification, and the contact as it is now."""

    id: int
    contact_id: int
    contact_name: str
    contact_phone: str
    is_contact_verified: bool
    phone: str
    expires_at: datetime
    verified_at: datetime | None
    replaced_at: datetime | None
    tries: int


def verification_token(secret: str, id: int, nonce: str) -> str:
    """22 digits of base62 (131 bits), the same whenever they are derived."""
    return crypto.to_base62(crypto.keyed_digest(secret, "verification-link", id, nonce), _TOKEN_DIGITS)


def verification_code(secret: str, id: int, nonce: str) -> str:
    """8 decimal digits."""
    number = int.from_bytes(crypto.keyed_digest(secret, "verification-code", id, nonce), "big")
    return f"{number % 10**_CODE_DIGITS:0{_CODE_DIGITS}}"


def next_send_at(sent_at: Collection[datetime], now: datetime) -> datetime | None:
    """When a number may be sent the next verification, given when it was sent earlier ones; None means now."""
    latest_first = sorted(sent_at, reverse=True)
    opens_at = [latest_first[count - 1] + per for count, per in SEND_LIMITS if len(latest_first) >= count]
    return max((moment for moment in opens_at if moment > now), default=None)


def why_not_issued(
    *, phone: str, is_verified: bool, sent_at: Collection[datetime], now: datetime, is_call: bool = False
) -> tuple[IssueOutcome, datetime | None]:
    """ISSUED when a verification may go out; for LIMITED also when it may."""
    if not phone:
        return IssueOutcome.NO_NUMBER, None
    if is_verified:
        return IssueOutcome.ALREADY_VERIFIED, None
    if is_landline(phone) and not is_call:
        return IssueOutcome.LANDLINE, None
    if (retry_at := next_send_at(sent_at, now)) is not None:
        return IssueOutcome.LIMITED, retry_at
    return IssueOutcome.ISSUED, None


def outcome_of_link(view: VerificationView, now: datetime) -> VerifyOutcome:
    """What the owner of the link's token is told before pressing; OPEN when pressing verifies."""
    if view.contact_phone != view.phone:
        return VerifyOutcome.UNKNOWN
    if view.is_contact_verified:
        return VerifyOutcome.USED if view.verified_at else VerifyOutcome.ALREADY_VERIFIED
    if view.replaced_at:
        return VerifyOutcome.REPLACED
    if view.verified_at or now >= view.expires_at:
        return VerifyOutcome.EXPIRED
    return VerifyOutcome.OPEN


def outcome_of_code(view: VerificationView, *, is_right: bool, now: datetime) -> VerifyOutcome:
    """The same for a code; after MAX_TRIES wrong ones even the right one is refused."""
    if view.tries >= MAX_TRIES:
        return VerifyOutcome.TOO_MANY_TRIES
    if not is_right:
        return VerifyOutcome.WRONG_CODE
    return outcome_of_link(view, now)
