"""Reads of escalation policies."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db.models import QuerySet

from tocsin.channels.kinds import Channel
from tocsin.contacts.queries.arrays import is_one_of
from tocsin.contacts.rules import Use
from tocsin.events.statements import execute
from tocsin.policies.models import EscalationPolicy, EscalationTarget, NotificationPolicy
from tocsin.policies.rules.escalations import Chain, DailyPeriod, Step, Until

_CHAINS = """
SELECT p.id, p.name, p.rounds, p.claim_minutes, s.number, s.until, s.after_minutes, s.repetitions, s.every_minutes,
       s.begins, s.ends, s.time_zone,
       (SELECT coalesce(json_agg(json_build_array(t.object_id, t.channels) ORDER BY t.id), '[]')::text
        FROM policies_escalationtarget t WHERE t.step_id = s.id)
FROM policies_escalationpolicy p LEFT JOIN policies_escalationstep s ON s.policy_id = p.id
WHERE p.deleted_at IS NULL AND p.id = ANY(%s) ORDER BY p.id, s.number
"""


def chains(ids: Collection[int]) -> dict[int, Chain]:
    """Those that exist, as they are now, in one statement."""
    if not ids:
        return {}
    found: dict[int, Chain] = {}
    for policy_id, name, rounds, claim, *step in execute(_CHAINS, [list(ids)]):
        known = found[policy_id].steps if policy_id in found else ()
        steps = (*known, _step(step)) if step[0] is not None else known
        found[policy_id] = Chain(policy_id, name, steps, rounds, timedelta(minutes=claim) if claim else None)
    return found


def existing_escalations() -> QuerySet[EscalationPolicy]:
    return EscalationPolicy.objects.filter(deleted_at__isnull=True)


def policies_with_escalation(escalation_id: int) -> list[NotificationPolicy]:
    """Whose current version uses it, by name, the disabled ones too."""
    return list(
        NotificationPolicy.objects.filter(deleted_at__isnull=True, current__escalation_id=escalation_id).order_by(
            "name"
        )
    )


def escalation_uses_of_objects(ids: Collection[int]) -> list[Use]:
    """Which escalation policies name these notification objects."""
    rows = EscalationTarget.objects.filter(is_one_of("object_id", ids), step__policy__deleted_at__isnull=True)
    named = rows.values_list("object_id", "step__policy_id", "step__policy__name", "channels")
    uses: dict[tuple[int, int], Use] = {}
    for object_id, policy_id, name, channels in named.order_by("step__policy__name", "object_id", "step__number"):
        known = uses[object_id, policy_id].channels if (object_id, policy_id) in uses else ()
        every = tuple(dict.fromkeys((*known, *channels)))
        uses[object_id, policy_id] = Use(object_id, "escalation", policy_id, name, every)
    return list(uses.values())


def _step(row: list[Any]) -> Step:
    number, until, after, repetitions, every, begins, ends, zone, targets = row
    return Step(
        number=number,
        until=Until(until),
        after=timedelta(minutes=after),
        targets=tuple((object_id, tuple(map(Channel, channels))) for object_id, channels in json.loads(targets)),
        repetitions=repetitions,
        every=timedelta(minutes=every),
        period=_period(begins, ends, zone),
    )


def _period(begins: time | None, ends: time | None, zone: str) -> DailyPeriod | None:
    if begins is None or ends is None:
        return None
    try:
        return DailyPeriod(begins, ends, ZoneInfo(zone or settings.TIME_ZONE))
    except (ZoneInfoNotFoundError, ValueError):
        return DailyPeriod(begins, ends, ZoneInfo(settings.TIME_ZONE))
