"""The third step: due deliveries are re-checked, given an account and a token, and committed as *sending*."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from tocsin.alerts.rules import AlertState
from tocsin.channels.base import Message, Question
from tocsin.channels.health import begin_probes
from tocsin.channels.kinds import Channel
from tocsin.delivery.addressing import Addresses, Route, read_addresses
from tocsin.delivery.caps import Caps, caps_in_force
from tocsin.delivery.digests import write_digests
from tocsin.delivery.fallbacks import follow_failed_calls
from tocsin.delivery.passing import pass_lanes
from tocsin.delivery.queue_rows import (
    Held,
    QueueRow,
    Skip,
    ids_of_others,
    mark_held,
    mark_merged,
    mark_sending,
    mark_skipped,
    mark_waiting,
    quiet_alerts,
    read_calls,
    read_due,
    release_merged,
    with_what_they_stand_for,
)
from tocsin.delivery.rules import Cause, DeliveryState, Purpose, Reason
from tocsin.delivery.rules.hours import moment_for
from tocsin.delivery.rules.sending import CALLS_MERGE_WITHIN, MAX_HELD_CALL, why_not_now
from tocsin.delivery.rules.told import RESTS
from tocsin.delivery.storms import announce, count_sent, hold_back, rest_of_storms, stormy_pairs
from tocsin.events.retrying import retried
from tocsin.events.statements import execute

_CAPPED = (Channel.PHONE, Channel.SMS)
_CALL_CHECK_EVERY = timedelta(seconds=5)
_PLANNED_AGAIN_WITHIN = timedelta(seconds=1)
_PLANS_WITHIN = timedelta(minutes=1)
_TOLD_FIRINGS = """
WITH planned AS (
    SELECT n.alert_id, coalesce(d.merged_into_id, d.id) AS delivery_id
    FROM delivery_notification n JOIN delivery_delivery d ON d.notification_id = n.id
    WHERE n.alert_id = ANY(%s) AND n.cause <> 'recovered'
)
SELECT DISTINCT p.alert_id, s.recipient_id, s.channel
FROM planned p CROSS JOIN LATERAL (
    SELECT unnest(ARRAY[id, fallback_of_id]) AS id FROM delivery_delivery WHERE id = p.delivery_id
    UNION ALL SELECT id FROM delivery_delivery WHERE fallback_of_id = p.delivery_id
) w JOIN delivery_delivery s ON s.id = w.id
WHERE s.state IN ('sending', 'accepted', 'delivered', 'ambiguous') OR s.reason = 'shadow'
"""
_WAITS = (Reason.OUTSIDE_WINDOW, Reason.MUTED)
_GONE = (Reason.CONTACT_DELETED, Reason.ROBOT_DELETED, Reason.WEBHOOK_DELETED, Reason.REPLACED)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One delivery that this worker may send now, with everything the send needs; no connection is held."""

    delivery_id: int
    attempt: int
    purpose: Purpose
    channel: Channel
    recipient_id: int
    verification_id: int | None
    route: Route = field(repr=False)
    message: Message = field(repr=False)
    has_other_account: bool
    tried_accounts: tuple[int, ...]
    started_at: datetime
    doubt: Doubt | None = None
    passed_over: str = ""
    """Accounts that come first and are paused, or take no more for now, each with why."""
    held_since: datetime | None = None
    """When a limit held it first; None: none did."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """An earlier try whose reply was lost, and who can be asked whether it was taken."""

    route: Route = field(repr=False)
    question: Question


@retried
def claim(
    now: datetime, *, worker_id: int, limit: int = 100, rooms: Mapping[Channel, int] | None = None
) -> list[Claimed]:
    """Takes up to `limit` due deliveries, verification texts first, then calls. Others skip what this one locked.

    `rooms`: how many of each channel, and of no other one.
    """
    rows = read_due(now, rooms if rooms is not None else dict.fromkeys(Channel, limit), limit)
    if not rows:
        return []
    rows += _calls_due_soon([row for row in rows if row.is_call], now)
    rows += rest_of_storms(rows, now)
    rows = with_what_they_stand_for(rows)
    addresses = read_addresses(rows, now)
    checked = _check(rows, addresses, now)

    held: list[Held] = []
    ready = _wait_for_running_calls(checked.ready, now, held)
    ready, waited = _merge_waited(ready)
    caps = (
        caps_in_force() if any(row.purpose == Purpose.ALERT and row.channel in _CAPPED for row, _ in ready) else Caps()
    )
    ready, had = hold_back(ready, caps, now, held)
    stormy = stormy_pairs(ready)
    ready, merged = _merge(ready, stormy)
    ready, closed = pass_lanes(ready, addresses, now, held)
    skips = [*checked.skips, *_give_up_held_calls(held, now)]

    mark_merged(waited, now)
    mark_merged(merged, now)
    mark_waiting(checked.waits)
    mark_waiting(checked.muted, Reason.MUTED)
    mark_held(held, now)
    mark_skipped(skips, now)
    _let_go(rows, skips, checked.waits | checked.muted, now)
    contents = write_digests(merged)
    begin_probes(addresses.probed & {route.account_id for _, route in ready if route.account_id is not None}, now)
    contents |= announce(count_sent(ready, stormy, had, caps, now), ready, contents, addresses.contents)
    others = ids_of_others([row.id for row, _ in ready if row.state == DeliveryState.AMBIGUOUS])
    mark_sending([(row, route.account_id, route.lane) for row, route in ready], worker_id, now)
    follow_failed_calls([skip.id for skip in skips if skip.state is DeliveryState.FAILED], now)
    return [
        Claimed(
            delivery_id=row.id,
            attempt=row.attempt_count + 1,
            purpose=Purpose(row.purpose),
            channel=Channel(row.channel),
            recipient_id=row.recipient_id,
            verification_id=row.verification_id,
            route=route,
            message=addresses.message(row, route, contents.get(row.id)),
            has_other_account=addresses.has_other_account(row, route),
            tried_accounts=row.tried_accounts,
            started_at=now,
            doubt=_doubt(row, addresses, others.get(row.id, frozenset())),
            passed_over="\n".join([*_resting(row, route, addresses), *closed.get(row.id, ())]),
            held_since=row.limited_since,
        )
        for row, route in ready
    ]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What the re-check leaves: who may go and how, until when others wait, and who does not go."""

    ready: list[tuple[QueueRow, Route]] = field(default_factory=list)
    waits: dict[int, datetime] = field(default_factory=dict)
    muted: dict[int, datetime] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)


