"""Whether the limits of accounts and robots let messages through now, and over which account where one is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tocsin.channels.base import Limit
from tocsin.delivery.addressing import Addresses, Route
from tocsin.delivery.lanes import take_tokens
from tocsin.delivery.queue_rows import Held, QueueRow
from tocsin.delivery.rules.sending import MAX_HELD_CALL
from tocsin.delivery.rules.told import LIMITED

Routed = tuple[QueueRow, Route]


def pass_lanes(
    ready: Sequence[Routed], addresses: Addresses, now: datetime, held: list[Held]
) -> tuple[list[Routed], Mapping[int, Sequence[str]]]:
    """Takes a token for each message whose route has a limit. What gets none goes over the next account, if the limit
    stays closed for longer than a call may be held; else it is held until the first of them opens.

    Returns as well, by delivery, why accounts that come first did not carry it.
    """
    passed: list[Routed] = []
    closed: dict[int, list[str]] = {}
    opens_at: dict[int, datetime] = {}
    left = list(ready)
    while left:
        through, refused = _take(left, now, waits=not closed)
        passed += through
        left = []
        for row, route, at in refused:
            opens_at[row.id] = min(at, opens_at.get(row.id, at))
            other = _over_another(row, route, addresses) if at > now + MAX_HELD_CALL else None
            if other is None:
                held.append(Held(row, opens_at[row.id]))
            else:
                closed.setdefault(row.id, []).append(LIMITED % {"name": route.name})
                left.append(other)
    return passed, closed


def _take(
    ready: Sequence[Routed], now: datetime, *, waits: bool
) -> tuple[list[Routed], list[tuple[QueueRow, Route, datetime]]]:
    """What may go, and what may not, with when its limit opens."""
    wanted: dict[str, tuple[Limit, int]] = {}
    for _, route in ready:
        if route.lane and (limit := route.capabilities.limit) is not None:
            wanted[route.lane] = (limit, wanted.get(route.lane, (limit, 0))[1] + 1)
    if not wanted:
        return list(ready), []
    grants = take_tokens(wanted, now, waits=waits)
    passed, refused = [], []
    for row, route in ready:
        grant = grants.get(route.lane)
        if grant is None:
            passed.append((row, route))
        elif grant.count > 0:
            grant.count -= 1
            passed.append((row, route))
        else:
            refused.append((row, route, grant.opens_at))
    return passed, refused


def _over_another(row: QueueRow, route: Route, addresses: Addresses) -> Routed | None:
    """The account that is closed counts as tried; None when there is no other one."""
    if route.account_id is None or route.is_outlet or not addresses.has_other_account(row, route):
        return None
    row = replace(row, tried_accounts=(*row.tried_accounts, route.account_id))
    other = addresses.route(row)
    return None if other is None else (row, other)
