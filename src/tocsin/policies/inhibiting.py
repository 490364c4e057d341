"""Which events are inhibited, by a small table of sources and targets with the key of their equal labels.

A transaction that brings or takes a source locks the key alone, one that brings a target locks it shared, before either
looks for the other side. So of a source and a target that come at the same time one sees the other: no target stays
loud beside a source, and none stays quiet after the last one. Keys share a fixed number of locks. They are taken after
the policies' lock and before any alert, in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from tocsin.events.statements import execute, run
from tocsin.policies.rules import Rule, group_of, rules_match, stored_rules

_BUCKETS = 64
_LOCK_CLASS = int.from_bytes(b"inhi", "big") % (1 << 31)
_ENABLED = """
SELECT id, name, version, source_rules::text, target_rules::text, equal::text
FROM policies_inhibition WHERE is_enabled ORDER BY id
"""
# One statement for each lock: the numbers come sorted, so that no two transactions wait for each other.
_SHARED = "SELECT pg_advisory_xact_lock_shared(%s, b) FROM unnest(%s::int[]) WITH ORDINALITY AS u (b, n) ORDER BY n"
_ALONE = "SELECT pg_advisory_xact_lock(%s, b) FROM unnest(%s::int[]) WITH ORDINALITY AS u (b, n) ORDER BY n"
_LEAVE = """
DELETE FROM policies_inhibitionmember AS m WHERE m.event_id = ANY(%(events)s) AND NOT EXISTS (
    SELECT FROM json_to_recordset(%(rows)s) AS u (inhibition_id bigint, event_id bigint, key uuid)
    WHERE u.inhibition_id = m.inhibition_id AND u.event_id = m.event_id AND u.key = m.key
)
"""
_JOIN = """
INSERT INTO policies_inhibitionmember AS m (inhibition_id, event_id, key, is_source, is_target)
SELECT u.* FROM json_to_recordset(%(rows)s) AS u (
    inhibition_id bigint, event_id bigint, key uuid, is_source bool, is_target bool
) ORDER BY 1, 2
ON CONFLICT (inhibition_id, event_id) DO UPDATE SET
    key = excluded.key, is_source = excluded.is_source, is_target = excluded.is_target
WHERE (m.key, m.is_source, m.is_target) IS DISTINCT FROM (excluded.key, excluded.is_source, excluded.is_target)
RETURNING inhibition_id, key, is_source
"""
# As in Alertmanager: what is both source and target is not inhibited by another that is both, itself among them.
_INHIBITED = """
SELECT DISTINCT ON (t.event_id) t.event_id, t.inhibition_id
FROM policies_inhibitionmember t
WHERE t.event_id = ANY(%(events)s) AND t.is_target AND EXISTS (
    SELECT FROM policies_inhibitionmember s
    WHERE s.inhibition_id = t.inhibition_id AND s.key = t.key AND s.is_source AND s.event_id <> t.event_id
      AND NOT (t.is_source AND s.is_target)
)
ORDER BY t.event_id, t.inhibition_id
"""
_KEYS = "SELECT inhibition_id, key, is_source FROM policies_inhibitionmember WHERE event_id = ANY(%s)"
_SOURCES = """
SELECT DISTINCT ON (t.event_id) t.event_id, s.event_id
FROM unnest(%(events)s::bigint[], %(inhibitions)s::bigint[]) AS n (event_id, inhibition_id)
JOIN policies_inhibitionmember t ON t.event_id = n.event_id AND t.inhibition_id = n.inhibition_id
JOIN policies_inhibitionmember s ON s.inhibition_id = t.inhibition_id AND s.key = t.key AND s.is_source
WHERE s.event_id <> t.event_id AND NOT (t.is_source AND s.is_target)
ORDER BY t.event_id, s.event_id
"""
_ASK = """
INSERT INTO events_eventlook (event_id)
SELECT DISTINCT t.event_id
FROM unnest(%(inhibitions)s::bigint[], %(keys)s::uuid[]) AS k (inhibition_id, key)
JOIN policies_inhibitionmember t ON t.inhibition_id = k.inhibition_id AND t.key = k.key AND t.is_target
WHERE t.event_id <> ALL(%(but)s::bigint[])
RETURNING event_id
"""

Key = tuple[int, UUID]
Inhibitions = Mapping[int, tuple[str, tuple[Rule, ...], tuple[Rule, ...], tuple[str, ...]]]
"""Id -> name, source rules, target rules, labels that are equal."""


def enabled_inhibitions() -> Inhibitions:
    """Under the policies' lock, for accepting; one statement."""
    return {pk: (name, *_content(version, *texts)) for pk, name, version, *texts in execute(_ENABLED)}


