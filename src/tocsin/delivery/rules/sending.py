"""What is re-checked before a send, and what follows an attempt or a receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.alerts.rules import AlertState
from tocsin.channels.base import Capabilities, Outcome, ReceiptStatus, SendResult
from tocsin.channels.kinds import Channel
from tocsin.delivery.rules.states import LEGAL_MOVES, Cause, DeliveryState, Reason

_SEND = None
SEND_TABLE: dict[tuple[Cause, AlertState], Reason | None] = {
    (Cause.FIRED, AlertState.PENDING): _SEND,
    (Cause.FIRED, AlertState.HANDLING): Reason.CLAIMED,
    (Cause.FIRED, AlertState.RESOLVED): Reason.RECOVERED,
    (Cause.ADDED, AlertState.PENDING): _SEND,
    (Cause.ADDED, AlertState.HANDLING): _SEND,
    (Cause.ADDED, AlertState.RESOLVED): Reason.RECOVERED,
    (Cause.REPEATED, AlertState.PENDING): _SEND,
    (Cause.REPEATED, AlertState.HANDLING): Reason.CLAIMED,
    (Cause.REPEATED, AlertState.RESOLVED): Reason.RECOVERED,
    (Cause.ESCALATED, AlertState.PENDING): _SEND,
    (Cause.ESCALATED, AlertState.HANDLING): Reason.CLAIMED,
    (Cause.ESCALATED, AlertState.RESOLVED): Reason.RECOVERED,
    (Cause.ASSIGNED, AlertState.PENDING): _SEND,
    (Cause.ASSIGNED, AlertState.HANDLING): Reason.CLAIMED,
    (Cause.ASSIGNED, AlertState.RESOLVED): Reason.RECOVERED,
    (Cause.RECOVERED, AlertState.PENDING): Reason.SUPERSEDED,
    (Cause.RECOVERED, AlertState.HANDLING): Reason.SUPERSEDED,
    (Cause.RECOVERED, AlertState.RESOLVED): _SEND,
}
"""Looked up at the moment of sending: None sends, a reason skips. Published in docs/delivery-states.md."""


def why_not_now(
    cause: Cause,
    alert_state: AlertState,
    *,
    firing_was_sent: bool,
    reaches_claimed: bool = False,
    is_muted: bool = False,
) -> Reason | None:
    """The table, and its footnotes: a recovery is told only to whom the firing was told; a step of an escalation that
    waits for the resolution goes out although somebody has claimed the alert; of a muted alert nothing goes out.
    """
    reason = SEND_TABLE[cause, alert_state]
    if is_muted and alert_state is not AlertState.RESOLVED:
        return Reason.MUTED
    if reason is Reason.CLAIMED and reaches_claimed:
        return None
    if reason is None and cause is Cause.RECOVERED and not firing_was_sent:
        return Reason.FIRING_NEVER_SENT
    return reason


MAX_TRIES = 6
MAX_MAIL_TRIES = 16
"""Mail waits for a server that is away for an hour; by then it is told only what the table above still lets out."""
MAX_CALL_TRIES = 3
"""A call that cannot be placed gives way to its fallback within half a minute."""
MAX_AMBIGUOUS_TRIES = 2
_BACKOFF = (5.0, 15.0, 45.0, 120.0, 300.0)
MAX_HELD_CALL = timedelta(seconds=60)
"""A limit may hold a call this long; then it counts as failed and its fallback follows. A vendor that asks for a longer
pause gives way to another account.
"""
_GREYLISTED_TRIES = 3
"""Mail that is wanted later is, in a few minutes, from the same server; whoever still says so means something else."""
_PAUSING = (Outcome.RATE_LIMITED, Outcome.TRANSIENT)
CALL_AGAIN_AFTER = timedelta(seconds=60)
CALLS_MERGE_WITHIN = timedelta(seconds=60)
UNKNOWN_CALL_WITHIN = timedelta(seconds=60)
"""How long a call whose placing is in doubt may still show that it rang; it is not placed twice."""
ASKED_AFTER = 2 / 3
"""The part of a receipt's time after which it is asked for."""
UNKNOWN_ASKED_AFTER = timedelta(seconds=10)


def most_tries(channel: Channel) -> int:
    if is_call(channel):
        return MAX_CALL_TRIES
    return MAX_MAIL_TRIES if channel is Channel.EMAIL else MAX_TRIES


def backoff(tries: int, random: Callable[[], float]) -> timedelta:
    """Pause after the given number of tries (1 and up): exponential, with jitter of a fifth either way."""
    seconds = _BACKOFF[min(tries, len(_BACKOFF)) - 1]
    return timedelta(seconds=seconds * (0.8 + 0.4 * random()))


@dataclass(frozen=True, slots=True)
class Next:
    """Where a delivery goes. `next_at` None: nothing more to do now. `is_final`: it ended, unless a receipt comes."""

    state: DeliveryState
    reason: Reason | None = None
    next_at: datetime | None = None
    deadline_at: datetime | None = None
    ask_at: datetime | None = None
    """When the provider is asked, if no receipt has come by then."""
    gives_up_account: bool = False

    @property
    def is_final(self) -> bool:
        return self.next_at is None and self.deadline_at is None and self.state is not DeliveryState.SENDING