def _check(rows: Sequence[QueueRow], addresses: Addresses, now: datetime) -> _Checked:
    sent_firings = _sent_firings(row for row in rows if row.cause == Cause.RECOVERED)
    quiet = quiet_alerts({row.alert_id for row in rows if row.alert_id and row.cause != Cause.RECOVERED})
    found = _Checked()
    for row in rows:
        reason = _why_not(row, addresses, sent_firings, quiet, now)
        moment = moment_for(row.window, row.cause, row.severity, now)
        if reason is None and moment.is_dropped:
            reason = Reason.OUTSIDE_WINDOW
        if reason is Reason.MUTED and row.muted_until is not None and row.state != DeliveryState.AMBIGUOUS:
            found.muted[row.id] = row.muted_until
        elif reason is None and moment.at is not None:
            found.waits[row.id] = moment.at
        elif reason is None and _is_planned_again(row, now):
            found.waits[row.id] = now + _PLANNED_AGAIN_WITHIN
        elif reason is None and row.is_shadow:
            found.skips.append(Skip(row.id, DeliveryState.SKIPPED, Reason.SHADOW))
        elif reason is not None:
            state = DeliveryState.CANCELLED if reason in _GONE else DeliveryState.SKIPPED
            found.skips.append(Skip(row.id, state, reason))
        elif (route := addresses.route(row)) is None:
            found.skips.append(Skip(row.id, DeliveryState.FAILED, Reason.NO_ACCOUNT))
        else:
            found.ready.append((row, route))
    return found


