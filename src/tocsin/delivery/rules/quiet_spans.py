"""When firings that are over were quiet: what silences and inhibitions would have kept of them, pure."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tocsin.policies.rules import Rule, group_of, rules_match

if TYPE_CHECKING:
    from tocsin.delivery.rules.replaying import Firing

Spans = tuple[tuple[datetime, datetime], ...]
"""In order, apart from each other; the ends are not included."""
Silences = Sequence[tuple[tuple[Rule, ...], Spans]]
"""What each hides, and when it was in force."""
Inhibitions = Mapping[int, tuple[str, tuple[Rule, ...], tuple[Rule, ...], tuple[str, ...]]]
"""Id -> name, source rules, target rules, labels that are equal."""
_Place = tuple[int, UUID, bool, bool]
"""Of an event in an inhibition: its id, the key of the equal labels, whether it is source and target."""


def quiet_spans(
    firings: Sequence[Firing], silences: Silences, inhibitions: Inhibitions, until: datetime
) -> list[Spans]:
    """For each firing, in their order, when it was not to be told. A silenced source inhibits, as in Alertmanager."""
    hidden: dict[int, list[Spans]] = {}
    places: dict[int, list[_Place]] = {}
    for one in firings:
        if one.event_id not in hidden:
            hidden[one.event_id] = [spans for rules, spans in silences if rules_match(rules, one.labels)]
            places[one.event_id] = _places(inhibitions, one.labels)
    sources: dict[tuple[int, UUID, bool], list[tuple[datetime, datetime]]] = defaultdict(list)
    for one in firings:
        for pk, key, is_source, is_target in places[one.event_id]:
            if is_source:
                sources[pk, key, is_target].append((one.starts, one.ends or until))
    alone = {(pk, key): merged(spans) for (pk, key, is_target), spans in sources.items() if not is_target}
    every = {
        (pk, key): merged([*sources.get((pk, key, True), ()), *sources.get((pk, key, False), ())])
        for pk, key, _is_target in list(sources)
    }
    found = []
    for one in firings:
        begin, end = one.starts, one.ends or until
        kept = [part for spans in hidden[one.event_id] for part in _within(spans, begin, end)]
        for pk, key, is_source, is_target in places[one.event_id]:
            if is_target:
                kept += _within((alone if is_source else every).get((pk, key), ()), begin, end)
        found.append(merged(kept))
    return found


def merged(spans: Iterable[tuple[datetime, datetime]]) -> Spans:
    """In order, and one where they touch."""
    joined: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif begin < end:
            joined.append((begin, end))
    return tuple(joined)


def _places(inhibitions: Inhibitions, labels: Mapping[str, str]) -> list[_Place]:
    found = []
    for pk, (_name, source_rules, target_rules, equal) in inhibitions.items():
        is_source, is_target = rules_match(source_rules, labels), rules_match(target_rules, labels)
        if is_source or is_target:
            found.append((pk, group_of(equal, labels)[0], is_source, is_target))
    return found


def _within(spans: Spans, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """What of them lies between the two moments."""
    at = max(bisect_left(spans, (begin,)) - 1, 0)
    found = []
    while at < len(spans) and spans[at][0] < end:
        if spans[at][1] > begin:
            found.append((max(spans[at][0], begin), min(spans[at][1], end)))
        at += 1
    return found
