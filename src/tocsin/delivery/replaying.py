"""What a draft of policies would have told of what really fired, beside the policies as they are."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from tocsin.channels.kinds import Channel
from tocsin.contacts.queries import default_fallback
from tocsin.contacts.rules import ContactView, Directory, resolved_fallback
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.caps import caps_in_force
from tocsin.delivery.queries import carriers
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.hours import moment_for
from tocsin.delivery.rules.outgoing import Customs, Outgoing, is_to_a_person, sent
from tocsin.delivery.rules.plan import Plan, plan, plan_recovery
from tocsin.delivery.rules.quiet_spans import quiet_spans
from tocsin.delivery.rules.replaying import Firing, ReplayedAlert, Retelling, TooMuchToReplayError, replay
from tocsin.events.queries import integration_keys
from tocsin.events.rules import match_labels
from tocsin.events.statements import execute
from tocsin.oncall.queries import directories_at
from tocsin.policies.drafts import Drafts
from tocsin.policies.inhibiting import enabled_inhibitions
from tocsin.policies.queries import PolicyView, chains, policy_versions
from tocsin.policies.queries.silences import silences_between
from tocsin.policies.queries.walks import matchers
from tocsin.policies.rules import Matcher, Moment, Walk

MOST_FIRINGS = 200_000

# An event's row is its present state: its last end is known, and of earlier ones when their alert ended. What was in an
# alert before the time, and has not begun anew since, did not fire in it.
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
  AND NOT EXISTS (
      SELECT FROM alerts_alertevent m JOIN alerts_alert a ON a.id = m.alert_id
      WHERE m.event_id = e.id AND (a.resolved_at IS NULL OR a.resolved_at >= e.starts_at)
  )
LIMIT %(most)s
"""


# A call that is still under way is not counted.
_CALLS = """
SELECT d.recipient_id, count(*), count(*) FILTER (WHERE d.state = 'failed')
FROM delivery_delivery d
WHERE d.channel = 'phone' AND d.purpose = 'alert' AND d.planned_at >= %(since)s AND d.state IN ('delivered', 'failed')
GROUP BY d.recipient_id
"""