def settle_inhibitions(
    inhibitions: Inhibitions, events: Mapping[int, Mapping[str, str]], ended: Sequence[int] = ()
) -> tuple[dict[int, int], bool]:
    """Events that fire (id -> what rules match on) take their places, resolved ones (ids) give theirs up.

    Returns event -> the inhibition that keeps it quiet, and whether others have to be looked at again, because sources
    came or went. The caller has locked the events. All keys are locked at once, in their order.
    """
    rows = [row for pk, labels in events.items() for row in _places(inhibitions, pk, labels)] if inhibitions else []
    left = execute(_KEYS, [list(ended)]) if ended else []
    gone = [(inhibition, key) for inhibition, key, is_source in left if is_source]
    _lock(
        shared=[(row["inhibition_id"], row["key"]) for row in rows if not row["is_source"]],
        alone=[*gone, *((row["inhibition_id"], row["key"]) for row in rows if row["is_source"])],
    )
    if left:
        run("DELETE FROM policies_inhibitionmember WHERE event_id = ANY(%s)", [list(ended)])
    come: list[Key] = []
    if inhibitions and events:
        values = {"rows": msgspec.json.encode(rows).decode(), "events": list(events)}
        run(_LEAVE, values)
        joined = execute(_JOIN, values) if rows else []
        come = [(inhibition, key) for inhibition, key, is_source in joined if is_source]
    is_asked = _ask([*gone, *come], but=list(events))
    return dict(execute(_INHIBITED, {"events": list(events)})) if rows else {}, is_asked


def sources_of(inhibited: Mapping[int, int]) -> dict[int, int]:
    """Event -> an event that keeps it quiet, of events and the inhibitions that do it."""
    if not inhibited:
        return {}
    return dict(execute(_SOURCES, {"events": list(inhibited), "inhibitions": list(inhibited.values())}))


def inhibition_of(labels: Mapping[str, str]) -> tuple[int, str] | None:
    """What would keep an event with these labels quiet now: the inhibition's id and name."""
    for pk, (name, source_rules, target_rules, equal) in enabled_inhibitions().items():
        if not rules_match(target_rules, labels):
            continue
        found = execute(
            "SELECT 1 FROM policies_inhibitionmember WHERE inhibition_id = %s AND key = %s AND is_source"
            " AND NOT (%s AND is_target) LIMIT 1",
            [pk, group_of(equal, labels)[0], rules_match(source_rules, labels)],
        )
        if found:
            return pk, name
    return None


def _places(inhibitions: Inhibitions, event_id: int, labels: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    for pk, (_name, source_rules, target_rules, equal) in inhibitions.items():
        is_source, is_target = rules_match(source_rules, labels), rules_match(target_rules, labels)
        if is_source or is_target:
            yield {
                "inhibition_id": pk,
                "event_id": event_id,
                "key": group_of(equal, labels)[0],
                "is_source": is_source,
                "is_target": is_target,
            }


def _lock(*, shared: Iterable[Key], alone: Iterable[Key]) -> None:
    """A bucket that is wanted both ways is locked alone."""
    exclusive = {_bucket(key) for key in alone}
    wanted = {_bucket(key) for key in shared} | exclusive
    if not wanted:
        return
    ordered = sorted(wanted)
    if exclusive:
        run(_ALONE, [_LOCK_CLASS, ordered])
    else:
        run(_SHARED, [_LOCK_CLASS, ordered])


def _bucket(key: Key) -> int:
    return (key[1].int ^ key[0]) % _BUCKETS


def _ask(sources: Iterable[Key], *, but: Sequence[int]) -> bool:
    keys = sorted(set(sources))
    if not keys:
        return False
    values = {"inhibitions": [pk for pk, _ in keys], "keys": [key for _, key in keys], "but": list(but)}
    return bool(execute(_ASK, values))


@lru_cache(maxsize=10_000)
def _content(
    version: int, source_rules: str, target_rules: str, equal: str
) -> tuple[tuple[Rule, ...], tuple[Rule, ...], tuple[str, ...]]:
    """Read once, however many events ask."""
    decode = msgspec.json.decode
    return stored_rules(decode(source_rules)), stored_rules(decode(target_rules)), tuple(decode(equal))
