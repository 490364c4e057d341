"""What was reported lately, for those who write rules: labels to choose from, and what rules would have matched.

Nothing is kept for this while events are accepted. A page reads a bounded sample: the events reported last, and the
active ones. Rules are tried on it by the code that matches events, so that both always agree.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tocsin.events.rules import EventState, match_labels
from tocsin.events.statements import execute
from tocsin.policies.rules import Rule, rules_match

LATELY = timedelta(days=7)
SAMPLE = 3_000
"""At most so many of the newest events, and as many of the active ones before them."""
_KEYS, _VALUES, _NAMED = 100, 50, 5
_LONGEST_VALUE = 120

_LATEST = """
WITH newest AS MATERIALIZED (
    SELECT id, integration_id, labels, severity, state, last_seen_at FROM events_event ORDER BY id DESC LIMIT %(limit)s
), older AS (
    SELECT id, integration_id, labels, severity, state, last_seen_at FROM events_event
    WHERE state = 'active' AND id < (SELECT min(id) FROM newest) ORDER BY id DESC LIMIT %(limit)s
)
SELECT e.id, e.labels::text, e.severity, e.state, i.name, e.last_seen_at
FROM (SELECT * FROM newest UNION ALL SELECT * FROM older) AS e JOIN events_integration i ON i.id = e.integration_id
WHERE e.last_seen_at >= %(since)s ORDER BY e.last_seen_at DESC, e.id DESC
"""
_HAS_MORE = "SELECT EXISTS (SELECT 1 FROM events_event ORDER BY id DESC OFFSET %(limit)s LIMIT 1)"


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """`labels` are those that policies see, severity and integration among them."""

    id: int
    name: str
    labels: Mapping[str, str]
    severity: int
    is_active: bool
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """Newest first. `is_bounded`: there are more events than were looked at."""

    events: tuple[RecentEvent, ...]
    is_bounded: bool


@dataclass(frozen=True, slots=True)
class Matched:
    """`newest` are the first few of the `count` events that match; `looked_at` is the size of the sample."""

    count: int
    active: int
    newest: tuple[RecentEvent, ...]
    looked_at: int
    is_bounded: bool


@dataclass(frozen=True, slots=True)
class SeenLabel:
    """A label name, on how many events it was seen, and its values, the most frequent first."""

    key: str
    count: int
    values: tuple[str, ...]


def recent_events(now: datetime, limit: int = SAMPLE) -> Sample:
    """Two statements, whatever the size of the table."""
    parameters = {"limit": limit, "since": now - LATELY}
    rows = execute(_LATEST, parameters)
    decode = msgspec.json.Decoder(dict[str, str]).decode
    events = []
    for pk, text, severity, state, integration, seen_at in rows:
        labels = decode(text)
        name = labels.get("alertname", f"event {pk}")
        seen = match_labels(labels, severity, integration)
        events.append(RecentEvent(pk, name, seen, severity, state == EventState.ACTIVE, seen_at))
    return Sample(tuple(events), bool(execute(_HAS_MORE, {"limit": limit})[0][0]))


def matched_lately(rules: Sequence[Rule], sample: Sample) -> Matched:
    """What these rules make of the sample."""
    taken = [event for event in sample.events if rules_match(rules, event.labels)]
    active = sum(event.is_active for event in taken)
    return Matched(len(taken), active, tuple(taken[:_NAMED]), len(sample.events), sample.is_bounded)


def labels_lately(sample: Sample) -> list[SeenLabel]:
    """Names by how many events have them; long values are left out, as nobody picks them from a list."""
    pairs = Counter(pair for event in sample.events for pair in event.labels.items())
    seen: dict[str, Counter[str]] = {}
    for (key, value), count in pairs.items():
        seen.setdefault(key, Counter())[value] = count
    ranked = sorted(seen.items(), key=lambda item: (-item[1].total(), item[0]))[:_KEYS]
    return [SeenLabel(key, counts.total(), _most_frequent(counts)) for key, counts in ranked]


def _most_frequent(counts: Counter[str]) -> tuple[str, ...]:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(value for value, _count in ranked if len(value) <= _LONGEST_VALUE)[:_VALUES]
