"""Reads of integrations and events."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from django.db.models import Count

from tocsin.core.crypto import hash_token
from tocsin.events.models import Event, Integration
from tocsin.events.rules import EventState, IntegrationKey, Severity, match_labels
from tocsin.events.statements import execute


def integration_for_token(token: str) -> IntegrationKey | None:
    """Also a disabled one: the door says so instead of "unknown"."""
    integration = Integration.objects.filter(token_digest=hash_token(token)).first()
    return key_of(integration) if integration else None


def integration_called(name: str) -> IntegrationKey | None:
    integration = Integration.objects.filter(name=name).first()
    return key_of(integration) if integration else None


def key_of(integration: Integration) -> IntegrationKey:
    return IntegrationKey(
        id=integration.pk,
        name=integration.name,
        severity_map=integration.severity_map,
        auto_resolve_after=timedelta(seconds=integration.auto_resolve_seconds),
        is_enabled=integration.is_enabled,
        last_event_at=integration.last_event_at,
        heartbeat_every=timedelta(seconds=integration.heartbeat_seconds) if integration.heartbeat_seconds else None,
        heartbeat_rules=integration.heartbeat_rules or (),
        mapping=integration.mapping,
    )


def integration_keys(ids: Collection[int]) -> dict[int, IntegrationKey]:
    return {integration.pk: key_of(integration) for integration in Integration.objects.filter(pk__in=ids)}


def list_integrations() -> list[Integration]:
    """All by name, the disabled ones too."""
    return list(Integration.objects.order_by("name"))


def active_events_of(integration_id: int) -> int:
    """How many events of the integration have not resolved."""
    return Event.objects.filter(integration_id=integration_id).exclude(state=EventState.RESOLVED).count()


def newest_event_of(integration_id: int) -> Event | None:
    """What the integration reported first of all last; a repeated report does not move it."""
    return Event.objects.filter(integration_id=integration_id).order_by("-id").first()


def active_events_by_integration() -> dict[int, int]:
    """How many events of each integration are active; those without any are left out."""
    active = Event.objects.filter(state=EventState.ACTIVE).order_by()
    return dict(active.values_list("integration_id").annotate(Count("pk")))


def unknown_severities(integration_id: int, known: Collection[str], newest: int = 500) -> list[str]:
    """Words of the `severity` label on the newest events that the map does not hold, and that so count as P6."""
    rows = (
        Event.objects.filter(integration_id=integration_id).order_by("-id").values_list("labels__severity", flat=True)
    )
    words = {str(word).strip().lower() for word in rows[:newest] if word}
    own = {f"p{severity.value}" for severity in Severity}
    return sorted(words - set(known) - own)[:20]


_OPEN = """
SELECT e.id, e.integration_id, i.name, e.labels::text, e.annotations::text, e.generator_url, e.severity, e.state,
       e.matched_policies, e.starts_at, e.ends_at, e.last_seen_at, e.inhibited_by
FROM events_event e JOIN events_integration i ON i.id = e.integration_id
WHERE e.state IN ('active', 'silenced') ORDER BY e.id
"""


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """An event that fires, heard or not."""

    id: int
    integration_id: int
    integration: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    severity: int
    state: EventState
    matched_policies: int | None
    starts_at: datetime
    ends_at: datetime
    last_seen_at: datetime
    inhibited_by: int | None

    @property
    def match_labels(self) -> dict[str, str]:
        return match_labels(self.labels, self.severity, self.integration)


def open_events() -> list[OpenEvent]:
    """All of them, in one statement."""
    decode = msgspec.json.decode
    return [
        OpenEvent(pk, source, name, decode(labels), decode(annotations), url, severity, EventState(state), *rest)
        for pk, source, name, labels, annotations, url, severity, state, *rest in execute(_OPEN)
    ]


_UNMATCHED = """
WITH newest AS MATERIALIZED (
    SELECT id, matched_policies, last_seen_at FROM events_event ORDER BY id DESC LIMIT %(limit)s
), older AS (
    SELECT id, matched_policies, last_seen_at FROM events_event
    WHERE state = 'active' AND id < (SELECT min(id) FROM newest) ORDER BY id DESC LIMIT %(limit)s
)
SELECT count(*) FROM (SELECT * FROM newest UNION ALL SELECT * FROM older) AS e
WHERE matched_policies = 0 AND last_seen_at >= %(since)s
"""


def count_unmatched(since: datetime, limit: int = 5_000) -> int:
    """Events reported since then that no policy took, among the newest and as many older ones that are active."""
    return int(execute(_UNMATCHED, {"since": since, "limit": limit})[0][0])
