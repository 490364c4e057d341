"""The statements of recording. Deliveries are locked by id before they move."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.channels.base import Outcome, SendResult
from tocsin.core.storable import storable
from tocsin.delivery.claiming import Claimed
from tocsin.delivery.rules.sending import Next
from tocsin.delivery.sending import Sent
from tocsin.events.statements import execute, run

_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """A send and where its delivery goes."""

    sent: Sent
    next: Next

    @property
    def claim(self) -> Claimed:
        return self.sent.claim

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
        return storable(f"{result.code}: {result.detail}" if result.code else result.detail, _DETAIL)

    @property
    def provider_id(self) -> str:
        return storable(self.result.provider_id, 128)


# A delivery that was claimed again since, or whose receipt was faster, keeps its state.
_MOVE = """
WITH told AS (
    SELECT * FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[],
                         %s::timestamptz[], %s::text[], %s::text[], %s::bool[])
        AS x(id, attempt, state, reason, detail, next_at, deadline_at, provider_id, tried_accounts, is_final)
), locked AS (
    SELECT id FROM delivery_delivery WHERE id IN (SELECT id FROM told) ORDER BY id FOR NO KEY UPDATE
)
UPDATE delivery_delivery d
SET state = u.state, reason = u.reason, detail = u.detail, next_at = u.next_at, deadline_at = u.deadline_at,
    provider_id = u.provider_id, worker_id = NULL, tried_accounts = u.tried_accounts::jsonb,
    accepted_at = CASE WHEN u.state IN ('accepted', 'delivered') THEN %s ELSE d.accepted_at END,
    finished_at = CASE WHEN u.is_final THEN %s::timestamptz END,
    held_since = CASE WHEN u.state = 'held' THEN coalesce(d.held_since, %s) ELSE d.held_since END
FROM told u JOIN locked USING (id)
WHERE d.id = u.id AND d.attempt_count = u.attempt AND d.state IN ('sending', 'ambiguous')
RETURNING d.id
"""
_IDENTIFY = """
UPDATE delivery_delivery d SET provider_id = u.provider_id
FROM unnest(%s::bigint[], %s::text[]) AS u(id, provider_id) WHERE d.id = u.id AND d.provider_id = ''
"""
# Recording is tried again when it is in doubt whether it was committed: the same attempt is written once.
_KEEP = """
INSERT INTO delivery_attempt (delivery_id, number, account_name, started_at, finished_at, outcome, code, detail,
                              provider_id)
SELECT u.* FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[],
                       %s::text[], %s::text[], %s::text[])
     AS u(delivery_id, number, account_name, started_at, finished_at, outcome, code, detail, provider_id)
WHERE NOT EXISTS (SELECT FROM delivery_attempt a WHERE a.delivery_id = u.delivery_id AND a.number = u.number
                  AND a.finished_at = u.finished_at)
"""


def move_deliveries(recorded: Sequence[Recorded], now: datetime) -> set[int]:
    """Returns the ids that moved. The others keep their state and learn the vendor's id."""
    columns = [list(column) for column in zip(*map(_moved_to, recorded), strict=True)]
    moved = {pk for (pk,) in execute(_MOVE, [*columns, now, now, now])}
    late = [item for item in recorded if item.claim.delivery_id not in moved and item.result.provider_id]
    if late:
        run(_IDENTIFY, [[item.claim.delivery_id for item in late], [item.provider_id for item in late]])
    return moved


def keep_attempts(recorded: Sequence[Recorded]) -> None:
    """What was tried, whatever became of the delivery meanwhile."""
    run(_KEEP, [list(column) for column in zip(*map(_attempt, recorded), strict=True)])


def _moved_to(item: Recorded) -> tuple[object, ...]:
    claim, following = item.claim, item.next
    tried = claim.tried_accounts
    if following.gives_up_account and claim.route.account_id is not None:
        tried = (*tried, claim.route.account_id)
    return (
        claim.delivery_id,
        claim.attempt,
        following.state.value,
        following.reason.value if following.reason else "",
        "" if item.is_accepted else item.sentence,
        following.next_at,
        following.deadline_at,
        item.provider_id,
        json.dumps(tried),
        following.is_final,
    )


def _attempt(item: Recorded) -> tuple[object, ...]:
    claim, result = item.claim, item.result
    return (
        claim.delivery_id,
        claim.attempt,
        claim.route.name,
        claim.started_at,
        max(item.sent.finished_at, claim.started_at),
        result.outcome.value,
        storable(result.code, 64),
        storable(result.detail, _DETAIL),
        item.provider_id,
    )
