"""Storms become few messages, and nobody gets more calls and texts in an hour than the installation allows.

A message that waits here is *held*; what is held for one recipient is one message when the time comes, and what has
recovered by then is not told. The first call of an alert to a person, the text after a call that failed, and the first
text of a P1 are never held by the cap, nor is what was let through once and is tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.channels.kinds import Channel
from tocsin.delivery.addressing import Route
from tocsin.delivery.caps import Caps
from tocsin.delivery.contents import ContentText
from tocsin.delivery.models import Content
from tocsin.delivery.queue_rows import Held, QueueRow, read_due_to
from tocsin.delivery.render import alerts_url, zone_named
from tocsin.delivery.rules import Cause, DeliveryState, Purpose, Reason
from tocsin.delivery.rules.storms import STORM_FROM, Allowance
from tocsin.events.rules import Severity
from tocsin.events.statements import execute, run

Pair = tuple[int, str]
"""Recipient and channel."""
_GATHERED = (Channel.EMAIL, Channel.SMS)
"""Robots have limits of their vendors, which gather; a webhook wants each."""
Ready = Sequence[tuple[QueueRow, Route]]
_READ = """
SELECT recipient_id, channel, began_at, sent, rests_until FROM delivery_allowance
WHERE (recipient_id, channel) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
ORDER BY recipient_id, channel FOR NO KEY UPDATE
"""
_BEGIN = """
INSERT INTO delivery_allowance (recipient_id, channel, began_at, sent)
SELECT u.recipient_id, u.channel, %s, 0 FROM unnest(%s::bigint[], %s::text[]) AS u (recipient_id, channel)
ORDER BY 1, 2 ON CONFLICT DO NOTHING
"""
_WRITE = """
UPDATE delivery_allowance a SET began_at = u.began_at, sent = u.sent, rests_until = u.rests_until
FROM unnest(%s::bigint[], %s::text[], %s::timestamptz[], %s::int[], %s::timestamptz[])
     AS u (recipient_id, channel, began_at, sent, rests_until)
