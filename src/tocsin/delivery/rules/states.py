"""States, causes and reasons of deliveries, and what may follow what. docs/delivery-states.md is made from this."""

from __future__ import annotations

from enum import IntEnum, StrEnum

from tocsin.core.sentences import Sentence


class Cause(StrEnum):
    """Why a notification was made."""

    FIRED = "fired"
    ADDED = "added"
    REPEATED = "repeated"
    ESCALATED = "escalated"
    ASSIGNED = "assigned"
    RECOVERED = "recovered"


class Purpose(StrEnum):
    """What a delivery is for, when it is not part of an alert's notification."""

    ALERT = "alert"
    VERIFICATION = "verification"
    TEST = "test"
    LINK = "link"
    """A contact's personal link; the token is put into the text when it is sent."""
    NOTICE = "notice"
    """Tells the owner of an address that somebody has just changed it."""
    DAILY = "daily"
    """What a robot tells of the day at chosen times."""
    CODE = "code"
    """By which somebody in a group says who they are; made when it is sent, and stored nowhere."""
    REPLY = "reply"
    """Says what became of a reply or a pressed key."""
    DRILL = "drill"
    """A fire drill: whether this reaches its recipient, who confirms it."""
    HANDOVER = "handover"
    """Tells that a turn on an on-call schedule begins, or that nobody checked in."""


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
    """Its recipient is gone, or what it was for is."""


class Priority(IntEnum):
    VERIFICATION = 0
    PHONE = 1
    NORMAL = 2


LEGAL_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PLANNED: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.HELD,
            DeliveryState.DELIVERED,
            DeliveryState.SKIPPED,
            DeliveryState.MERGED,
            DeliveryState.CANCELLED,
            DeliveryState.FAILED,
        }
    ),
    DeliveryState.HELD: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.DELIVERED,
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
            DeliveryState.HELD,
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
    DeliveryState.MERGED: frozenset({DeliveryState.PLANNED}),
    DeliveryState.CANCELLED: frozenset(),
}


class Reason(StrEnum):
    """Why somebody is not told, or was not. `REASON_TEXTS` says it to people."""

    UNVERIFIED_PHONE = "unverified_phone"
    NO_PHONE = "no_phone"
    NO_EMAIL = "no_email"
    NO_USER_ID = "no_user_id"
    NO_ACCOUNT = "no_account"
    EMPTY_GROUP = "empty_group"
    NOBODY_ON_DUTY = "nobody_on_duty"
    NOT_ON_DUTY = "not_on_duty"
    CHECKED_IN = "checked_in"
    CONFIRMED = "confirmed"
    DRILL_OVER = "drill_over"
    ROBOT_DISABLED = "robot_disabled"
    WEBHOOK_DISABLED = "webhook_disabled"
    NO_TARGETS = "no_targets"
    POLICY_DISABLED = "policy_disabled"
    CONTACT_DELETED = "contact_deleted"
    ROBOT_DELETED = "robot_deleted"
    WEBHOOK_DELETED = "webhook_deleted"
    RECOVERED = "recovered"
    CLAIMED = "claimed"
    MUTED = "muted"
    SUPERSEDED = "superseded"
    FIRING_NEVER_SENT = "firing_never_sent"
    ALREADY_TEXTED = "already_texted"
    ALREADY_VERIFIED = "already_verified"
    REPLACED = "replaced"
    MERGED = "merged"
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
    BOUNCED = "bounced"
    OUTCOME_UNKNOWN = "outcome_unknown"
    TOO_LATE = "too_late"
    SILENCED = "silenced"
    PERSON_CAP = "person_cap"
    GATHERED = "gathered"
    SHADOW = "shadow"
    NOT_AT_SEVERITY = "not_at_severity"
    OUTSIDE_WINDOW = "outside_window"
    PLANNED_ANEW = "planned_anew"