def _resting(row: QueueRow, route: Route, addresses: Addresses) -> list[str]:
    resting = addresses.passed_over(row, route)
    return [RESTS % {"name": account.name, "why": account.last_failure or "?"} for account in resting]


def _is_planned_again(row: QueueRow, now: datetime) -> bool:
    """It waited for its hours or for a mute, and whoever plans is about to end it (`opening`), or is long gone."""
    waited = row.reason in _WAITS and row.state == DeliveryState.PLANNED and row.attempt_count == 0
    is_of_policy = row.cause in (Cause.FIRED, Cause.ADDED, Cause.REPEATED) and row.fallback_of_id is None
    due_at = row.alert_due_at
    return waited and is_of_policy and due_at is not None and now - _PLANS_WITHIN < due_at <= now


def _let_go(rows: Sequence[QueueRow], skips: Sequence[Skip], waits: Collection[int], now: datetime) -> None:
    """What stands for others and does not go out takes none of them along, unless it is in doubt and may have told."""
    unsent = {*waits} | {skip.id for skip in skips if skip.state is not DeliveryState.FAILED}
    certain = {row.id: row for row in rows if row.id in unsent and row.state != DeliveryState.AMBIGUOUS}
    left = release_merged(list(certain), now)
    write_digests({pk: [certain[pk]] for pk in left if pk in waits})


def _doubt(row: QueueRow, addresses: Addresses, others: frozenset[str]) -> Doubt | None:
    """What was sent over the route of that try: another vendor's text is another one."""
    if row.state != DeliveryState.AMBIGUOUS or row.last_started_at is None:
        return None
    route = addresses.last_route(row)
    if route is None or not route.capabilities.can_be_asked:
        return None
    sent = addresses.message(row, route, None)
    return Doubt(route, Question(sent.reference, sent.to, row.last_started_at, text=sent.text, others=others))


def _why_not(
    row: QueueRow, addresses: Addresses, sent_firings: set[tuple[int, int, str]], quiet: set[int], now: datetime
) -> Reason | None:
    """The re-check: what changed since the plan. None: it may go."""
    if (reason := addresses.why_not(row)) is not None:
        return reason
    if row.cause is None or row.alert_state is None or row.alert_id is None:
        return None
    if not (row.is_policy_enabled or row.is_shadow):
        return Reason.POLICY_DISABLED
    if row.alert_id in quiet and row.cause is not Cause.RECOVERED and row.alert_state is not AlertState.RESOLVED:
        return Reason.SILENCED
    was_sent = (row.alert_id, row.recipient_id, row.channel) in sent_firings
    return why_not_now(
        row.cause,
        row.alert_state,
        firing_was_sent=was_sent,
        reaches_claimed=row.reaches_claimed,
        is_muted=row.muted_until is not None and row.muted_until > now,
    )


def _calls_due_soon(calls: Sequence[QueueRow], now: datetime) -> list[QueueRow]:
    """Other calls to the same people within the next minute: they become one call."""
    people = {row.recipient_id for row in calls}
    if not people:
        return []
    soon = read_calls(now + CALLS_MERGE_WITHIN, people)
    known = {row.id for row in calls}
    return [row for row in soon if row.id not in known]


