"""Tokens of limits, kept in rows so that all workers share them. There is no row where there is no limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from tocsin.channels.base import Limit
from tocsin.delivery.rules.lanes import LaneState, burst, opens_at, take

_LOCK = """
SELECT key, tokens, refilled_at, blocked_until FROM delivery_lane WHERE key = ANY(%s) ORDER BY key FOR UPDATE"""
_BUSY_FOR = timedelta(seconds=1)


@dataclass(slots=True)
class Grant:
    """`count` messages may go now; the next one after `opens_at`."""

    count: int
    opens_at: datetime


def take_tokens(wanted: Mapping[str, tuple[Limit, int]], now: datetime, *, waits: bool = True) -> dict[str, Grant]:
    """Lane key -> (its limit, how many are wanted). The rows stay locked, by key, until the claim commits.

    Who has locked some already `waits` for no other one: that would be out of order. A lane that somebody else has is
    then closed for a moment.
    """
    keys = sorted(wanted)
    grants: dict[str, Grant] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO delivery_lane (key, tokens, refilled_at)
            SELECT * FROM unnest(%s::text[], %s::float8[], %s::timestamptz[]) AS u(key, tokens, refilled_at)
            WHERE NOT EXISTS (SELECT FROM delivery_lane l WHERE l.key = u.key) ORDER BY key ON CONFLICT DO NOTHING
            """,
            [keys, [float(burst(wanted[key][0])) for key in keys], [now] * len(keys)],
        )
        cursor.execute(
            _LOCK if waits else f"{_LOCK} SKIP LOCKED",
            [keys],
        )
        after: dict[str, LaneState] = {}
        for key, *state in cursor.fetchall():
            limit, count = wanted[key]
            granted, after[key] = take(LaneState(*state), limit, count, now)
            grants[key] = Grant(granted, opens_at(after[key], limit, now))
        cursor.execute(
            """
            UPDATE delivery_lane l SET tokens = u.tokens, refilled_at = u.refilled_at, blocked_until = u.blocked_until
            FROM unnest(%s::text[], %s::float8[], %s::timestamptz[], %s::timestamptz[])
                 AS u(key, tokens, refilled_at, blocked_until) WHERE l.key = u.key
            """,
            [
                list(after),
                [state.tokens for state in after.values()],
                [state.refilled_at for state in after.values()],
                [state.blocked_until for state in after.values()],
            ],
        )
    return {key: Grant(0, now + _BUSY_FOR) for key in keys} | grants


def block_lanes(until: Mapping[str, datetime]) -> None:
    """The vendor said *too fast*: nothing more goes over these lanes before that time. Lanes are locked after
    everything else.
    """
    keys = sorted(until)
    if not keys:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE delivery_lane l SET tokens = 0, blocked_until = greatest(l.blocked_until, u.until)
            FROM (SELECT o.key, x.until FROM delivery_lane o JOIN unnest(%s::text[], %s::timestamptz[]) AS x(key, until)
                  ON x.key = o.key ORDER BY o.key FOR UPDATE OF o) u
            WHERE l.key = u.key
            """,
            [keys, [until[key] for key in keys]],
        )
