"""The statement of recording: a batch is one JSON document, and its deliveries are locked by id before they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from tocsin.channels.base import Outcome, SendResult
from tocsin.core.storable import storable
from tocsin.delivery.addressing import Route
from tocsin.delivery.claiming import Claimed
from tocsin.delivery.rules import DeliveryState, Reason
from tocsin.delivery.rules.sending import Next
from tocsin.delivery.rules.told import CODED
from tocsin.delivery.sending import Sent
from tocsin.events.statements import execute, run

_DETAIL = 500

# A delivery that was claimed again since, or whose receipt was faster, keeps its state. Recording is tried again when
# it is in doubt whether it was committed: the same attempt is written once. An account that was deleted while it sent
# has left its deliveries, and stays gone.
_RECORD = """
WITH told AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s) AS x (
        id bigint, attempt smallint, state text, reason text, problem text, next_at timestamptz,
        deadline_at timestamptz, ask_at timestamptz, account_id bigint, passed_over text, tried_accounts jsonb,
        is_final bool, account_name text, started_at timestamptz,
        finished_at timestamptz, outcome text, code text, detail text, provider_id text
    )
), locked AS (
    SELECT id FROM delivery_delivery WHERE id IN (SELECT id FROM told) ORDER BY id FOR NO KEY UPDATE
), kept AS (
    INSERT INTO delivery_attempt (delivery_id, number, account_name, started_at, finished_at, outcome, code, detail,
                                  provider_id, passed_over)
    SELECT u.id, u.attempt, u.account_name, u.started_at, u.finished_at, u.outcome, u.code, u.detail, u.provider_id,
           u.passed_over
    FROM told u JOIN locked USING (id)
    WHERE NOT EXISTS (SELECT FROM delivery_attempt a WHERE a.delivery_id = u.id AND a.number = u.attempt
                      AND a.finished_at = u.finished_at)
    ORDER BY u.id
)
UPDATE delivery_delivery d
SET state = u.state, reason = u.reason, detail = u.problem, next_at = u.next_at, deadline_at = u.deadline_at,
    ask_at = u.ask_at, account_id = CASE WHEN d.account_id IS NOT NULL THEN u.account_id END,
    provider_id = u.provider_id, worker_id = NULL, tried_accounts = u.tried_accounts,
    accepted_at = CASE WHEN u.state IN ('accepted', 'delivered') THEN %(now)s ELSE d.accepted_at END,
    finished_at = CASE WHEN u.is_final THEN %(now)s END,
    held_since = CASE WHEN u.state = 'held' THEN coalesce(d.held_since, %(now)s) ELSE d.held_since END
FROM told u JOIN locked USING (id)
WHERE d.id = u.id AND d.attempt_count = u.attempt AND d.state IN ('sending', 'ambiguous')
RETURNING d.id
"""
_IDENTIFY = """
UPDATE delivery_delivery d SET provider_id = u.provider_id
FROM unnest(%s::bigint[], %s::text[]) AS u(id, provider_id) WHERE d.id = u.id AND d.provider_id = ''
"""

# An id that a vendor gives again belongs to the newer message.
_WRITE_PARTS = """
INSERT INTO delivery_part (account_id, provider_id, delivery_id, first_id)
SELECT u.* FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[])
     AS u(account_id, provider_id, delivery_id, first_id)
WHERE EXISTS (SELECT FROM channels_provideraccount a WHERE a.id = u.account_id)
ORDER BY u.account_id, u.provider_id
ON CONFLICT (account_id, provider_id) DO UPDATE SET delivery_id = excluded.delivery_id, first_id = excluded.first_id
"""
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True)
class Recorded:
    """A send and where its delivery goes."""

    sent: Sent
    next: Next

    @property
    def claim(self) -> Claimed:
        return self.sent.claim

    @property
    def route(self) -> Route:
        """What carried it: another one than was meant, where an earlier try had been taken after all."""
        return self.sent.via or self.sent.claim.route

    @property
    def result(self) -> SendResult:
        return self.sent.result

    @property
    def is_accepted(self) -> bool:
        return self.result.outcome is Outcome.ACCEPTED

    @property
    def sentence(self) -> str:
        """What went wrong, for people."""
        result = self.result
        text = CODED % {"code": result.code, "detail": result.detail} if result.code else result.detail
        return storable(text, _DETAIL)

    @property
    def provider_id(self) -> str:
        return storable(self.result.provider_id, _LONGEST_ID)


class _Row(msgspec.Struct, frozen=True):
    """The delivery as it becomes, and the attempt that made it so (from `account_name` on)."""

    id: int
    attempt: int
    state: DeliveryState
    reason: Reason | str
    problem: str
    next_at: datetime | None
    deadline_at: datetime | None
    ask_at: datetime | None
    account_id: int | None
    passed_over: str
    tried_accounts: tuple[int, ...]
    is_final: bool
    account_name: str
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    code: str
    detail: str
    provider_id: str


def write_outcomes(recorded: Sequence[Recorded], now: datetime) -> set[int]:
    """Keeps every attempt and moves the deliveries; returns the ids that moved.

    The others keep their state and learn the vendor's id.
    """
    rows = msgspec.json.encode([_row(item) for item in recorded]).decode()
    moved = {pk for (pk,) in execute(_RECORD, {"rows": rows, "now": now})}
    late = [item for item in recorded if item.claim.delivery_id not in moved and item.result.provider_id]
    if late:
        run(_IDENTIFY, [[item.claim.delivery_id for item in late], [item.provider_id for item in late]])
    return moved


def write_parts(recorded: Sequence[Recorded]) -> None:
    """Of what was sent in more than one."""
    rows = {
        (item.route.account_id, storable(part, _LONGEST_ID)): (item.claim.delivery_id, item.provider_id)
        for item in recorded
        if len(item.result.part_ids) > 1 and item.route.account_id is not None
        for part in item.result.part_ids
    }
    if rows:
        accounts, ids = zip(*rows, strict=True)
        deliveries, firsts = zip(*rows.values(), strict=True)
        run(_WRITE_PARTS, [list(accounts), list(ids), list(deliveries), list(firsts)])


def _row(item: Recorded) -> _Row:
    claim, result, following = item.claim, item.result, item.next
    tried = claim.tried_accounts
    if following.gives_up_account and claim.route.account_id is not None:
        tried = (*tried, claim.route.account_id)
    return _Row(
        id=claim.delivery_id,
        attempt=claim.attempt,
        state=following.state,
        reason=following.reason or "",
        problem="" if item.is_accepted else item.sentence,
        next_at=following.next_at,
        deadline_at=following.deadline_at,
        ask_at=following.ask_at,
        account_id=item.route.account_id,
        passed_over=storable(claim.passed_over, _DETAIL),
        tried_accounts=tried,
        is_final=following.is_final,
        account_name=item.route.name,
        started_at=claim.started_at,
        finished_at=max(item.sent.finished_at, claim.started_at),
        outcome=result.outcome,
        code=storable(result.code, 64),
        detail=storable(result.detail, _DETAIL),
        provider_id=item.provider_id,
    )
