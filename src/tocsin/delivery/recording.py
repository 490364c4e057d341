"""The fifth step: what became of the sends, in one statement a batch."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from tocsin.channels.base import Outcome, SendResult
from tocsin.channels.services import Health, record_health
from tocsin.contacts.services import ReachEntry, VerificationSent, record_reach, record_verifications_sent
from tocsin.delivery.fallbacks import follow_failed_calls
from tocsin.delivery.lanes import block_lanes
from tocsin.delivery.models import Attempt
from tocsin.delivery.rules import DeliveryState, Purpose
from tocsin.delivery.rules.sending import Next, after_attempt
from tocsin.delivery.sending import Sent
from tocsin.delivery.services import apply_waiting_receipts

_DETAIL = 500


@dataclass(frozen=True, slots=True)
class _Recorded:
    sent: Sent
    next: Next


@transaction.atomic
def record(batch: Sequence[Sent], now: datetime) -> None:
    """Writes attempts and moves deliveries on. A row that moved meanwhile (a receipt was faster) keeps its state."""
    if not batch:
        return
    batch = sorted(batch, key=lambda sent: sent.claim.delivery_id)
    recorded = [_Recorded(sent, _what_follows(sent, now)) for sent in batch]
    Attempt.objects.bulk_create([_attempt(sent) for sent in batch])
    moved = _move(recorded, now)
    blocked = {
        item.sent.claim.route.lane: item.next.next_at
        for item in recorded
        if item.sent.result.outcome is Outcome.RATE_LIMITED and item.sent.claim.route.lane and item.next.next_at
    }
    block_lanes(blocked)
    with_ids = [item.sent.claim.delivery_id for item in recorded if item.sent.result.provider_id]
    if with_ids:
        apply_waiting_receipts(with_ids, now)
    record_health(_health(batch))
    record_verifications_sent(entries=_verifications_sent(batch))
    record_reach(entries=_reach([item for item in recorded if item.sent.claim.delivery_id in moved], now))
    failed = [
        item.sent.claim.delivery_id
        for item in recorded
        if item.sent.claim.delivery_id in moved and _has_failed(item.next)
    ]
    follow_failed_calls(failed, now)


def _has_failed(following: Next) -> bool:
    return following.is_final and following.state in (DeliveryState.FAILED, DeliveryState.AMBIGUOUS)


def _what_follows(sent: Sent, now: datetime) -> Next:
    claim = sent.claim
    return after_attempt(
        sent.result,
        channel=claim.channel,
        capabilities=claim.route.capabilities,
        tries=claim.attempt,
        has_other_account=claim.has_other_account,
        may_repeat_ambiguous=claim.purpose is Purpose.ALERT,
        now=now,
        random=random.random,
    )


def _attempt(sent: Sent) -> Attempt:
    return Attempt(
        delivery_id=sent.claim.delivery_id,
        number=sent.claim.attempt,
        account_name=sent.claim.route.name,
        started_at=sent.claim.started_at,
        finished_at=max(sent.finished_at, sent.claim.started_at),
        outcome=sent.result.outcome,
        code=sent.result.code[:64],
        detail=sent.result.detail[:_DETAIL],
        provider_id=sent.result.provider_id[:128],
    )


def _move(recorded: Sequence[_Recorded], now: datetime) -> set[int]:
    """Returns the ids that moved."""
    columns = list(zip(*(_values(item, now) for item in recorded), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_delivery d
            SET state = u.state, reason = u.reason, detail = u.detail, next_at = u.next_at,
                deadline_at = u.deadline_at, provider_id = u.provider_id, worker_id = NULL,
                tried_accounts = u.tried_accounts::jsonb,
                accepted_at = CASE WHEN u.state IN ('accepted', 'delivered') THEN u.now ELSE d.accepted_at END,
                finished_at = CASE WHEN u.is_final THEN u.now END,
                held_since = CASE WHEN u.state = 'held' THEN coalesce(d.held_since, u.now) ELSE d.held_since END
            FROM (SELECT * FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[],
                                       %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[], %s::bool[],
                                       %s::timestamptz[])
                  AS x(id, attempt, state, reason, detail, next_at, deadline_at, provider_id, tried_accounts, is_final,
                       now)) u
            WHERE d.id = u.id AND d.attempt_count = u.attempt AND d.state IN ('sending', 'ambiguous')
            RETURNING d.id
            """,
            [list(column) for column in columns],
        )
        moved = {pk for (pk,) in cursor.fetchall()}
        late = [item for item in recorded if item.sent.claim.delivery_id not in moved]
        if late:
            cursor.execute(
                """
                UPDATE delivery_delivery d SET provider_id = u.provider_id
                FROM unnest(%s::bigint[], %s::text[]) AS u(id, provider_id)
                WHERE d.id = u.id AND d.provider_id = ''
                """,
                [
                    [item.sent.claim.delivery_id for item in late],
                    [item.sent.result.provider_id[:128] for item in late],
                ],
            )
    return moved


def _values(item: _Recorded, now: datetime) -> tuple[object, ...]:
    claim, result, following = item.sent.claim, item.sent.result, item.next
    tried = claim.tried_accounts
    if following.gives_up_account and claim.route.account_id is not None:
        tried = (*tried, claim.route.account_id)
    return (
        claim.delivery_id,
        claim.attempt,
        following.state.value,
        following.reason.value if following.reason else "",
        "" if result.outcome is Outcome.ACCEPTED else _sentence(result),
        following.next_at,
        following.deadline_at,
        result.provider_id[:128],
        json.dumps(list(tried)),
        following.is_final,
        now,
    )


def _sentence(result: SendResult) -> str:
    return (f"{result.code}: {result.detail}" if result.code else result.detail)[:_DETAIL]


def _health(batch: Sequence[Sent]) -> list[Health]:
    """The last word of each account in this batch."""
    last: dict[int, Health] = {}
    for sent in batch:
        account_id, outcome = sent.claim.route.account_id, sent.result.outcome
        if account_id is None or outcome is Outcome.PERMANENT_TARGET:
            continue
        if outcome is Outcome.ACCEPTED:
            last[account_id] = Health(account_id, accepted_at=sent.finished_at)
        else:
            last[account_id] = Health(account_id, failed_at=sent.finished_at, failure=_sentence(sent.result))
    return list(last.values())


def _verifications_sent(batch: Sequence[Sent]) -> list[VerificationSent]:
    return [
        VerificationSent(sent.claim.verification_id, sent.finished_at, sent.claim.route.name)
        for sent in batch
        if sent.claim.verification_id is not None and sent.result.outcome is Outcome.ACCEPTED
    ]


def _reach(moved: Sequence[_Recorded], now: datetime) -> list[ReachEntry]:
    entries = []
    for item in moved:
        claim = item.sent.claim
        if claim.route.key[0] != "a":
            continue
        if item.next.state is DeliveryState.DELIVERED:
            entries.append(ReachEntry(claim.recipient_id, claim.channel, delivered_at=now))
        elif _has_failed(item.next):
            entries.append(
                ReachEntry(claim.recipient_id, claim.channel, failed_at=now, failure=_sentence(item.sent.result))
            )
    return entries