REASON_TEXTS: dict[Reason, Sentence] = {
    Reason.UNVERIFIED_PHONE: Sentence("the phone number is not verified"),
    Reason.NO_PHONE: Sentence("there is no phone number"),
    Reason.NO_EMAIL: Sentence("there is no email address"),
    Reason.NO_USER_ID: Sentence("there is no user ID that this IM tool can mention; the group message still goes out"),
    Reason.NO_ACCOUNT: Sentence("no enabled provider account carries this channel"),
    Reason.EMPTY_GROUP: Sentence("the group has no members"),
    Reason.NOBODY_ON_DUTY: Sentence("nobody is on duty at that time"),
    Reason.NOT_ON_DUTY: Sentence("it is somebody else's turn by now"),
    Reason.CHECKED_IN: Sentence("the person on duty has checked in meanwhile"),
    Reason.CONFIRMED: Sentence("the drill was confirmed by another message before this went out"),
    Reason.DRILL_OVER: Sentence("the time of the drill was over before this could go out"),
    Reason.ROBOT_DISABLED: Sentence("the robot is disabled"),
    Reason.WEBHOOK_DISABLED: Sentence("the webhook is disabled"),
    Reason.NO_TARGETS: Sentence("the policy names nobody"),
    Reason.POLICY_DISABLED: Sentence("the policy is disabled"),
    Reason.CONTACT_DELETED: Sentence("the contact was deleted"),
    Reason.ROBOT_DELETED: Sentence("the robot was deleted"),
    Reason.WEBHOOK_DELETED: Sentence("the webhook was deleted"),
    Reason.RECOVERED: Sentence("the alert was resolved before this went out"),
    Reason.CLAIMED: Sentence("somebody claimed the alert before this went out"),
    Reason.MUTED: Sentence("somebody muted the alert for a while"),
    Reason.SUPERSEDED: Sentence("the alert fires again, so this notice is out of date"),
    Reason.FIRING_NEVER_SENT: Sentence(
        "the firing notice never reached this recipient, so there is nothing to take back"
    ),
    Reason.ALREADY_TEXTED: Sentence("the same notification's text message was delivered"),
    Reason.ALREADY_VERIFIED: Sentence("the number was verified meanwhile"),
    Reason.REPLACED: Sentence("a newer message of this kind replaced this one, or what it was for is no longer valid"),
    Reason.MERGED: Sentence("one message stands for several"),
    Reason.HELD_TOO_LONG: Sentence("by a limit or its vendor the call had to wait for more than 60 seconds"),
    Reason.TRIES_EXHAUSTED: Sentence("every try failed"),
    Reason.REFUSED: Sentence("it was refused for good; the detail says by whom and why"),
    Reason.NO_RECEIPT: Sentence("nobody answered, and the provider sent no receipt in time"),
    Reason.BUSY: Sentence("the line was busy"),
    Reason.NO_ANSWER: Sentence("nobody answered"),
    Reason.REJECTED: Sentence("the call was rejected"),
    Reason.UNREACHABLE: Sentence("the phone was unreachable"),
    Reason.MACHINE: Sentence("a machine answered"),
    Reason.UNDELIVERED: Sentence("the provider reported that it was not delivered"),
    Reason.BOUNCED: Sentence("mail to this address comes back"),
    Reason.OUTCOME_UNKNOWN: Sentence("no reply came, so it may or may not have gone out"),
    Reason.SHADOW: Sentence("the policy is in shadow: this would have been sent"),
    Reason.NOT_AT_SEVERITY: Sentence("the policy keeps this channel for more severe alerts"),
    Reason.OUTSIDE_WINDOW: Sentence("it is outside the hours of the policy, or of the step of the escalation"),
    Reason.PLANNED_ANEW: Sentence("what it waited for was over, and it was planned again for whoever is concerned now"),
    Reason.PERSON_CAP: Sentence(
        "the cap on calls or texts to one person in an hour is reached; it goes out with others when the hour is over"
    ),
    Reason.GATHERED: Sentence("many messages came at once; it is gathered with others for a minute"),
    Reason.SILENCED: Sentence("everything that fires here is silenced"),
    Reason.TOO_LATE: Sentence("no worker was there at its time, and half an hour later it says nothing any more"),
}
