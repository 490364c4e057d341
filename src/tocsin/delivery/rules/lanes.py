"""A limit's bucket of tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from tocsin.channels.base import Limit, LimitScope


@dataclass(frozen=True, slots=True)
class LaneState:
    """`tokens` as of `refilled_at`; no send before `blocked_until`."""

    tokens: float
    refilled_at: datetime
    blocked_until: datetime | None = None


def lane_key(limit: Limit, *, owner: str, address: str) -> str:
    """`owner` names the account ("a12") or robot ("r7"); the address is hashed by the caller where it is personal."""
    return f"{owner}:{address}" if limit.scope is LimitScope.TARGET else owner


def burst(limit: Limit) -> int:
    """How many tokens a full lane holds: half of the limit, so that a burst and what is refilled during the vendor's
    window never exceed the limit together, wherever that window begins.
    """
    return max(limit.count // 2, 1)


def _rate(limit: Limit) -> float:
    """Tokens a second."""
    return max(limit.count - burst(limit), 1) / limit.per.total_seconds()


def refill(lane: LaneState, limit: Limit, now: datetime) -> LaneState:
    """Tokens come back evenly, up to `burst`; a clock that went back gives none."""
    elapsed = max((now - lane.refilled_at).total_seconds(), 0.0)
    tokens = min(float(burst(limit)), lane.tokens + elapsed * _rate(limit))
    return LaneState(tokens, max(now, lane.refilled_at), lane.blocked_until)


def take(lane: LaneState, limit: Limit, wanted: int, now: datetime) -> tuple[int, LaneState]:
    """How many of `wanted` may go now, and the lane afterwards."""
    lane = refill(lane, limit, now)
    if lane.blocked_until is not None and lane.blocked_until > now:
        return 0, lane
    granted = min(wanted, floor(lane.tokens + 1e-9))
    return granted, LaneState(max(lane.tokens - granted, 0.0), lane.refilled_at, None)


def opens_at(lane: LaneState, limit: Limit, now: datetime) -> datetime:
    """When the next token is there."""
    lane = refill(lane, limit, now)
    at = now + timedelta(seconds=max(1.0 - lane.tokens, 0.0) / _rate(limit))
    return max(at, lane.blocked_until or at)
