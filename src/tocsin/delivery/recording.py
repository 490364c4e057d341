"""The fifth step: what became of the sends, in one statement a batch."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from datetime import datetime

from tocsin.channels.base import Outcome
from tocsin.channels.health import Health, record_health
from tocsin.channels.kinds import Channel
from tocsin.channels.rules import Fault
from tocsin.contacts.services import (
    OutletReach,
    ReachEntry,
    VerificationSent,
    hold_contacts,
    record_outlet_reach,
    record_reach,
    record_verifications_sent,
)
from tocsin.core.traces import about
from tocsin.delivery.fallbacks import follow_failed_calls
from tocsin.delivery.lanes import block_lanes
from tocsin.delivery.outcome_rows import Recorded, write_outcomes, write_parts
from tocsin.delivery.postings import keep_postings
from tocsin.delivery.receipts import apply_waiting_receipts, wait_for_storing
from tocsin.delivery.reports import record_reports
from tocsin.delivery.rules import DeliveryState, Purpose
from tocsin.delivery.rules.sending import Next, after_attempt
from tocsin.delivery.sending import Sent
from tocsin.delivery.tallies import tally_outcomes
from tocsin.events.retrying import in_transaction

logger = logging.getLogger(__name__)

_FAULTS = {
    Outcome.PERMANENT_CONFIG: Fault.SETUP,
    Outcome.TRANSIENT: Fault.UNWELL,
    Outcome.AMBIGUOUS: Fault.UNWELL,
}


def record(batch: Sequence[Sent], now: datetime) -> None:
    """Writes attempts and moves deliveries on. A row that moved meanwhile (a receipt was faster) keeps its state.

    May be called again with the same batch when it is in doubt whether it was committed.
    """
    if not batch:
        return
    in_order = sorted(batch, key=lambda sent: sent.claim.delivery_id)
    recorded = [Recorded(sent, _what_follows(sent, now)) for sent in in_order]
    _log(recorded, in_transaction(lambda: _record(recorded, now)))
    # Apart: every batch of an account has this row in common, and no batch shall wait for another one's commit.
    record_health(_health(recorded), now)
    record_reports(
        [
            (item.route.account_id, told)
            for item in recorded
            for told in item.sent.receipts
            if item.route.account_id is not None
        ],
        now,
    )


def _log(recorded: Sequence[Recorded], alerts: Mapping[int, int]) -> None:
    """One line for all that a provider took, one for each that none took."""
    taken = [item.claim.delivery_id for item in recorded if item.is_accepted]
    if taken:
        about_alerts = {alerts[pk] for pk in taken if pk in alerts}
        logger.info("messages were handed over", extra=about(delivery_ids=taken, alert_ids=about_alerts))
    for item in recorded:
        if not item.is_accepted:
            said = {
                "delivery_id": item.claim.delivery_id, "alert_id": alerts.get(item.claim.delivery_id),
                "channel": item.claim.channel.value, "outcome": item.result.outcome.value, "code": item.result.code,
            }  # fmt: skip
            logger.info("a message was not handed over", extra=said)


def _record(recorded: Sequence[Recorded], now: datetime) -> dict[int, int]:
    """Returns delivery -> alert, of those that moved."""
    named = [item for item in recorded if item.result.provider_id]
    wait_for_storing({item.route.account_id for item in named})
    moved_ids = write_outcomes(recorded, now)
    write_parts(recorded)
    moved = [item for item in recorded if item.claim.delivery_id in moved_ids]
    keep_postings([item.claim.delivery_id for item in moved if _can_be_updated(item)], now)
    reporting = {pk for item in named if item.route.provider.reports and (pk := item.route.account_id) is not None}
    reach = apply_waiting_receipts([item.claim.delivery_id for item in named], now, with_readings=reporting)
    _tell_contacts([*reach, *_reach(moved, now)], recorded)
    record_outlet_reach(entries=_outlets(recorded))
    follow_failed_calls([item.claim.delivery_id for item in moved if _has_failed(item.next)], now)
    alerts = tally_outcomes(moved)
    block_lanes(_blocked(recorded, now))
    return alerts


def _tell_contacts(reach: Sequence[ReachEntry], recorded: Sequence[Recorded]) -> None:
    """What the batch proves about its contacts, and how their verifications left."""
    if verifications := [item for item in recorded if item.claim.verification_id is not None and item.is_accepted]:
        hold_contacts(ids={item.claim.recipient_id for item in verifications} | {entry.contact_id for entry in reach})
        record_verifications_sent(
            entries=[
                VerificationSent(item.claim.verification_id or 0, item.sent.finished_at, item.claim.route.name)
                for item in verifications
            ]
        )
    record_reach(entries=reach)


def _can_be_updated(item: Recorded) -> bool:
    is_posted = item.is_accepted and bool(item.provider_id) and item.claim.purpose is Purpose.ALERT
    return is_posted and item.route.capabilities.can_update


def _has_failed(following: Next) -> bool:
    return following.is_final and following.state in (DeliveryState.FAILED, DeliveryState.AMBIGUOUS)


def _what_follows(sent: Sent, now: datetime) -> Next:
    claim = sent.claim
    return after_attempt(
        sent.result,
        channel=claim.channel,
        capabilities=(sent.via or claim.route).capabilities,
        tries=claim.attempt,
        has_other_account=claim.has_other_account,
        may_repeat_ambiguous=claim.purpose is Purpose.ALERT,
        now=now,
        random=random.random,
        held_since=claim.held_since,
    )


def _blocked(recorded: Sequence[Recorded], now: datetime) -> dict[str, datetime]:
    """Lane -> until when its vendor wants nothing more, whatever becomes of the message that was told so."""
    until: dict[str, datetime] = {}
    for item in recorded:
        lane, pause = item.claim.route.lane, item.result.retry_after
        opens_at = now + pause if pause is not None else item.next.next_at
        if item.result.outcome is Outcome.RATE_LIMITED and lane and opens_at:
            until[lane] = max(until.get(lane, opens_at), opens_at)
    return until


def _health(recorded: Sequence[Recorded]) -> list[Health]:
    """The last word of each account in this batch, and what went wrong after its last success.

    What is about one message or one number says nothing of the account.
    """
    last: dict[int, Health] = {}
    for item in sorted(recorded, key=lambda item: item.sent.finished_at):
        account_id, finished_at = item.claim.route.account_id, item.sent.finished_at
        if account_id is None or item.sent.via is not None or item.result.is_about_message:
            continue
        if item.result.outcome is Outcome.PERMANENT_TARGET:
            continue
        before = last.get(account_id, Health(account_id))
        if item.is_accepted:
            last[account_id] = Health(account_id, accepted_at=finished_at)
            continue
        fault = _FAULTS.get(item.result.outcome)
        last[account_id] = Health(
            account_id,
            accepted_at=before.accepted_at,
            failed_at=finished_at,
            failure=item.sentence,
            fault=Fault.SETUP if before.fault is Fault.SETUP else fault or before.fault,
            failures=before.failures + (fault is not None),
            started_at=item.claim.started_at if fault is not None else before.started_at,
        )
    return list(last.values())


def _outlets(recorded: Sequence[Recorded]) -> list[OutletReach]:
    """What each try showed of a robot or webhook, also one that is made again."""
    return [
        OutletReach(item.claim.recipient_id, delivered_at=item.sent.finished_at)
        if item.is_accepted
        else OutletReach(item.claim.recipient_id, failed_at=item.sent.finished_at, failure=item.sentence)
        for item in recorded
        if item.claim.route.is_outlet
    ]


def _reach(moved: Sequence[Recorded], now: datetime) -> list[ReachEntry]:
    entries = []
    for item in moved:
        claim = item.claim
        if claim.route.account_id is None or claim.route.is_outlet:
            continue
        if item.next.state is DeliveryState.DELIVERED:
            entries.append(ReachEntry(claim.recipient_id, claim.channel, delivered_at=now))
        elif _has_failed(item.next):
            is_gone = item.result.outcome is Outcome.PERMANENT_TARGET and claim.channel is Channel.EMAIL
            bounced_at = now if is_gone and claim.purpose is not Purpose.NOTICE else None
            entries.append(ReachEntry(claim.recipient_id, claim.channel, None, now, item.sentence, bounced_at))
    return entries
