"""What follows attempts and receipts, and what is re-checked before a send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.alerts.rules import AlertState
from tocsin.channels.base import Capabilities, Outcome, ReceiptStatus, SendResult
from tocsin.channels.kinds import Channel
from tocsin.delivery.rules import LEGAL_MOVES, REASON_TEXTS, Cause, DeliveryState, Reason
from tocsin.delivery.rules.sending import (
    MAX_CALL_TRIES,
    MAX_MAIL_TRIES,
    MAX_TRIES,
    SEND_TABLE,
    Next,
    after_attempt,
    after_receipt,
    backoff,
    why_not_now,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def follow(
    outcome: Outcome,
    *,
    channel: Channel = Channel.EMAIL,
    tries: int = 1,
    other: bool = False,
    repeat: bool = True,
    retry_after: timedelta | None = None,
    held_since: datetime | None = None,
    capabilities: Capabilities | None = None,
) -> Next:
    return after_attempt(
        SendResult(outcome, retry_after=retry_after),
        channel=channel,
        capabilities=capabilities or Capabilities(),
        tries=tries,
        has_other_account=other,
        may_repeat_ambiguous=repeat,
        now=NOW,
        random=lambda: 0.5,
        held_since=held_since,
    )


def test_the_table_answers_for_every_cause_and_state() -> None:
    assert set(SEND_TABLE) == {(cause, state) for cause in Cause for state in AlertState}


def test_every_reason_can_be_said_to_people() -> None:
    assert set(REASON_TEXTS) == set(Reason)


def test_every_state_has_its_legal_moves_and_none_leads_back_to_itself() -> None:
    assert set(LEGAL_MOVES) == set(DeliveryState)
    assert not [state for state, moves in LEGAL_MOVES.items() if state in moves]


def test_what_fired_is_not_sent_once_somebody_claimed_it() -> None:
    assert why_not_now(Cause.FIRED, AlertState.HANDLING, firing_was_sent=False) is Reason.CLAIMED


def test_what_fired_is_not_sent_once_it_recovered() -> None:
    assert why_not_now(Cause.FIRED, AlertState.RESOLVED, firing_was_sent=False) is Reason.RECOVERED


def test_new_events_are_told_even_while_somebody_handles_the_alert() -> None:
    assert why_not_now(Cause.ADDED, AlertState.HANDLING, firing_was_sent=True) is None


def test_a_recovery_is_told_only_to_whom_the_firing_was_told() -> None:
    assert why_not_now(Cause.RECOVERED, AlertState.RESOLVED, firing_was_sent=True) is None
    assert why_not_now(Cause.RECOVERED, AlertState.RESOLVED, firing_was_sent=False) is Reason.FIRING_NEVER_SENT


def test_a_recovery_is_out_of_date_when_the_alert_fires_again() -> None:
    assert why_not_now(Cause.RECOVERED, AlertState.PENDING, firing_was_sent=True) is Reason.SUPERSEDED


def test_an_accepted_message_waits_for_its_receipt_until_the_deadline() -> None:
    within = Capabilities(has_receipts=True, receipt_within=timedelta(seconds=30))

    following = follow(Outcome.ACCEPTED, channel=Channel.PHONE, capabilities=within)

    assert following == Next(DeliveryState.ACCEPTED, deadline_at=NOW + timedelta(seconds=30))
    assert not following.is_final


def test_acceptance_by_a_robot_is_delivery() -> None:
    following = follow(
        Outcome.ACCEPTED, channel=Channel.DINGTALK, capabilities=Capabilities(accepted_is_delivered=True)
    )

    assert following == Next(DeliveryState.DELIVERED)


@pytest.mark.parametrize(("tries", "seconds"), [(1, 5), (2, 15), (3, 45), (4, 120), (5, 300)])
def test_a_passing_fault_is_tried_again_with_growing_pauses(tries: int, seconds: int) -> None:
    assert follow(Outcome.TRANSIENT, tries=tries) == Next(
        DeliveryState.PLANNED, next_at=NOW + timedelta(seconds=seconds)
    )


def test_pauses_vary_by_a_fifth() -> None:
    assert backoff(1, lambda: 0.0) == timedelta(seconds=4)
    assert backoff(1, lambda: 1.0) == timedelta(seconds=6)
    assert backoff(99, lambda: 0.5) == timedelta(seconds=300)


def test_the_last_try_fails_for_good() -> None:
    exhausted = follow(Outcome.TRANSIENT, channel=Channel.SMS, tries=MAX_TRIES)

    assert exhausted == Next(DeliveryState.FAILED, Reason.TRIES_EXHAUSTED)


def test_mail_is_tried_for_an_hour() -> None:
    pauses = [backoff(tries, lambda: 0.5) for tries in range(1, MAX_MAIL_TRIES)]

    assert timedelta(minutes=55) < sum(pauses, timedelta()) < timedelta(minutes=65)
    assert follow(Outcome.TRANSIENT, channel=Channel.EMAIL, tries=MAX_MAIL_TRIES - 1).next_at is not None
    assert follow(Outcome.TRANSIENT, channel=Channel.EMAIL, tries=MAX_MAIL_TRIES) == Next(
        DeliveryState.FAILED, Reason.TRIES_EXHAUSTED
    )


def test_a_call_gives_way_to_its_fallback_after_three_tries() -> None:
    assert follow(Outcome.TRANSIENT, channel=Channel.PHONE, tries=MAX_CALL_TRIES) == Next(
        DeliveryState.FAILED, Reason.TRIES_EXHAUSTED
    )


def test_a_broken_account_gives_way_to_the_next_one_at_once() -> None:
    assert follow(Outcome.PERMANENT_CONFIG, other=True) == Next(
        DeliveryState.PLANNED, next_at=NOW, gives_up_account=True
    )


def test_broken_accounts_give_way_to_others_no_more_often_than_anything_is_tried() -> None:
    assert follow(Outcome.PERMANENT_CONFIG, other=True, tries=MAX_TRIES) == Next(DeliveryState.FAILED, Reason.REFUSED)


def test_a_broken_account_without_another_one_is_a_failure() -> None:
    assert follow(Outcome.PERMANENT_CONFIG) == Next(DeliveryState.FAILED, Reason.REFUSED)


def test_a_dead_address_fails_whatever_other_accounts_there_are() -> None:
    assert follow(Outcome.PERMANENT_TARGET, other=True) == Next(DeliveryState.FAILED, Reason.REFUSED)


def test_a_second_passing_fault_moves_on_to_another_account() -> None:
    assert follow(Outcome.TRANSIENT, tries=2, other=True) == Next(
        DeliveryState.PLANNED, next_at=NOW, gives_up_account=True
    )


def test_too_fast_waits_as_long_as_the_vendor_says() -> None:
    assert follow(Outcome.RATE_LIMITED, retry_after=timedelta(minutes=10)) == Next(
        DeliveryState.HELD, next_at=NOW + timedelta(minutes=10)
    )


def test_a_pause_that_holds_a_call_too_long_gives_way_to_another_account_or_to_its_fallback() -> None:
    """An operator who asks for ten minutes, by 429 or by 503, shall not keep a page waiting for them."""
    long = timedelta(minutes=10)

    for outcome in (Outcome.RATE_LIMITED, Outcome.TRANSIENT):
        alone = follow(outcome, channel=Channel.PHONE, retry_after=long)
        with_another = follow(outcome, channel=Channel.PHONE, retry_after=long, other=True)
        assert alone == Next(DeliveryState.FAILED, Reason.HELD_TOO_LONG)
        assert with_another == Next(DeliveryState.PLANNED, next_at=NOW, gives_up_account=True)


def test_what_a_call_was_held_for_before_counts() -> None:
    half = timedelta(seconds=30)
    held_since = NOW - timedelta(seconds=40)

    assert follow(Outcome.RATE_LIMITED, channel=Channel.PHONE, retry_after=half) == Next(
        DeliveryState.HELD, next_at=NOW + half
    )
    assert follow(Outcome.RATE_LIMITED, channel=Channel.PHONE, retry_after=half, held_since=held_since) == Next(
        DeliveryState.FAILED, Reason.HELD_TOO_LONG
    )


def test_a_call_moves_on_to_another_account_however_short_the_pauses_are_that_are_asked_for() -> None:
    short = timedelta(seconds=5)

    first, second = (
        follow(Outcome.TRANSIENT, channel=Channel.PHONE, retry_after=short, other=True, tries=tries) for tries in (1, 2)
    )

    assert (first.next_at, first.gives_up_account) == (NOW + short, False)
    assert (second.next_at, second.gives_up_account) == (NOW, True)


def test_a_text_does_not_wait_long_where_another_account_carries_it() -> None:
    long = timedelta(minutes=10)

    assert follow(Outcome.RATE_LIMITED, channel=Channel.SMS, retry_after=long, other=True).gives_up_account
    assert follow(Outcome.RATE_LIMITED, channel=Channel.SMS, retry_after=long) == Next(
        DeliveryState.HELD, next_at=NOW + long
    )


def test_mail_waits_for_a_server_that_greylists_it_although_there_is_another_one() -> None:
    later = timedelta(minutes=5)

    assert follow(Outcome.TRANSIENT, retry_after=later, other=True, tries=2) == Next(
        DeliveryState.PLANNED, next_at=NOW + later
    )
    assert follow(Outcome.TRANSIENT, retry_after=later, other=True, tries=3).gives_up_account


def test_an_ambiguous_alert_is_sent_once_more() -> None:
    assert follow(Outcome.AMBIGUOUS, channel=Channel.SMS) == Next(
        DeliveryState.AMBIGUOUS, Reason.OUTCOME_UNKNOWN, next_at=NOW + timedelta(seconds=5)
    )
    assert follow(Outcome.AMBIGUOUS, channel=Channel.SMS, tries=2) == Next(
        DeliveryState.AMBIGUOUS, Reason.OUTCOME_UNKNOWN
    )


def test_a_call_whose_placing_is_in_doubt_is_not_placed_twice_but_waits_for_its_receipt() -> None:
    assert follow(Outcome.AMBIGUOUS, channel=Channel.PHONE) == Next(
        DeliveryState.AMBIGUOUS, Reason.OUTCOME_UNKNOWN, deadline_at=NOW + timedelta(seconds=60)
    )


def test_an_ambiguous_message_that_is_no_alert_is_left_alone() -> None:
    assert follow(Outcome.AMBIGUOUS, channel=Channel.SMS, repeat=False).next_at is None


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (ReceiptStatus.DELIVERED, DeliveryState.DELIVERED, None),
        (ReceiptStatus.ANSWERED, DeliveryState.DELIVERED, None),
        (ReceiptStatus.KEY_PRESSED, DeliveryState.DELIVERED, None),
        (ReceiptStatus.FAILED, DeliveryState.FAILED, Reason.UNDELIVERED),
        (ReceiptStatus.BUSY, DeliveryState.FAILED, Reason.BUSY),
        (ReceiptStatus.NO_ANSWER, DeliveryState.FAILED, Reason.NO_ANSWER),
        (ReceiptStatus.REJECTED, DeliveryState.FAILED, Reason.REJECTED),
        (ReceiptStatus.UNREACHABLE, DeliveryState.FAILED, Reason.UNREACHABLE),
        (ReceiptStatus.MACHINE, DeliveryState.FAILED, Reason.MACHINE),
    ],
)
@pytest.mark.parametrize("before", [DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.AMBIGUOUS])
def test_a_receipt_settles_what_is_under_way(
    before: DeliveryState, status: ReceiptStatus, state: DeliveryState, reason: Reason | None
) -> None:
    assert after_receipt(before, status) == (state, reason)


@pytest.mark.parametrize("before", [DeliveryState.PLANNED, DeliveryState.HELD])
def test_of_what_is_about_to_be_tried_again_only_a_success_counts(before: DeliveryState) -> None:
    """The vendor took a try that it had seemed to refuse."""
    assert after_receipt(before, ReceiptStatus.DELIVERED) == (DeliveryState.DELIVERED, None)
    assert after_receipt(before, ReceiptStatus.ANSWERED) == (DeliveryState.DELIVERED, None)
    assert after_receipt(before, ReceiptStatus.FAILED) is None
    assert after_receipt(before, ReceiptStatus.BUSY) is None


@pytest.mark.parametrize("status", list(ReceiptStatus))
def test_nothing_takes_a_delivered_message_back(status: ReceiptStatus) -> None:
    assert after_receipt(DeliveryState.DELIVERED, status) is None


def test_a_late_delivery_corrects_a_failure() -> None:
    assert after_receipt(DeliveryState.FAILED, ReceiptStatus.DELIVERED) == (DeliveryState.DELIVERED, None)
    assert after_receipt(DeliveryState.FAILED, ReceiptStatus.BUSY) is None


def test_progress_is_no_outcome() -> None:
    assert after_receipt(DeliveryState.ACCEPTED, ReceiptStatus.QUEUED) is None
