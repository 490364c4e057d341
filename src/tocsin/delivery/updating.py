"""A group's first message of an alert shows what became of it: claimed, given to somebody, recovered, open again.

A change never posts anything. What cannot be changed is told in the timeline, and tried again only when the alert
changes once more.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.channels.base import Limit, Message, Outcome, SendResult, UpdatingProvider
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.core.storable import storable
from tocsin.delivery.addressing import Addresses, Route, read_addresses
from tocsin.delivery.contents import ContentText
from tocsin.delivery.dialects import escape_markdown, on_one_line
from tocsin.delivery.lanes import Grant, block_lanes, take_tokens
from tocsin.delivery.postings import DuePosting, Finished, finish_postings, look_at_changed, take_postings
from tocsin.delivery.queue_rows import QueueRow, read_rows
from tocsin.delivery.render import AlertSummary, render, zone_named
from tocsin.delivery.rules import Cause
from tocsin.delivery.rules.told import CODED, FAULT, NO_RESULT
from tocsin.delivery.rules.updating import after_update
from tocsin.delivery.summaries import summaries
from tocsin.events.retrying import in_transaction

logger = logging.getLogger(__name__)

_AT_ONCE = 50
_SLOTS = 4
"""Of one account or robot: a slow vendor holds up its own messages."""
_LONGEST = 20.0
"""Seconds for one change."""
_BEGUN_WITHIN = 20.0
"""Seconds after which a batch begins nothing more: with `_LONGEST` it ends well before the lease of what it took."""


@dataclass(frozen=True, slots=True)
class _Change:
    posting: DuePosting
    route: Route = field(repr=False)
    message: Message = field(repr=False)


def show_changes(
    now: datetime, *, limit: int = _AT_ONCE, slots: int = _SLOTS, begun_within: float = _BEGUN_WITHIN
) -> int:
    """Looks at up to `limit` messages of alerts that have changed and returns how many. Others skip what it takes."""
    look_at_changed(now)
    due = take_postings(now, limit)
    if not due:
        return 0
    stale = [posting for posting in due if posting.look != posting.shown]
    changes = _changes(stale, now)
    going, finished = _pass_lanes(changes, now)
    begun = {change.posting.delivery_id for change in changes}
    finished += [Finished(item.delivery_id, item.wanted, item.shown) for item in due if item.delivery_id not in begun]
    if going:
        results = asyncio.run(_update_all(going, slots, begun_within))
        block_lanes(_blocked(going, results, now))
        for change, result in zip(going, results, strict=True):
            finished.append(_not_begun(change.posting, now) if result is None else _finished(change, result, now))
    finish_postings(finished, now)
    return len(due)


def _changes(stale: Sequence[DuePosting], now: datetime) -> list[_Change]:
    """Messages of robots that are gone or switched off stay as they are."""
    rows = {row.id: row for row in read_rows([posting.delivery_id for posting in stale])}
    if not rows:
        return []
    addresses = read_addresses(list(rows.values()), now)
    told = _told({posting.alert_id for posting in stale})
    changes = []
    for posting in stale:
        row, alert = rows.get(posting.delivery_id), told.get(posting.alert_id)
        route = addresses.route(row) if row is not None and addresses.why_not(row) is None else None
        if row is None or alert is None or route is None or not route.capabilities.can_update:
            continue
        if not posting.differs(has_buttons=route.capabilities.has_buttons):
            continue
        changes.append(_Change(posting, route, _message(row, route, addresses, *alert)))
    return changes


def _told(alert_ids: set[int]) -> dict[int, tuple[Alert, AlertSummary]]:
    alerts = Alert.objects.in_bulk(alert_ids)
    known = summaries(dict.fromkeys(alerts, Cause.FIRED))
    return {pk: (alert, known[pk]) for pk, alert in alerts.items() if pk in known}


def _message(row: QueueRow, route: Route, addresses: Addresses, alert: Alert, summary: AlertSummary) -> Message:
    """The text of the alert as it is now, below a line that says who has it."""
    is_over = alert.state == AlertState.RESOLVED and not summary.active
    robot = addresses.robots.get(row.recipient_id)
    zone = robot.time_zone if robot is not None else ""
    shown = replace(summary, cause=Cause.RECOVERED if is_over else Cause.FIRED)
    text = render(shown, Channel(row.channel), language=row.language, time_zone=zone)
    with translation.override(row.language or settings.DEFAULT_LANGUAGE):
        status = on_one_line(_status(alert, zone_named(zone)))
    if not status:
        content = ContentText(text.subject, text.text, "", text.markdown)
    else:
        marked = f"**{escape_markdown(status)}**\n\n{text.markdown}" if text.markdown else ""
        content = ContentText(text.subject, f"{status}\n{text.text}", "", marked)
    message = addresses.message(row, route, content)
    return replace(message, alert_state=alert.state, urgent=message.urgent and alert.state == AlertState.PENDING)


def _status(alert: Alert, zone: ZoneInfo) -> str:
    if alert.state == AlertState.HANDLING:
        return _("Claimed by %(name)s at %(time)s") % {"name": alert.claimed_by, "time": _clock(alert.claimed_at, zone)}
    if alert.state == AlertState.RESOLVED and alert.resolved_by:
        told = {"name": alert.resolved_by, "time": _clock(alert.resolved_at, zone)}
        return _("Resolved by %(name)s at %(time)s") % told
    if alert.state == AlertState.RESOLVED:
        return _("Recovered at %(time)s") % {"time": _clock(alert.resolved_at, zone)}
    return _("Given to %(name)s") % {"name": alert.assigned_name} if alert.assigned_name else ""


def _clock(at: datetime | None, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M") if at is not None else ""


def _pass_lanes(changes: Sequence[_Change], now: datetime) -> tuple[list[_Change], list[Finished]]:
    """The platform counts changes as messages: what gets no token waits, and is no try."""
    wanted: dict[str, tuple[Limit, int]] = {}
    for change in changes:
        if change.route.lane and (limit := change.route.capabilities.limit) is not None:
            wanted[change.route.lane] = (limit, wanted.get(change.route.lane, (limit, 0))[1] + 1)
    grants: Mapping[str, Grant] = in_transaction(lambda: take_tokens(wanted, now)) if wanted else {}
    going, waiting = [], []
    for change in changes:
        grant = grants.get(change.route.lane)
        if grant is None or grant.count > 0:
            going.append(change)
            if grant is not None:
                grant.count -= 1
        else:
            posting = change.posting
            waiting.append(Finished(posting.delivery_id, posting.wanted, posting.shown, due_at=grant.opens_at))
    return going, waiting


async def _update_all(changes: Sequence[_Change], at_once: int, within: float) -> list[SendResult | None]:
    """None: there was no time to begin it."""
    http = HttpClient(allow=settings.OUTGOING_ALLOW)
    slots = {change.route.key: asyncio.Semaphore(at_once) for change in changes}
    until = asyncio.get_running_loop().time() + within
    opened: dict[tuple[str, int, int], UpdatingProvider] = {}

    def provider_of(change: _Change) -> UpdatingProvider:
        route = change.route
        if route.key not in opened:
            opened[route.key] = cast(UpdatingProvider, route.provider.open(route.config, http))
        return opened[route.key]

    try:
        begun = [_update(change, provider_of, slots[change.route.key], until) for change in changes]
        return await asyncio.gather(*begun)
    finally:
        await asyncio.gather(*(provider.aclose() for provider in opened.values()), return_exceptions=True)
        await http.aclose()


async def _update(
    change: _Change, provider_of: Callable[[_Change], UpdatingProvider], slots: asyncio.Semaphore, until: float
) -> SendResult | None:
    """Never raises: what cannot be opened, either, is its own outcome. None when it did not begin by `until`."""
    if change.route.problem:
        return SendResult(Outcome.PERMANENT_CONFIG, "open", change.route.problem)
    try:
        async with asyncio.timeout_at(until):
            await slots.acquire()
    except TimeoutError:
        return None
    try:
        async with asyncio.timeout(_LONGEST):
            return await provider_of(change).update(change.message, change.posting.provider_id)
    except TimeoutError:
        return SendResult(Outcome.AMBIGUOUS, "timeout", NO_RESULT)
    except Exception as error:
        logger.exception("provider %s failed in an unforeseen way", change.route.provider.name)
        return SendResult(Outcome.AMBIGUOUS, "fault", FAULT % {"problem": type(error).__name__})
    finally:
        slots.release()


def _blocked(changes: Sequence[_Change], results: Sequence[SendResult | None], now: datetime) -> dict[str, datetime]:
    return {
        change.route.lane: now + result.retry_after
        for change, result in zip(changes, results, strict=True)
        if result is not None and result.outcome is Outcome.RATE_LIMITED and result.retry_after and change.route.lane
    }


def _not_begun(posting: DuePosting, now: datetime) -> Finished:
    """Behind what others wait for, and no try."""
    return Finished(posting.delivery_id, posting.wanted, posting.shown, due_at=now)


def _finished(change: _Change, result: SendResult, now: datetime) -> Finished:
    posting = change.posting
    following = after_update(result, tries=posting.tries + 1, now=now, random=random.random)
    failure = CODED % {"code": result.code, "detail": result.detail} if result.code else result.detail
    return Finished(
        posting.delivery_id,
        posting.wanted,
        posting.look if following.is_shown else posting.shown,
        is_changed=following.is_shown,
        is_tried=True,
        due_at=following.due_at,
        is_over=following.is_over,
        failure="" if following.is_shown else storable(failure, 500),
    )
