"""Reads of silence policies."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet

from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.events.statements import execute
from tocsin.policies.models import HiddenEvent, Inhibition, SilencePolicy
from tocsin.policies.rules import Rule, rules_match, stored_rules
from tocsin.policies.rules.silencing import Effect, Phase, Times, Window, parse_windows

_ENABLED = """
SELECT id, name, version, rules::text, effect, starts_at, ends_at, windows::text, time_zone, turned_at
FROM policies_silencepolicy
WHERE is_enabled AND (effect <> 'period' OR ends_at > %(now)s) ORDER BY id
"""

_ENABLED_SINCE = """
SELECT created_at, id, name, version, rules::text, effect, starts_at, ends_at, windows::text, time_zone, turned_at
FROM policies_silencepolicy
WHERE is_enabled AND (effect <> 'period' OR ends_at IS NULL OR ends_at > %(since)s) ORDER BY id
"""
Spans = tuple[tuple[datetime, datetime], ...]


@dataclass(frozen=True, slots=True)
class SilenceView:
    """An enabled silence policy. `turned_at`: it is never asked about a moment before this one."""

    id: int
    name: str
    rules: tuple[Rule, ...]
    times: Times
    turned_at: datetime

    def hides(self, labels: Mapping[str, str], at: datetime) -> bool:
        return self.in_force(at) and rules_match(self.rules, labels)

    def in_force(self, at: datetime) -> bool:
        return self.times.in_force(max(at, self.turned_at))


def silences_in_force(now: datetime) -> list[SilenceView]:
    """What silences events now, in the order of their making; one statement. Locked by the caller for accepting."""
    views = [_view(*row) for row in execute(_ENABLED, {"now": now})]
    return [view for view in views if view.in_force(now)]


def silences_between(since: datetime, until: datetime) -> list[tuple[tuple[Rule, ...], Spans]]:
    """What each enabled silence policy hid, as it is now, and when; from its making on. Deleted ones are forgotten."""
    found = []
    for created_at, *row in execute(_ENABLED_SINCE, {"since": since}):
        view = _view(*row)
        if spans := view.times.spans(max(since, created_at), until):
            found.append((view.rules, spans))
    return found


def silences_at(at: datetime) -> list[SilenceView]:
    """As `silences_in_force`, at any moment, past ones too: by the times that each has now, from its making on."""
    rows = execute(_ENABLED_SINCE, {"since": at})
    return [view for created_at, *row in rows if created_at <= at and (view := _view(*row)).times.in_force(at)]


def times_of(silence: SilencePolicy) -> Times:
    effect = Effect(silence.effect)
    return Times(
        effect, silence.starts_at, silence.ends_at, parse_windows(silence.windows, effect), ZoneInfo(silence.time_zone)
    )


def phase_of(silence: SilencePolicy, now: datetime) -> Phase:
    return times_of(silence).phase(now) if silence.is_enabled else Phase.DISABLED


def silences_since(since: datetime) -> list[SilencePolicy]:
    """Those that may yet be in force, and periods that ended or were disabled since then; as they were made."""
    may_hide = Q(is_enabled=True) & (~Q(effect=Effect.PERIOD) | Q(ends_at__gt=since))
    left = Q(is_enabled=False, effect=Effect.PERIOD, turned_at__gt=since)
    return list(SilencePolicy.objects.filter(may_hide | left).order_by("id"))


def silences_called(uuids: Collection[UUID]) -> list[SilencePolicy]:
    return list(SilencePolicy.objects.filter(uuid__in=uuids))


def next_turn_at() -> datetime | None:
    """When the next silence begins or ends by itself."""
    waiting = SilencePolicy.objects.filter(next_change_at__isnull=False).order_by("next_change_at")
    return waiting.values_list("next_change_at", flat=True).first()


def quiet_because(silence_id: int | None, inhibition_id: int | None) -> list[tuple[str, int, str]]:
    """Table, id and name of what keeps an event quiet, as far as it still exists."""
    found = []
    for table, model, pk in (("silencepolicy", SilencePolicy, silence_id), ("inhibition", Inhibition, inhibition_id)):
        name = model._default_manager.filter(pk=pk).values_list("name", flat=True).first() if pk else None
        if pk is not None and name is not None:
            found.append((table, pk, name))
    return found


def hidden_now(silence_id: int) -> QuerySet[Event]:
    """The events that it keeps quiet, the newest first."""
    return Event.objects.filter(state=EventState.SILENCED, silenced_by=silence_id).order_by("-id")


def hidden_ever(silence_id: int) -> QuerySet[HiddenEvent]:
    """What it hid since it was made, the last one first."""
    return HiddenEvent.objects.filter(silence_id=silence_id).select_related("event").order_by("-last_at", "-id")


@lru_cache(maxsize=10_000)
def _content(
    silence_id: int, version: int, rules: str, windows: str, effect: str
) -> tuple[tuple[Rule, ...], tuple[Window, ...]]:
    """Read once for each version of a silence, however many events ask."""
    return stored_rules(json.loads(rules)), parse_windows(json.loads(windows), Effect(effect))


def _view(
    pk: int,
    name: str,
    version: int,
    rules: str,
    effect: str,
    starts_at: datetime | None,
    ends_at: datetime | None,
    windows: str,
    time_zone: str,
    turned_at: datetime,
) -> SilenceView:
    read, spans = _content(pk, version, rules, windows, effect)
    times = Times(Effect(effect), starts_at, ends_at, spans, ZoneInfo(time_zone))
    return SilenceView(pk, name, read, times, turned_at)