WHERE a.recipient_id = u.recipient_id AND a.channel = u.channel
"""
_CALLED = """
SELECT DISTINCT n.alert_id, d.recipient_id
FROM delivery_delivery d JOIN delivery_notification n ON n.id = d.notification_id
WHERE n.alert_id = ANY(%s) AND d.recipient_id = ANY(%s) AND d.channel = 'phone' AND d.attempt_count > 0
"""


def rest_of_storms(rows: Sequence[QueueRow], now: datetime) -> list[QueueRow]:
    """What else is due to recipients of whom many messages are in these rows; locked."""
    counts: dict[Pair, int] = {}
    for row in rows:
        if row.purpose == Purpose.ALERT and row.channel in _GATHERED:
            counts[_pair(row)] = counts.get(_pair(row), 0) + 1
    stormy = [pair for pair, count in counts.items() if count >= STORM_FROM]
    if not stormy:
        return []
    known = {row.id for row in rows}
    return [row for row in read_due_to(stormy, now) if row.id not in known]


def stormy_pairs(ready: Ready) -> set[Pair]:
    """Recipients and channels whose messages become one now because they are many."""
    counts: dict[Pair, int] = {}
    for row, route in ready:
        if row.purpose == Purpose.ALERT and row.channel in _GATHERED and route.capabilities.may_merge:
            counts[_pair(row)] = counts.get(_pair(row), 0) + 1
    return {pair for pair, count in counts.items() if count >= STORM_FROM}


def hold_back(
    ready: Ready, caps: Caps, now: datetime, held: list[Held]
) -> tuple[list[tuple[QueueRow, Route]], Mapping[Pair, Allowance]]:
    """What may go now, and what the recipients had so far. Call it before messages are merged."""
    ruled = [(row, route) for row, route in ready if _is_ruled(row, route)]
    if not ruled:
        return list(ready), {}
    known = _read(ruled, caps, now)
    stormy = stormy_pairs(ready)
    first_calls = _first_calls([row for row, _route in ruled if row.is_call and _has_no_room(row, known, caps, now)])
    left = {pair: allowance.room(caps.of(pair[1]), now) for pair, allowance in known.items()}
    free = []
    for row, route in ready:
        allowance = known.get(_pair(row)) if _is_ruled(row, route) else None
        until, reason = None, Reason.GATHERED
        is_allowed = row.id in first_calls or row.fallback_of_id is not None or _was_counted(row)
        if allowance is not None and not is_allowed:
            until = None if row.is_call else allowance.rests(now)
            room = None if _is_news_of_the_worst(row) else left[_pair(row)]
            is_one = row.is_call or row.state == DeliveryState.HELD or _pair(row) in stormy
            if until is None and room is not None and room <= 0:
                until, reason = allowance.at(now).ends_at, Reason.PERSON_CAP
            elif until is None and room is not None and not is_one:
                left[_pair(row)] = room - 1
        if until is None:
            free.append((row, route))
        else:
            held.append(Held(row, until, reason))
    return free, known


def count_sent(
    ready: Ready, stormy: Iterable[Pair], known: Mapping[Pair, Allowance], caps: Caps, now: datetime
) -> dict[int, datetime]:
    """Writes down what goes now. Returns deliveries that have to say until when further ones are held back."""
    sent: dict[Pair, list[QueueRow]] = {}
    for row, route in ready:
        if _is_ruled(row, route):
            sent.setdefault(_pair(row), []).append(row)
    storms = set(stormy)
    changed: dict[Pair, Allowance] = {}
    notices: dict[int, datetime] = {}
    for pair, rows in sent.items():
        cap, before = caps.of(pair[1]), known.get(pair, Allowance(now))
        new = [row for row in rows if not _was_counted(row)]
        if pair not in storms and not (cap and new):
            continue
        changed[pair] = after = before.after(len(new), now, is_storm=pair in storms)
        if before.reaches(len(new), cap, now):
            notices[new[-1].id] = after.ends_at
    _write(changed, known, now)
    return notices


def announce(
    notices: Mapping[int, datetime],
    ready: Ready,
    digests: Mapping[int, ContentText],
    planned: Mapping[int, ContentText],
) -> dict[int, ContentText]:
    """Gives these deliveries a text of their own that says it; returns the texts."""
    told = {}
    for row, _route in ready:
        if row.id in notices:
            text = digests.get(row.id) or planned.get(row.content_id or 0) or ContentText()
            told[row.id] = _with_notice(text, row, notices[row.id])
    contents = {
        pk: Content(subject=text.subject, text=text.text, html=text.html, markdown=text.markdown, data=text.data)
        for pk, text in told.items()
    }
    if contents:
        Content.objects.bulk_create(contents.values())
        run(
            "UPDATE delivery_delivery d SET content_id = u.content_id"
            " FROM unnest(%s::bigint[], %s::bigint[]) AS u (id, content_id) WHERE d.id = u.id",
            [list(contents), [content.pk for content in contents.values()]],
        )
    return told


def _with_notice(text: ContentText, row: QueueRow, until: datetime) -> ContentText:
    with translation.override(row.language or settings.DEFAULT_LANGUAGE):
        said = {"time": until.astimezone(zone_named("")).strftime("%H:%M"), "url": alerts_url()}
        if row.is_call:
            line = _("Further calls to you are held back until %(time)s.") % said
        elif said["url"]:
            line = _("Further text messages to you are held back until %(time)s; see %(url)s") % said
        else:
            line = _("Further text messages to you are held back until %(time)s.") % said
    return replace(text, text=f"{text.text} {line}".strip())


def _is_ruled(row: QueueRow, route: Route) -> bool:
    may = row.is_call or (row.channel in _GATHERED and route.capabilities.may_merge)
    return row.purpose == Purpose.ALERT and may


def _was_counted(row: QueueRow) -> bool:
    """With its first try, whatever became of that: the cap counts messages, not tries."""
    return row.attempt_count > 0


def _is_news_of_the_worst(row: QueueRow) -> bool:
    """Whom an escalation or a colleague turns to hears of the alert for the first time."""
    return row.cause in (Cause.FIRED, Cause.ESCALATED, Cause.ASSIGNED) and row.severity == Severity.P1


def _pair(row: QueueRow) -> Pair:
    return row.recipient_id, row.channel


def _has_no_room(row: QueueRow, known: Mapping[Pair, Allowance], caps: Caps, now: datetime) -> bool:
    allowance = known.get(_pair(row))
    return allowance is not None and allowance.room(caps.of(row.channel), now) == 0


def _first_calls(rows: Sequence[QueueRow]) -> set[int]:
    """Calls to people who have not been called about the alert yet."""
    if not rows:
        return set()
    called = set(execute(_CALLED, [[row.alert_id for row in rows], [row.recipient_id for row in rows]]))
    return {row.id for row in rows if (row.alert_id, row.recipient_id) not in called}


def _read(ready: Ready, caps: Caps, now: datetime) -> dict[Pair, Allowance]:
    """Locked until the claim commits, in one order."""
    pairs = sorted({_pair(row) for row, _route in ready})
    capped = [pair for pair in pairs if caps.of(pair[1])]
    if capped:
        run(_BEGIN, [now, [pair[0] for pair in capped], [pair[1] for pair in capped]])
    rows = execute(_READ, [[pair[0] for pair in pairs], [pair[1] for pair in pairs]])
    return {(recipient_id, channel): Allowance(*rest) for recipient_id, channel, *rest in rows}


def _write(changed: Mapping[Pair, Allowance], known: Mapping[Pair, Allowance], now: datetime) -> None:
    if not changed:
        return
    if new := sorted(changed.keys() - known.keys()):
        run(_BEGIN, [now, [pair[0] for pair in new], [pair[1] for pair in new]])
    values = list(changed.values())
    run(
        _WRITE,
        [
            [pair[0] for pair in changed],
            [pair[1] for pair in changed],
            [item.began_at for item in values],
            [item.sent for item in values],
            [item.rests_until for item in values],
        ],
    )
