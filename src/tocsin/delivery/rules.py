"""States, causes and reasons of deliveries, and what may follow what. Pure; docs/delivery-states.md is made from it."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Cause(StrEnum):
    """Why a notification was made."""

    FIRED = "fired"
    ADDED = "added"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    RECOVERED = "recovered"


class Purpose(StrEnum):
    """What a delivery is for, when it is not part of an alert's notification."""

    ALERT = "alert"
    VERIFICATION = "verification"
    TEST = "test"


class DeliveryState(StrEnum):
    PLANNED = "planned"
    """Waits for its moment, its first or a later one."""
    HELD = "held"
    """A limit is closed; goes out when it opens."""
    SENDING = "sending"
    """Committed before the provider is called."""
    ACCEPTED = "accepted"
    """The provider took it; a receipt may follow."""
    DELIVERED = "delivered"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    """It may or may not have gone out."""
    SKIPPED = "skipped"
    """Not sent, for the reason given."""
    MERGED = "merged"
    """Another message stands for this one."""
    CANCELLED = "cancelled"


class Priority(IntEnum):
    VERIFICATION = 0
    PHONE = 1
    NORMAL = 2


LEGAL_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PLANNED: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.HELD,
            DeliveryState.SKIPPED,
            DeliveryState.MERGED,
            DeliveryState.CANCELLED,
            DeliveryState.FAILED,
        }
    ),
    DeliveryState.HELD: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.SKIPPED,
            DeliveryState.MERGED,
            DeliveryState.CANCELLED,
            DeliveryState.FAILED,
            DeliveryState.PLANNED,
        }
    ),
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.ACCEPTED,
            DeliveryState.DELIVERED,
            DeliveryState.FAILED,
            DeliveryState.AMBIGUOUS,
            DeliveryState.PLANNED,
        }
    ),
    DeliveryState.ACCEPTED: frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED}),
    DeliveryState.AMBIGUOUS: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.ACCEPTED,
            DeliveryState.DELIVERED,
            DeliveryState.FAILED,
            DeliveryState.SKIPPED,
            DeliveryState.CANCELLED,
        }
    ),
    DeliveryState.FAILED: frozenset({DeliveryState.DELIVERED}),
    DeliveryState.DELIVERED: frozenset(),
    DeliveryState.SKIPPED: frozenset(),
    DeliveryState.MERGED: frozenset(),
    DeliveryState.CANCELLED: frozenset(),
}


class Reason(StrEnum):
    """Why somebody is not told, or was not."""

    UNVERIFIED_PHONE = "unverified_phone"
    NO_PHONE = "no_phone"
    NO_EMAIL = "no_email"
    NO_USER_ID = "no_user_id"
    NO_ACCOUNT = "no_account"
    NO_CHANNEL = "no_channel"
    EMPTY_GROUP = "empty_group"
    ROBOT_DISABLED = "robot_disabled"
    POLICY_DISABLED = "policy_disabled"
    CONTACT_DELETED = "contact_deleted"
    ROBOT_DELETED = "robot_deleted"
    SILENCED = "silenced"
    RECOVERED = "recovered"
    CLAIMED = "claimed"
    SUPERSEDED = "superseded"
    OUTSIDE_WINDOW = "outside_window"
    FIRING_NEVER_SENT = "firing_never_sent"
    ALREADY_TEXTED = "already_texted"
    ALREADY_VERIFIED = "already_verified"
    REPLACED = "replaced"
    HELD_TOO_LONG = "held_too_long"
    TRIES_EXHAUSTED = "tries_exhausted"
    REFUSED = "refused"
    NO_RECEIPT = "no_receipt"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    MACHINE = "machine"
    UNDELIVERED = "undelivered"
    OUTCOME_UNKNOWN = "outcome_unknown"