def _wait_for_running_calls(
    ready: Sequence[tuple[QueueRow, Route]], now: datetime, held: list[Held]
) -> list[tuple[QueueRow, Route]]:
    """A person who is on the phone with us is not called meanwhile."""
    people = {row.recipient_id for row, _ in ready if row.is_call}
    if not people:
        return list(ready)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT recipient_id FROM delivery_delivery
            WHERE channel = 'phone' AND recipient_id = ANY(%s)
              AND (state = 'sending' OR (state IN ('accepted', 'ambiguous') AND deadline_at > %s))
            """,
            [list(people), now],
        )
        busy = {recipient_id for (recipient_id,) in cursor.fetchall()}
    free = []
    for row, route in ready:
        if row.is_call and row.recipient_id in busy:
            held.append(Held(row, now + _CALL_CHECK_EVERY))
        else:
            free.append((row, route))
    return free


def _merge_waited(
    ready: Sequence[tuple[QueueRow, Route]],
) -> tuple[list[tuple[QueueRow, Route]], dict[int, list[QueueRow]]]:
    """Of what waited for the hours of a policy, or for the end of a mute, only the newest message of one alert to one
    recipient goes out.

    Returns as `_merge`; the newest keeps its text, which tells of the alert as a whole.
    """
    groups: dict[tuple[object, ...], list[QueueRow]] = {}
    for row, _route in ready:
        if row.reason in _WAITS:
            groups.setdefault((row.alert_id, row.recipient_id, row.channel), []).append(row)
    newest_first = [sorted(rows, key=lambda row: -row.id) for rows in groups.values() if len(rows) > 1]
    gone = {row.id for rows in newest_first for row in rows[1:]}
    return [(row, route) for row, route in ready if row.id not in gone], {rows[0].id: rows for rows in newest_first}


def _merge(
    ready: Sequence[tuple[QueueRow, Route]], stormy: Collection[tuple[int, str]]
) -> tuple[list[tuple[QueueRow, Route]], dict[int, list[QueueRow]]]:
    """Several calls to one person become one; so do messages that a limit held for one recipient, and those of a storm.

    Returns what remains and, per surviving delivery id, the rows that it stands for (itself included, newest first).
    """
    groups: dict[tuple[object, ...], list[QueueRow]] = {}
    for row, route in ready:
        if row.purpose != Purpose.ALERT:
            continue
        if row.is_call:
            groups.setdefault(("call", row.recipient_id), []).append(row)
        elif (row.recipient_id, row.channel) in stormy and route.capabilities.may_merge:
            groups.setdefault(("storm", row.recipient_id, row.channel), []).append(row)
        elif row.state == DeliveryState.HELD and route.capabilities.may_merge:
            groups.setdefault((route.lane, row.recipient_id, row.channel), []).append(row)
    merged: dict[int, list[QueueRow]] = {}
    gone: set[int] = set()
    for rows in groups.values():
        if len(rows) > 1:
            newest_first = sorted(rows, key=lambda row: row.id, reverse=True)
            merged[newest_first[0].id] = newest_first
            gone |= {row.id for row in newest_first[1:]}
    return [(row, route) for row, route in ready if row.id not in gone], merged


def _give_up_held_calls(held: list[Held], now: datetime) -> list[Skip]:
    """A call that was held for a minute has failed; one that would be is looked at again in time."""
    given_up = []
    for item in [item for item in held if item.row.is_call and item.row.purpose == Purpose.ALERT]:
        if item.reason is Reason.PERSON_CAP:
            continue
        limit = (item.row.limited_since or now) + MAX_HELD_CALL
        if limit <= now:
            held.remove(item)
            given_up.append(Skip(item.row.id, DeliveryState.FAILED, Reason.HELD_TOO_LONG))
        else:
            item.until = min(item.until, limit)
    return given_up


def _sent_firings(rows: Iterable[QueueRow]) -> set[tuple[int, int, str]]:
    """(alert, recipient, channel) of those who were told that it fires; who heard it in a call is texted the rest.

    What became part of another message was told if that one was, or what followed it when it failed.
    """
    alert_ids = {row.alert_id for row in rows}
    if not alert_ids:
        return set()
    told = set(execute(_TOLD_FIRINGS, [list(alert_ids)]))
    called = {(alert_id, recipient_id) for alert_id, recipient_id, channel in told if channel == Channel.PHONE}
    return told | {(alert_id, recipient_id, Channel.SMS.value) for alert_id, recipient_id in called}
