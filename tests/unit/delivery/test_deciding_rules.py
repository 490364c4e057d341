"""What an alert needs when it is due."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from tocsin.alerts.rules import AlertState
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.deciding import AlertFacts, Decision, decide

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=5)
FIRING = AlertFacts(
    state=AlertState.PENDING, notified_at=None, active=2, fresh=2, is_policy_enabled=True, sends_recovery=True
)


def facts(**changes: object) -> AlertFacts:
    return dataclasses.replace(FIRING, **changes)  # type: ignore[arg-type] # names are checked by the dataclass


def test_a_new_alert_is_told() -> None:
    assert decide(facts(), NOW) == Decision(AlertState.PENDING, Cause.FIRED)


def test_what_recovers_within_the_group_wait_is_told_to_nobody() -> None:
    assert decide(facts(active=0, fresh=0), NOW) == Decision(AlertState.RESOLVED, None)


def test_new_events_are_added_news() -> None:
    assert decide(facts(notified_at=EARLIER, fresh=1), NOW) == Decision(AlertState.PENDING, Cause.ADDED)


def test_nothing_new_is_no_news() -> None:
    assert decide(facts(notified_at=EARLIER, fresh=0), NOW) == Decision(AlertState.PENDING, None)


def test_a_claimed_alert_stays_claimed_when_events_are_added() -> None:
    assert decide(facts(state=AlertState.HANDLING, notified_at=EARLIER), NOW) == Decision(
        AlertState.HANDLING, Cause.ADDED
    )


def test_when_the_last_event_recovers_so_does_the_alert() -> None:
    assert decide(facts(notified_at=EARLIER, active=0, fresh=0), NOW) == Decision(AlertState.RESOLVED, Cause.RECOVERED)


def test_no_recovery_notice_unless_the_policy_wants_it() -> None:
    assert decide(facts(notified_at=EARLIER, active=0, fresh=0, sends_recovery=False), NOW) == Decision(
        AlertState.RESOLVED, None
    )


def test_an_alert_that_was_resolved_by_hand_recovers_in_silence() -> None:
    assert decide(facts(state=AlertState.RESOLVED, notified_at=EARLIER, active=0), NOW) == Decision(
        AlertState.RESOLVED, None
    )


def test_an_alert_that_was_resolved_by_hand_and_still_fires_opens_again() -> None:
    assert decide(facts(state=AlertState.RESOLVED, notified_at=EARLIER, fresh=0), NOW) == Decision(
        AlertState.PENDING, Cause.REPEATED
    )


def test_a_disabled_policy_tells_nobody_and_is_looked_at_again() -> None:
    assert decide(facts(is_policy_enabled=False), NOW) == Decision(
        AlertState.PENDING, None, due_at=NOW + timedelta(minutes=1), keeps_asking=True
    )
    assert decide(facts(is_policy_enabled=False, notified_at=EARLIER, active=0), NOW) == Decision(
        AlertState.RESOLVED, None
    )


def test_what_was_resolved_by_hand_while_its_policy_is_disabled_is_looked_at_again() -> None:
    closed = facts(state=AlertState.RESOLVED, notified_at=EARLIER, fresh=0, is_policy_enabled=False)

    decision = decide(closed, NOW)

    assert (decision.state, decision.cause, decision.due_at) == (AlertState.RESOLVED, None, NOW + timedelta(minutes=1))


def test_what_nobody_claims_is_told_again_each_time_the_interval_is_over() -> None:
    repeats = facts(notified_at=EARLIER, fresh=0, repeat_every=timedelta(minutes=10))

    assert decide(repeats, NOW) == Decision(AlertState.PENDING, None, due_at=NOW + timedelta(minutes=5))
    due = NOW + timedelta(minutes=5)
    assert decide(repeats, due) == Decision(AlertState.PENDING, Cause.REPEATED, due_at=due + timedelta(minutes=10))


def test_nothing_is_repeated_before_the_hours_begin_again() -> None:
    opens_at = NOW + timedelta(hours=13)
    repeats = facts(notified_at=EARLIER, fresh=0, repeat_every=timedelta(minutes=5), opens_at=opens_at)

    assert decide(repeats, NOW) == Decision(AlertState.PENDING, None, due_at=opens_at)


def test_a_worker_that_was_away_for_hours_repeats_once() -> None:
    repeats = facts(notified_at=NOW - timedelta(hours=2), fresh=0, repeat_every=timedelta(minutes=10))

    assert decide(repeats, NOW) == Decision(AlertState.PENDING, Cause.REPEATED, due_at=NOW + timedelta(minutes=10))


def test_a_claim_stops_repeats() -> None:
    claimed = facts(
        state=AlertState.HANDLING, notified_at=NOW - timedelta(hours=2), fresh=0, repeat_every=timedelta(minutes=10)
    )

    assert decide(claimed, NOW) == Decision(AlertState.HANDLING, None, due_at=None)


def test_the_first_message_and_new_events_begin_the_interval() -> None:
    every = timedelta(minutes=10)

    assert decide(facts(repeat_every=every), NOW).due_at == NOW + every
    assert decide(facts(notified_at=EARLIER, fresh=1, repeat_every=every), NOW).due_at == NOW + every
