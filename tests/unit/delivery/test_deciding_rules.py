"""What an alert needs when it is due."""

from __future__ import annotations

import dataclasses

from tocsin.alerts.rules import AlertState
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.deciding import AlertFacts, Decision, decide

FIRING = AlertFacts(
    state=AlertState.PENDING, was_notified=False, active=2, fresh=2, is_policy_enabled=True, sends_recovery=True
)


def facts(**changes: object) -> AlertFacts:
    return dataclasses.replace(FIRING, **changes)  # type: ignore[arg-type] # names are checked by the dataclass


def test_a_new_alert_is_told() -> None:
    assert decide(facts()) == Decision(AlertState.PENDING, Cause.FIRED)


def test_what_recovers_within_the_group_wait_is_told_to_nobody() -> None:
    assert decide(facts(active=0, fresh=0)) == Decision(AlertState.RESOLVED, None)


def test_new_events_are_added_news() -> None:
    assert decide(facts(was_notified=True, fresh=1)) == Decision(AlertState.PENDING, Cause.ADDED)


def test_nothing_new_is_no_news() -> None:
    assert decide(facts(was_notified=True, fresh=0)) == Decision(AlertState.PENDING, None)


def test_a_claimed_alert_stays_claimed_when_events_are_added() -> None:
    assert decide(facts(state=AlertState.HANDLING, was_notified=True)) == Decision(AlertState.HANDLING, Cause.ADDED)


def test_when_the_last_event_recovers_so_does_the_alert() -> None:
    assert decide(facts(was_notified=True, active=0, fresh=0)) == Decision(AlertState.RESOLVED, Cause.RECOVERED)


def test_no_recovery_notice_unless_the_policy_wants_it() -> None:
    assert decide(facts(was_notified=True, active=0, fresh=0, sends_recovery=False)) == Decision(
        AlertState.RESOLVED, None
    )


def test_an_alert_that_was_resolved_by_hand_recovers_in_silence() -> None:
    assert decide(facts(state=AlertState.RESOLVED, was_notified=True, active=0)) == Decision(AlertState.RESOLVED, None)


def test_an_alert_that_was_resolved_by_hand_and_still_fires_opens_again() -> None:
    assert decide(facts(state=AlertState.RESOLVED, was_notified=True, fresh=0)) == Decision(
        AlertState.PENDING, Cause.REPEATED
    )


def test_a_disabled_policy_tells_nobody_and_is_looked_at_again() -> None:
    assert decide(facts(is_policy_enabled=False)) == Decision(AlertState.PENDING, None, looks_again=True)
    assert decide(facts(is_policy_enabled=False, was_notified=True, active=0)) == Decision(AlertState.RESOLVED, None)
