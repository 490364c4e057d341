"""The first step of the pipeline: reports become events, and events that changed become members of alerts.

    report -> event -> (state changed?) -> silences -> policies -> alert, due_at      planning.py goes on from there

Each function commits by itself. The order of locks is written down in events/services/reporting.py.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tocsin.alerts.linking import Linked, Taken, end_left_shadows, link_events, policies_that_have
from tocsin.core.traces import about
from tocsin.delivery.doorbell import ring_due
from tocsin.delivery.heartbeats import hear_heartbeat, is_heartbeat, miss_heartbeats
from tocsin.delivery.quieting import Heard, hear, tell_heard
from tocsin.events.models import Integration
from tocsin.events.queries import key_of
from tocsin.events.retrying import in_transaction
from tocsin.events.rules import ChangedEvent, EventState, IntegrationKey, Report
from tocsin.events.services import (
    begin_look,
    drop_seen,
    end_look,
    record_matches,
    report_events,
    sweep_events,
    take_looks,
)
from tocsin.policies.locking import lock_policies_for_reading
from tocsin.policies.queries import current_walk

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AcceptResult:
    """Of one batch: reports that came, events whose state changed, alerts opened, reports dropped as known."""

    received: int
    changed: int
    opened: int
    dropped: int = 0


def accept(integration: Integration | IntegrationKey, reports: Sequence[Report], now: datetime) -> AcceptResult:
    """Stores reports that `report_errors` found in order. When this returns, they are committed.

    A repeated report ends in the one statement of `report_events`; only changed events look at policies and alerts.
    """
    key = key_of(integration) if isinstance(integration, Integration) else integration

    def work() -> tuple[Sequence[ChangedEvent], Linked, int]:
        new = drop_seen(key, reports, now)
        changed = report_events(key, new, now)
        return changed, _link_changed(changed, now) if changed else Linked(), len(reports) - len(new)

    changed, linked, dropped = in_transaction(work)
    if changed:
        ids = about(event_ids=[event.id for event in changed], alert_ids=linked.due)
        logger.info("events changed", extra={"integration_id": key.id, **ids})
    if is_heartbeat(key, reports, now):
        in_transaction(lambda: _report(key, hear_heartbeat(key.id, now), now))
    return AcceptResult(len(reports), len(changed), len(linked.opened), dropped)


def tell_missed_heartbeats(now: datetime) -> int:
    """Raises and ends the events of heartbeats; returns of how many integrations."""

    def work() -> int:
        found = miss_heartbeats(now)
        for key, reports in found:
            _report(key, reports, now)
        return len(found)

    return in_transaction(work)


def _report(key: IntegrationKey, reports: Sequence[Report], now: datetime) -> None:
    if reports:
        accept(key, reports, now)


def sweep(now: datetime, limit: int = 1000) -> int:
    """Resolves events that nobody reports any more; returns how many."""

    def work() -> tuple[int, bool]:
        swept = sweep_events(now, limit)
        resolved = [event.id for event in swept.resolved]
        hear([], now, resolved)
        _ring(link_events([], resolved, now))
        return len(swept.resolved), swept.is_done

    resolved, is_done = 0, False
    while not is_done:
        count, is_done = in_transaction(work)
        resolved += count
    return resolved


def rematch(now: datetime, batch: int = 500) -> int:
    """Looks at up to `batch` events that fire again and returns how many; 0 when nothing asks for it any more.

    An event joins the alert of a policy that takes it and did not have it; others are left alone, so nobody is told
    twice. Nothing leaves an alert. What a silence hides now is quiet from now on; what none hides any more is news.
    """
    while (looked := in_transaction(lambda: _look(now, batch))) == 0:
        pass
    return looked or 0


def _look(now: datetime, batch: int) -> int | None:
    look = begin_look(now, batch)
    if look is None:
        return None
    _consider(look.events, now)
    end_left_shadows(now)
    end_look(look)
    return len(look.events)


def look_again(now: datetime, batch: int = 500) -> int:
    """As `rematch`, at single events whose inhibition began or ended. Comes before planning, which then hears of it."""

    def work() -> int:
        events = take_looks(batch)
        _consider(events or [], now)
        return 0 if events is None else max(len(events), 1)

    looked = 0
    while done := in_transaction(work):
        looked += done
    return looked


def _consider(events: Sequence[ChangedEvent], now: datetime) -> None:
    """Events that fire, perhaps unheard, as if they had just been reported."""
    if not events:
        return
    heard = _heard(events, now)
    taken = _taken(heard.loud)
    record_matches(_counts(heard.loud, taken))
    known = policies_that_have([event.id for event in heard.loud])
    new = [item for item in taken if (item.policy.policy_id, item.event.id) not in known]
    _ring(link_events(new, heard.turned, now))
    tell_heard(heard, now)


def _link_changed(changed: Sequence[ChangedEvent], now: datetime) -> Linked:
    ended = [event.id for event in changed if event.state is EventState.RESOLVED]
    heard = _heard([event for event in changed if event.state is EventState.ACTIVE], now, ended)
    taken = _taken(heard.loud)
    record_matches(_counts(heard.loud, taken))
    linked = link_events(taken, [*ended, *heard.turned], now)
    tell_heard(heard, now)
    _ring(linked)
    return linked


def _heard(events: Sequence[ChangedEvent], now: datetime, ended: Sequence[int] = ()) -> Heard:
    if events:
        lock_policies_for_reading()
    return hear(events, now, ended)


def _taken(events: Sequence[ChangedEvent]) -> list[Taken]:
    """The caller holds the policies' lock."""
    if not events:
        return []
    walk = current_walk()
    return [
        Taken(policy, event)
        for event in events
        for policy in walk.policies_for(event.match_labels, event.integration.id)
    ]


def _counts(events: Sequence[ChangedEvent], taken: Sequence[Taken]) -> dict[int, int]:
    """Event id -> how many policies took it; 0 is stored too, as such events are listed. A shadow tells nobody."""
    counts = Counter(item.event.id for item in taken if not item.policy.is_shadow)
    return {event.id: counts[event.id] for event in events}


def _ring(linked: Linked) -> None:
    if linked.due:
        ring_due()
