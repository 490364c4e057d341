"""What a draft of policies would have told of what really fired, beside the policies as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from tocsin.channels.kinds import PERSONAL_CHANNELS, Channel
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.queries import carriers
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.hours import moment_for
from tocsin.delivery.rules.plan import plan
from tocsin.delivery.rules.replaying import Firing, ReplayedAlert, TooMuchToReplayError, replay
from tocsin.events.queries import integration_keys
from tocsin.events.rules import match_labels
from tocsin.events.statements import execute
from tocsin.oncall.queries import directories_at
from tocsin.policies.drafts import Drafts
from tocsin.policies.queries import PolicyView, chains, policy_versions
from tocsin.policies.queries.walks import matchers
from tocsin.policies.rules import Matcher, Walk

MOST_FIRINGS = 200_000

# An event's row is its present state: its last end is known, and of earlier ones when their alert ended.
_FIRINGS = """
SELECT e.id, e.integration_id, e.labels::text, e.severity, f.joined_at,
       CASE WHEN e.state = 'resolved' AND e.changed_at >= f.joined_at AND f.next_at IS NULL THEN e.changed_at
            ELSE least(f.ended_at, f.next_at) END,
       f.claimed_at
FROM (
    SELECT m.event_id, m.joined_at, min(a.resolved_at) AS ended_at, min(a.claimed_at) AS claimed_at,
           lead(m.joined_at) OVER (PARTITION BY m.event_id ORDER BY m.joined_at) AS next_at
    FROM alerts_alertevent m JOIN alerts_alert a ON a.id = m.alert_id
    WHERE m.joined_at >= %(since)s
    GROUP BY m.event_id, m.joined_at
) f JOIN events_event e ON e.id = f.event_id
UNION ALL
SELECT e.id, e.integration_id, e.labels::text, e.severity, greatest(e.starts_at, %(since)s),
       CASE WHEN e.state = 'resolved' THEN e.changed_at END, NULL
FROM events_event e
WHERE (e.changed_at >= %(since)s OR e.state = 'active')
  AND NOT EXISTS (SELECT FROM alerts_alertevent m WHERE m.event_id = e.id AND m.joined_at >= %(since)s)
  AND NOT EXISTS (SELECT FROM alerts_alertevent m WHERE m.event_id = e.id AND e.state = 'active')
LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one set of policies would have told. `unreached`: alerts that nobody would have heard of, in order."""

    alerts: int
    messages: Mapping[Channel, int]
    people: Mapping[str, int]
    """Name -> calls and texts to that person."""
    unreached: tuple[str, ...]
    unmatched: int
    """Firings that no policy would have taken."""


@dataclass(frozen=True, slots=True)
class Replay:
    """`draft` is None when only the policies as they are were asked about."""

    since: datetime
    until: datetime
    firings: int
    current: Tally
    draft: Tally | None


def replay_period(since: datetime, until: datetime, drafts: Drafts | None = None) -> Replay:
    """Contacts, accounts and escalation policies are as they are now, schedules as they were; silences are left out.

    Fallbacks and tries that are made again are not counted. InvalidInputError on `since` when there is too much.
    """
    firings = _firings(since)
    now = matchers()
    views = {view.policy_id: view for view in policy_versions({matcher.version_id for matcher in now}).values()}
    try:
        current = _tally(firings, [matcher for matcher in now if not matcher.is_shadow], views, until)
        draft = _tally(firings, drafts.matchers, drafts.views, until) if drafts is not None else None
    except TooMuchToReplayError:
        raise InvalidInputError({"since": "this would be too many messages to replay; choose a shorter time"}) from None
    return Replay(since, until, len(firings), current, draft)


def _firings(since: datetime) -> list[Firing]:
    rows = execute(_FIRINGS, {"since": since, "most": MOST_FIRINGS + 1})
    if len(rows) > MOST_FIRINGS:
        raise InvalidInputError({"since": f"more than {MOST_FIRINGS} events fired since; choose a shorter time"})
    names = {pk: key.name for pk, key in integration_keys({row[1] for row in rows}).items()} if rows else {}
    firings = []
    for event_id, integration_id, text, severity, starts, ends, claimed_at in rows:
        labels = msgspec.json.decode(text, type=dict[str, str])
        seen = match_labels(labels, severity, names[integration_id])
        firings.append(Firing(event_id, integration_id, seen, severity, starts, ends, claimed_at))
    return firings


@dataclass(slots=True)
class _Counts:
    messages: Counter[Channel] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)
    reached: set[int] = field(default_factory=set)


def _tally(
    firings: Sequence[Firing], policies: Sequence[Matcher], views: Mapping[int, PolicyView], until: datetime
) -> Tally:
    walk = Walk(policies)
    ladders = chains({view.escalation_id for view in views.values() if view.escalation_id is not None})
    alerts = replay(firings, walk, views, ladders, until)
    counts = _Counts()
    _count(alerts, counts)
    due = [(at, alert) for at, alert in enumerate(alerts) if alert.tellings]
    return Tally(
        alerts=len(alerts),
        messages={channel: counts.messages[channel] for channel in Channel if counts.messages[channel]},
        people=dict(counts.people.most_common(10)),
        unreached=tuple(_title(alert) for at, alert in due if at not in counts.reached),
        unmatched=sum(not walk.policies_for(one.labels, one.integration_id) for one in firings),
    )


def _count(alerts: Sequence[ReplayedAlert], counts: _Counts) -> None:
    tellings = [(at, alert, telling) for at, alert in enumerate(alerts) for telling in alert.tellings]
    if not tellings:
        return
    named = {pk for _at, _alert, telling in tellings for pk, _ in telling.targets}
    directories = directories_at(named, {telling.at for _at, _alert, telling in tellings})
    carried, mentions_by = carriers()
    for at, alert, telling in tellings:
        if moment_for(alert.policy.window, telling.cause, telling.severity, telling.at).is_dropped:
            continue
        made = plan(
            telling.targets,
            directories[telling.at],
            channels_carried=carried,
            mentions_by=mentions_by,
            is_recovery=telling.cause is Cause.RECOVERED,
            severity=telling.severity,
            severity_limits=telling.limits,
        )
        if made.deliveries:
            counts.reached.add(at)
        for item in made.deliveries:
            counts.messages[item.channel] += 1
            if item.channel in PERSONAL_CHANNELS and item.channel is not Channel.EMAIL:
                counts.people[item.name] += 1


def _title(alert: ReplayedAlert) -> str:
    grouped = ", ".join(f"{key}={value}" for key, value in alert.labels.items())
    return f"{alert.policy.name}: {grouped or 'everything together'}"
