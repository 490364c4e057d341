"""What fires, as Alertmanager's alerts and alert groups: a policy that takes an event is a receiver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import QueryDict

from tocsin.events.queries import OpenEvent, open_events
from tocsin.events.rules import EventState
from tocsin.policies.inhibiting import sources_of
from tocsin.policies.locking import lock_policies_for_reading
from tocsin.policies.queries import current_walk
from tocsin.policies.queries.silences import silences_since
from tocsin.policies.rules import Condition, Matcher, Walk, group_of
from tocsin.web.alertmanager.matchers import all_hold, parse_matchers, receiver_pattern
from tocsin.web.alertmanager.silences import ShownSilence, shown
from tocsin.web.alertmanager.wire import fingerprint_of, moment

_TRUE = {"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parameters of a list of alerts."""

    filters: tuple[Condition, ...] = ()
    receiver: Any = None
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    unprocessed: bool = True

    @classmethod
    def of(cls, query: QueryDict) -> Wanted:
        """MatcherError on a filter or receiver that cannot be read."""
        flags = {name: str(query[name]).lower() in _TRUE for name in _FLAGS if query.get(name)}
        pattern = receiver_pattern(str(query["receiver"])) if query.get("receiver") else None
        return cls(parse_matchers(query.getlist("filter")), pattern, **flags)

    def takes_receiver(self, name: str) -> bool:
        return self.receiver is None or self.receiver.match(name) is not None

    def takes(self, alert: _Alert) -> bool:
        return (
            (self.active or alert.state != "active")
            and (self.unprocessed or alert.state != "unprocessed")
            and (self.silenced or not alert.silenced_by)
            and (self.inhibited or not alert.inhibited_by)
            and all_hold(self.filters, alert.seen)
        )


_FLAGS = ("active", "silenced", "inhibited", "unprocessed")


@dataclass(frozen=True, slots=True)
class _Alert:
    """`seen`: what matchers see: the labels, the severity and the integration."""

    event: OpenEvent
    seen: Mapping[str, str]
    policies: Sequence[Matcher]
    silenced_by: Sequence[str]
    inhibited_by: Sequence[str]

    @property
    def state(self) -> str:
        if self.event.state is EventState.SILENCED:
            return "suppressed"
        return "unprocessed" if self.event.matched_policies is None else "active"

    def as_json(self) -> dict[str, Any]:
        event = self.event
        link = {"generatorURL": event.generator_url} if event.generator_url else {}
        return {
            "annotations": event.annotations,
            "endsAt": moment(event.ends_at),
            "fingerprint": fingerprint_of(event.labels),
            "receivers": [{"name": policy.name} for policy in self.policies],
            "startsAt": moment(event.starts_at),
            "status": {
                "inhibitedBy": self.inhibited_by,
                "mutedBy": [],
                "silencedBy": self.silenced_by,
                "state": self.state,
            },
            "updatedAt": moment(event.last_seen_at),
            **link,
            "labels": event.labels,
        }


def alerts(wanted: Wanted, now: datetime) -> list[dict[str, Any]]:
    """By fingerprint. With a receiver, only what a policy of that name takes."""
    found = [
        alert.as_json()
        for alert in _open(now)
        if wanted.takes(alert)
        and (wanted.receiver is None or any(wanted.takes_receiver(policy.name) for policy in alert.policies))
    ]
    return sorted(found, key=lambda alert: str(alert["fingerprint"]))


def alert_groups(wanted: Wanted, now: datetime) -> list[dict[str, Any]]:
    """What policies would tell together, by labels and receiver. What no policy takes is in no group."""
    groups: dict[tuple[tuple[tuple[str, str], ...], str], list[dict[str, Any]]] = {}
    for alert in _open(now):
        if not wanted.takes(alert):
            continue
        shape = alert.as_json()
        for policy in alert.policies:
            if wanted.takes_receiver(policy.name):
                shared = group_of(policy.group_by, alert.seen)[1]
                groups.setdefault((tuple(sorted(shared.items())), policy.name), []).append(shape)
    return [
        {
            "alerts": sorted(members, key=lambda alert: str(alert["fingerprint"])),
            "labels": dict(labels),
            "receiver": {"name": name},
        }
        for (labels, name), members in sorted(groups.items())
    ]


def _open(now: datetime) -> list[_Alert]:
    """Five statements, however many there are."""
    with transaction.atomic():
        lock_policies_for_reading()
        walk, events, silences = current_walk(), open_events(), silences_since(now)
        quiet = {event.id: event.inhibited_by for event in events if event.state is EventState.SILENCED}
        sources = sources_of({pk: inhibition for pk, inhibition in quiet.items() if inhibition is not None})
    in_force = [each for silence in silences for each in shown(silence, now)]
    labels = {event.id: event.labels for event in events}
    return [_alert(event, walk, in_force, labels.get(sources.get(event.id, 0))) for event in events]


def _alert(event: OpenEvent, walk: Walk, silences: Sequence[ShownSilence], source: Mapping[str, str] | None) -> _Alert:
    """`source`: the labels of an event that inhibits it."""
    seen = event.match_labels
    policies = [policy for policy in walk.policies_for(seen, event.integration_id) if not policy.is_shadow]
    is_quiet = event.state is EventState.SILENCED
    silenced_by = [str(silence.id) for silence in silences if silence.hides(seen)] if is_quiet else []
    return _Alert(event, seen, policies, silenced_by, [fingerprint_of(source)] if source else [])