@dataclass(frozen=True, slots=True)
class Calls:
    """How calls of alerts really went in the time: how many there were, and how many nobody took."""

    made: int
    failed: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What one set of policies would have told. `unreached`: alerts that nobody would have heard of, in order.

    `messages`: as they would have gone out, merged and held back by the caps, with the `follow_ups` of calls that
    nobody takes. `planned`: as they would have been planned, before that.
    """

    alerts: int
    messages: Mapping[Channel, int]
    people: Mapping[str, int]
    """Name -> calls and texts to that person."""
    unreached: tuple[str, ...]
    unmatched: int
    """Firings that no policy would have taken."""
    planned: Mapping[Channel, int]
    follow_ups: Mapping[Channel, int]


@dataclass(frozen=True, slots=True)
class Replay:
    """`draft` is None when only the policies as they are were asked about. `silenced`: firings that were never loud."""

    since: datetime
    until: datetime
    firings: int
    silenced: int
    calls: Calls
    current: Tally
    draft: Tally | None


def replay_period(since: datetime, until: datetime, drafts: Drafts | None = None) -> Replay:
    """Contacts, accounts, silences, inhibitions and escalation policies are as they are now, schedules as they were.

    Of each person's calls as large a part fails as really did in the time. Limits of vendors, and tries that are made
    again, are left out. InvalidInputError on `since` when there is too much.
    """
    fired = _firings(since)
    kept = quiet_spans(fired, silences_between(since, until), enabled_inhibitions(), until)
    firings = [replace(one, quiet=spans) for one, spans in zip(fired, kept, strict=True)]
    now = matchers()
    views = {view.policy_id: view for view in policy_versions({matcher.version_id for matcher in now}).values()}
    calls = {pk: Calls(made, failed) for pk, made, failed in execute(_CALLS, {"since": since})}
    try:
        current = _tally(firings, [matcher for matcher in now if not matcher.is_shadow], views, calls, until)
        draft = _tally(firings, drafts.matchers, drafts.views, calls, until) if drafts is not None else None
    except TooMuchToReplayError:
        raise InvalidInputError({"since": "this would be too many messages to replay; choose a shorter time"}) from None
    silenced = sum(not one.is_loud(until) for one in firings)
    return Replay(since, until, len(firings), silenced, _all(calls), current, draft)


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


def _tally(
    firings: Sequence[Firing],
    policies: Sequence[Matcher],
    views: Mapping[int, PolicyView],
    calls: Mapping[int, Calls],
    until: datetime,
) -> Tally:
    ladders = chains({view.escalation_id for view in views.values() if view.escalation_id is not None})
    replayed = replay(firings, Walk(policies), views, ladders, until)
    alerts = replayed.alerts
    planned, people = _planned(alerts)
    gone = sent(planned, lambda at, moment: alerts[at].state_at(moment), _customs(people, calls))
    reached = {one.alert for one in planned}
    calls_and_texts = Counter(one.name for one in gone if is_to_a_person(one.channel))
    return Tally(
        alerts=len(alerts),
        messages=_by_channel(one.channel for one in gone),
        people=dict(calls_and_texts.most_common(10)),
        unreached=tuple(_title(alert) for at, alert in enumerate(alerts) if alert.tellings and at not in reached),
        unmatched=replayed.unmatched,
        planned=_by_channel(one.channel for one in planned),
        follow_ups=_by_channel(one.channel for one in gone if one.is_fallback),
    )


def _planned(alerts: Sequence[ReplayedAlert]) -> tuple[list[Outgoing], Mapping[int, ContactView]]:
    """Every message that would have been planned, but those that the hours of a policy drop; and who people are."""
    tellings = [(at, alert, telling) for at, alert in enumerate(alerts) for telling in alert.tellings]
    if not tellings:
        return [], {}
    named = {pk for _at, _alert, telling in tellings for pk, _ in telling.targets}
    moments = [
        moment_for(alert.policy.window, one.cause, one.severity, one.at)
        if one.cause is not Cause.ESCALATED
        else Moment()
        for _at, alert, one in tellings
    ]
    told_at = [moment.at or one.at for moment, (_at, _alert, one) in zip(moments, tellings, strict=True)]
    directories = directories_at(named, set(told_at))
    carried, mentions_by = carriers()
    planned: list[Outgoing] = []
    heard: dict[int, set[tuple[int, Channel]]] = defaultdict(set)
    for (at, _alert, telling), moment, goes_at in zip(tellings, moments, told_at, strict=True):
        if moment.is_dropped:
            continue
        made = _plan(telling, directories[goes_at], heard[at], carried, mentions_by)
        heard[at].update((item.recipient_id, item.channel) for item in made.deliveries)
        texted = {item.recipient_id for item in made.deliveries if item.channel is Channel.SMS}
        planned += [
            Outgoing(
                planned_at=telling.at,
                at=goes_at,
                alert=at,
                cause=telling.cause,
                severity=telling.severity,
                recipient_id=item.recipient_id,
                name=item.name,
                channel=item.channel,
                reaches_claimed=telling.reaches_claimed,
                waits=moment.at is not None,
                has_text=item.recipient_id in texted,
            )
            for item in made.deliveries
        ]
    people = {pk: view for directory in directories.values() for pk, view in directory.contacts.items()}
    return planned, people


def _plan(
    telling: Retelling,
    people: Directory,
    heard: Collection[tuple[int, Channel]],
    carried: Collection[Channel],
    mentions_by: Mapping[str, Sequence[str]],
) -> Plan:
    if telling.cause is Cause.RECOVERED:
        return plan_recovery(
            telling.targets, people, heard=heard, channels_carried=carried, mentions_by=mentions_by,
            severity=telling.severity, severity_limits=telling.limits,
        )  # fmt: skip
    return plan(
        telling.targets, people, channels_carried=carried, mentions_by=mentions_by, severity=telling.severity,
        severity_limits=telling.limits,
    )  # fmt: skip


def _customs(people: Mapping[int, ContactView], calls: Mapping[int, Calls]) -> Customs:
    """Who was not called in the time is supposed to take calls as all the others together do."""
    default, every, caps = default_fallback(), _all(calls), caps_in_force()
    return Customs(
        calls_per_hour=caps.calls,
        texts_per_hour=caps.texts,
        fails={pk: _part(calls.get(pk, every)) for pk in people},
        fallbacks={pk: resolved_fallback(view.fallback, default) for pk, view in people.items()},
    )


def _all(calls: Mapping[int, Calls]) -> Calls:
    return Calls(sum(one.made for one in calls.values()), sum(one.failed for one in calls.values()))


def _part(calls: Calls) -> float:
    return calls.failed / calls.made if calls.made else 0.0


def _by_channel(channels: Iterable[Channel]) -> dict[Channel, int]:
    counts = Counter(channels)
    return {channel: counts[channel] for channel in Channel if counts[channel]}


def _title(alert: ReplayedAlert) -> str:
    grouped = ", ".join(f"{key}={value}" for key, value in alert.labels.items())
    return f"{alert.policy.name}: {grouped or 'everything together'}"