def after_attempt(
    result: SendResult,
    *,
    channel: Channel,
    capabilities: Capabilities,
    tries: int,
    has_other_account: bool,
    may_repeat_ambiguous: bool,
    now: datetime,
    random: Callable[[], float],
    held_since: datetime | None = None,
) -> Next:
    """What follows one attempt. `tries` counts this one; `has_other_account` means one that was not tried yet;
    `held_since`: when a limit held it first.
    """
    max_tries = most_tries(channel)
    if result.retry_after is not None and result.outcome in _PAUSING and tries < max_tries:
        waited = now - held_since if held_since is not None and is_call(channel) else timedelta(0)
        if waited + result.retry_after >= MAX_HELD_CALL and has_other_account and channel is not Channel.EMAIL:
            return Next(DeliveryState.PLANNED, next_at=now, gives_up_account=True)
        if waited + result.retry_after > MAX_HELD_CALL and is_call(channel):
            return Next(DeliveryState.FAILED, Reason.HELD_TOO_LONG)
    match result.outcome:
        case Outcome.ACCEPTED if capabilities.accepted_is_delivered:
            return Next(DeliveryState.DELIVERED)
        case Outcome.ACCEPTED:
            within = capabilities.receipt_within
            if within is None:
                return Next(DeliveryState.ACCEPTED)
            ask_at = now + within * ASKED_AFTER if capabilities.can_be_asked else None
            return Next(DeliveryState.ACCEPTED, deadline_at=now + within, ask_at=ask_at)
        case Outcome.RATE_LIMITED if tries < max_tries:
            return Next(DeliveryState.HELD, next_at=now + (result.retry_after or backoff(tries, random)))
        case Outcome.TRANSIENT if tries < max_tries:
            is_greylisted = result.retry_after is not None and channel is Channel.EMAIL
            if has_other_account and tries >= (_GREYLISTED_TRIES if is_greylisted else 2):
                return Next(DeliveryState.PLANNED, next_at=now, gives_up_account=True)
            return Next(DeliveryState.PLANNED, next_at=now + (result.retry_after or backoff(tries, random)))
        case Outcome.PERMANENT_CONFIG if has_other_account and tries < MAX_TRIES:
            return Next(DeliveryState.PLANNED, next_at=now, gives_up_account=True)
        case Outcome.AMBIGUOUS if is_call(channel):
            within = capabilities.receipt_within or UNKNOWN_CALL_WITHIN
            ask_at = now + UNKNOWN_ASKED_AFTER if capabilities.can_be_asked else None
            return Next(DeliveryState.AMBIGUOUS, Reason.OUTCOME_UNKNOWN, deadline_at=now + within, ask_at=ask_at)
        case Outcome.AMBIGUOUS:
            most = max_tries if capabilities.resend_is_safe else MAX_AMBIGUOUS_TRIES
            next_at = now + backoff(tries, random) if may_repeat_ambiguous and tries < most else None
            return Next(DeliveryState.AMBIGUOUS, Reason.OUTCOME_UNKNOWN, next_at=next_at)
        case Outcome.RATE_LIMITED | Outcome.TRANSIENT:
            return Next(DeliveryState.FAILED, Reason.TRIES_EXHAUSTED)
        case _:
            return Next(DeliveryState.FAILED, Reason.REFUSED)


_RECEIPT_MOVES: dict[ReceiptStatus, tuple[DeliveryState, Reason | None]] = {
    ReceiptStatus.DELIVERED: (DeliveryState.DELIVERED, None),
    ReceiptStatus.ANSWERED: (DeliveryState.DELIVERED, None),
    ReceiptStatus.KEY_PRESSED: (DeliveryState.DELIVERED, None),
    ReceiptStatus.FAILED: (DeliveryState.FAILED, Reason.UNDELIVERED),
    ReceiptStatus.BOUNCED: (DeliveryState.FAILED, Reason.BOUNCED),
    ReceiptStatus.BUSY: (DeliveryState.FAILED, Reason.BUSY),
    ReceiptStatus.NO_ANSWER: (DeliveryState.FAILED, Reason.NO_ANSWER),
    ReceiptStatus.REJECTED: (DeliveryState.FAILED, Reason.REJECTED),
    ReceiptStatus.UNREACHABLE: (DeliveryState.FAILED, Reason.UNREACHABLE),
    ReceiptStatus.MACHINE: (DeliveryState.FAILED, Reason.MACHINE),
}
_TRIED_AGAIN = (DeliveryState.PLANNED, DeliveryState.HELD)


def after_receipt(
    state: DeliveryState, status: ReceiptStatus, *, machine_answers: bool = False
) -> tuple[DeliveryState, Reason | None] | None:
    """Where a receipt takes a delivery, or None when it changes nothing: late, doubled, reordered, or only progress.

    `machine_answers`: whoever lets a machine answer is counted as reached. Of what is about to be tried again only a
    success counts: the vendor took a try that it had seemed to refuse.
    """
    if status is ReceiptStatus.MACHINE and machine_answers:
        status = ReceiptStatus.ANSWERED
    move = _RECEIPT_MOVES.get(status)
    if move is None or move[0] not in LEGAL_MOVES[state]:
        return None
    if state in _TRIED_AGAIN and move[0] is DeliveryState.FAILED:
        return None
    return move


def is_call(channel: str) -> bool:
    return channel == Channel.PHONE
