"""The policies as events meet them: read once, and again only after somebody wrote one."""

from __future__ import annotations

import json
from datetime import timedelta
from threading import Lock
from uuid import UUID

from tocsin.events.statements import execute
from tocsin.policies.rules import Matcher, Walk, stored_rules

_STAMP = "SELECT stamp FROM policies_rulebook"
_MATCHERS = """
SELECT p.id, p.name, p.is_shadow, v.id, v.rules::text, v.group_by::text, v.group_wait_seconds, v.sources::text,
       v.stops_here
FROM policies_notificationpolicy p JOIN policies_policyversion v ON v.id = p.current_id
WHERE (p.is_enabled OR p.is_shadow) AND p.deleted_at IS NULL ORDER BY p.position, p.id
"""
_lock = Lock()
_known: tuple[UUID, Walk] | None = None


def current_walk() -> Walk:
    """Under the policies' reading lock, in a transaction: what is enabled or in shadow, as it is until that ends.

    One small statement as long as nobody writes a policy; the stamp is no count, so that one that was rolled back
    never comes again.
    """
    global _known
    stamps = execute(_STAMP)
    with _lock:
        if stamps and _known is not None and _known[0] == stamps[0][0]:
            return _known[1]
    walk = Walk(matchers())
    if stamps:
        with _lock:
            _known = (stamps[0][0], walk)
    return walk


def matchers() -> list[Matcher]:
    """In their order, read now."""
    return [
        Matcher(
            policy_id=policy_id,
            name=name,
            version_id=version_id,
            rules=stored_rules(json.loads(rules)),
            group_by=tuple(json.loads(group_by)),
            group_wait=timedelta(seconds=wait),
            sources=frozenset(json.loads(sources)),
            stops_here=stops_here,
            is_shadow=is_shadow,
        )
        for policy_id, name, is_shadow, version_id, rules, group_by, wait, sources, stops_here in execute(_MATCHERS)
    ]
