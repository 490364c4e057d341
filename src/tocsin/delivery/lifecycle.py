"""Says what happens to alerts to webhooks that subscribed: signed, in order for each alert, again until it is taken.

The rows are written by a trigger on the activities, in their transaction, so nothing is said of what did not happen
and nothing that happened is forgotten. A notice keeps its id over all its tries.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from django.conf import settings
from django.utils.translation import gettext as _

from tocsin.accounts import audit
from tocsin.accounts.audit import Action
from tocsin.channels.base import Config, Message, Outcome, SendResult
from tocsin.channels.http import HttpClient
from tocsin.channels.kinds import Channel
from tocsin.channels.registry import PROVIDERS
from tocsin.contacts.models import Webhook
from tocsin.contacts.queries.outlets import WEBHOOK_CONFIG, webhook_config
from tocsin.contacts.services import OutletReach, record_outlet_reach
from tocsin.core.actors import Actor
from tocsin.core.errors import (
    ConfigurationError,
    ConflictError,
    InvalidInputError,
    existing,
    refuse_changed,
)
from tocsin.core.ids import to_base36
from tocsin.core.storable import storable
from tocsin.delivery.lifecycle_models import LifecycleNotice, LifecycleSubscription
from tocsin.delivery.render import alert_url
from tocsin.delivery.rules.lifecycle import (
    LEASE,
    LifecycleKind,
    NoticeState,
    SubscriptionState,
    is_taken,
    next_try,
)
from tocsin.delivery.rules.told import FAULT, NOT_OPENED
from tocsin.events.retrying import in_transaction
from tocsin.events.statements import execute, run

logger = logging.getLogger(__name__)

_AT_ONCE = 50
# In turns, so that the backlog of one receiver does not go before what others wait for.
_CLAIM = """
UPDATE delivery_lifecyclenotice n SET next_at = %(until)s, tries = n.tries + 1
FROM (
    SELECT id FROM delivery_lifecyclenotice WHERE next_at <= %(now)s AND id IN (
        SELECT id FROM (
            SELECT o.id, row_number() OVER (PARTITION BY o.subscription_id ORDER BY o.id) AS place
            FROM delivery_lifecyclenotice o
            JOIN delivery_lifecyclesubscription s ON s.id = o.subscription_id AND s.state = 'active'
            JOIN contacts_webhook w ON w.id = s.webhook_id AND w.is_enabled
            WHERE o.next_at <= %(now)s AND NOT EXISTS (
                SELECT FROM delivery_lifecyclenotice e
                WHERE e.alert_id = o.alert_id AND e.subscription_id = o.subscription_id AND e.id < o.id
                  AND e.state = 'waiting'
            )
        ) turns ORDER BY place, id LIMIT %(most)s
    ) ORDER BY id FOR UPDATE SKIP LOCKED
) due
WHERE n.id = due.id AND n.next_at <= %(now)s
RETURNING n.id
"""
_NEXT = """
SELECT min(o.next_at) FROM delivery_lifecyclenotice o
JOIN delivery_lifecyclesubscription s ON s.id = o.subscription_id AND s.state = 'active'
JOIN contacts_webhook w ON w.id = s.webhook_id AND w.is_enabled
WHERE o.next_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM delivery_lifecyclenotice e
    WHERE e.alert_id = o.alert_id AND e.subscription_id = o.subscription_id AND e.id < o.id AND e.state = 'waiting'
)
"""
_RECORD = """
UPDATE delivery_lifecyclenotice n
SET state = u.state, next_at = u.next_at, answered_at = %(now)s, answer = u.answer
FROM json_to_recordset(%(rows)s) AS u (id bigint, tries int, state text, next_at timestamptz, answer text)
WHERE n.id = u.id AND n.tries = u.tries AND n.state = 'waiting'
"""
_FARED = """
UPDATE delivery_lifecyclesubscription s
SET delivered_at = greatest(s.delivered_at, u.delivered_at), failed_at = greatest(s.failed_at, u.failed_at),
    failure = CASE WHEN u.failed_at >= coalesce(s.failed_at, '-infinity') THEN u.failure ELSE s.failure END
FROM (
    SELECT told.* FROM json_to_recordset(%(rows)s)
         AS told (id bigint, delivered_at timestamptz, failed_at timestamptz, failure text)
    JOIN delivery_lifecyclesubscription o ON o.id = told.id ORDER BY o.id FOR NO KEY UPDATE OF o
) u
WHERE s.id = u.id
"""
_LONGEST_ANSWER = 300


@dataclass(frozen=True, slots=True)
class _Said:
    notice: LifecycleNotice
    result: SendResult


def send_lifecycle(now: datetime, *, most: int = _AT_ONCE) -> int:
    """Says what is due, so many at once and none twice; returns how many. No transaction is open meanwhile."""
    claimed = in_transaction(lambda: execute(_CLAIM, {"now": now, "until": now + LEASE, "most": most}))
    ids = [pk for (pk,) in claimed]
    if not ids:
        return 0
    rows = LifecycleNotice.objects.select_related("subscription__webhook", "alert__policy", "activity")
    secrets = [f"subscription__webhook__{field}" for field in WEBHOOK_CONFIG]
    notices = list(rows.defer(*secrets).filter(pk__in=ids))
    configs = _configs({notice.subscription.webhook_id for notice in notices})
    items = [(notice, configs.get(notice.subscription.webhook_id), _message(notice)) for notice in notices]
    said = asyncio.run(_say_all(items))
    _record(said, now)
    return len(said)


def next_lifecycle_at() -> datetime | None:
    """When the next notice may be said; one that waits for an earlier of its alert does not count."""
    [(first,)] = execute(_NEXT)
    return cast("datetime | None", first)


def subscribe(
    *, by: Actor, now: datetime, webhook_id: int, kinds: Sequence[str] = (), state: str = SubscriptionState.ACTIVE
) -> LifecycleSubscription:
    """From now on; no `kinds` are all. InvalidInputError names the field; ConflictError where the webhook has one."""
    subscription = LifecycleSubscription(
        webhook_id=webhook_id, kinds=_clean_kinds(kinds), state=_clean_state(state), created_at=now
    )

    def work() -> LifecycleSubscription:
        if not Webhook.objects.select_for_update(no_key=True).filter(pk=webhook_id).exists():
            raise InvalidInputError({"webhook_id": _("There is no such webhook.")})
        if LifecycleSubscription.objects.filter(webhook_id=webhook_id).exists():
            raise ConflictError(_("This webhook hears of the life of alerts already; change that instead."))
        subscription.save(force_insert=True)
        changes = {"kinds": ("", subscription.kinds), "state": ("", subscription.state)}
        audit.record(by=by, action=Action.CREATE, instance=subscription, changes=changes)
        return subscription

    return in_transaction(work)


def change_subscription(
    *,
    by: Actor,
    now: datetime,
    subscription_id: int,
    version: int | None = None,
    kinds: Sequence[str] | None = None,
    state: str | None = None,
) -> LifecycleSubscription:
    """What is None stays. Disabling forgets what waits; pausing keeps it.

    ChangedError when `version` is not the row's.
    """
    given: dict[str, Any] = {}
    if kinds is not None:
        given["kinds"] = _clean_kinds(kinds)
    if state is not None:
        given["state"] = _clean_state(state)

    def work() -> LifecycleSubscription:
        subscription = _locked(subscription_id, version)
        changes = {
            field: (getattr(subscription, field), value)
            for field, value in given.items()
            if getattr(subscription, field) != value
        }
        if not changes:
            return subscription
        for field, (_before, value) in changes.items():
            setattr(subscription, field, value)
        subscription.version += 1
        subscription.save(update_fields=[*changes, "version"])
        if subscription.state == SubscriptionState.DISABLED:
            subscription.notices.filter(state=NoticeState.WAITING).delete()
        audit.record(by=by, action=Action.UPDATE, instance=subscription, changes=changes)
        return subscription

    return in_transaction(work)


def unsubscribe(*, by: Actor, now: datetime, subscription_id: int, version: int | None = None) -> None:
    """What waits is not said any more. ChangedError when `version` is not the row's."""

    def work() -> None:
        _remove([_locked(subscription_id, version)], by)

    in_transaction(work)


def unsubscribe_many(*, by: Actor, now: datetime, subscription_ids: Collection[int]) -> int:
    """All at once, or none; those that are gone already are passed over. How many there were."""

    def work() -> int:
        rows = LifecycleSubscription.objects.select_for_update(no_key=True, of=("self",)).select_related("webhook")
        return _remove(list(rows.filter(pk__in=subscription_ids).order_by("pk")), by)

    return in_transaction(work)


def try_subscription(*, subscription: LifecycleSubscription, now: datetime) -> SendResult:
    """Says `test` now, past the queue; nothing of it is kept."""
    document = {"type": "alert.test", "id": "test", "timestamp": _iso(now), "data": {"kind": "test"}}
    message = Message(reference=f"lt{to_base36(int(now.timestamp()))}", channel=Channel.WEBHOOK, to="",
                      to_name=subscription.webhook.name, data=json.dumps(document))  # fmt: skip
    return asyncio.run(_say_each([(_config(subscription.webhook), message)]))[0]


def _record(said: Sequence[_Said], now: datetime) -> None:
    rows, reached = [], []
    fared: dict[int, dict[str, Any]] = {}
    for item in said:
        notice, result = item.notice, item.result
        taken = is_taken(result.outcome)
        again = None if taken else next_try(
            tries=notice.tries, happened_at=notice.at, now=now, retry_after=result.retry_after
        )  # fmt: skip
        state = NoticeState.DELIVERED if taken else NoticeState.WAITING if again else NoticeState.GIVEN_UP
        answer = storable(result.detail or result.code or result.outcome.value, _LONGEST_ANSWER)
        rows.append({"id": notice.pk, "tries": notice.tries, "state": state.value, "answer": answer,
                     "next_at": again.isoformat() if again else None})  # fmt: skip
        fares = fared.setdefault(notice.subscription_id, {"id": notice.subscription_id})
        fares |= {"delivered_at": now.isoformat()} if taken else {"failed_at": now.isoformat(), "failure": answer}
        webhook = notice.subscription.webhook_id
        reached.append(OutletReach(webhook, delivered_at=now) if taken else
                       OutletReach(webhook, failed_at=now, failure=answer))  # fmt: skip

    def work() -> None:
        run(_RECORD, {"rows": json.dumps(sorted(rows, key=lambda row: row["id"])), "now": now})
        record_outlet_reach(entries=reached)

    in_transaction(work)
    # By themselves: who changes a subscription holds it before its notices.
    in_transaction(lambda: run(_FARED, {"rows": json.dumps([fared[pk] for pk in sorted(fared)])}))


async def _say_all(items: Sequence[tuple[LifecycleNotice, Config | None, Message]]) -> list[_Said]:
    results = await _say_each([(config, message) for _notice, config, message in items])
    return [_Said(notice, result) for (notice, _config, _message), result in zip(items, results, strict=True)]


async def _say_each(items: Sequence[tuple[Config | None, Message]]) -> list[SendResult]:
    """Each has an outcome of its own, whatever is raised: one webhook holds up no other. No config cannot be read."""
    kind, http = PROVIDERS["webhook"], HttpClient(allow=settings.OUTGOING_ALLOW)

    async def say(config: Config | None, message: Message) -> SendResult:
        if config is None:
            return SendResult(Outcome.PERMANENT_CONFIG, "open", NOT_OPENED % {"problem": ConfigurationError.__name__})
        try:
            provider = kind.open(config, http)
            try:
                return await provider.send(message)
            finally:
                await provider.aclose()
        except Exception as error:
            logger.exception("a webhook that follows alerts failed in an unforeseen way")
            return SendResult(Outcome.AMBIGUOUS, "fault", FAULT % {"problem": type(error).__name__})

    try:
        return list(await asyncio.gather(*(say(config, message) for config, message in items)))
    finally:
        await http.aclose()


def _configs(webhook_ids: Collection[int]) -> dict[int, Config]:
    """Without those whose secrets cannot be read."""
    configs = {}
    for webhook in Webhook.objects.filter(pk__in=webhook_ids):
        with suppress(ConfigurationError, ValueError):
            configs[webhook.pk] = _config(webhook)
    return configs


def _config(webhook: Webhook) -> Config:
    """Always the whole document: a webhook's own templates are for messages."""
    return {**webhook_config(webhook), "method": "POST", "body": "", "recovery_body": ""}


def _message(notice: LifecycleNotice) -> Message:
    """The alert as it is now; what happened as it was."""
    alert, activity = notice.alert, notice.activity
    document = {
        "type": f"alert.{notice.kind}",
        "id": _reference(notice),
        "timestamp": _iso(notice.at),
        "data": {
            "kind": notice.kind,
            "actor": activity.actor,
            "text": activity.text,
            "alert": {
                "id": alert.pk,
                "title": alert.title,
                "state": alert.state,
                "severity": f"P{alert.severity}",
                "policy": alert.policy.name,
                "group_labels": alert.group_labels,
                "active_events": alert.active_count,
                "events": alert.event_count,
                "opened_at": _iso(alert.opened_at),
                "claimed_by": alert.claimed_by,
                "assigned_to": alert.assigned_name,
                "resolved_at": _iso(alert.resolved_at) if alert.resolved_at else None,
                "resolved_by": alert.resolved_by,
                "url": alert_url(alert.pk),
            },
        },
    }
    name = notice.subscription.webhook.name
    return Message(
        reference=_reference(notice), channel=Channel.WEBHOOK, to="", to_name=name, data=json.dumps(document)
    )


def _reference(notice: LifecycleNotice) -> str:
    return f"l{to_base36(notice.pk)}"


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _locked(subscription_id: int, version: int | None) -> LifecycleSubscription:
    rows = LifecycleSubscription.objects.select_for_update(no_key=True, of=("self",)).select_related("webhook")
    subscription = existing(rows.filter(pk=subscription_id).first(), _("There is no such subscription."))
    refuse_changed(version, [subscription])
    return subscription


def _remove(rows: Sequence[LifecycleSubscription], by: Actor) -> int:
    audit.record_many(by=by, action=Action.DELETE, entries=[(row, {}) for row in rows])
    LifecycleSubscription.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)


def _clean_kinds(kinds: Sequence[str]) -> list[str]:
    if unknown := [kind for kind in kinds if kind not in list(LifecycleKind)]:
        text = _("There is no %(unknown)s. Choose of: %(known)s.")
        raise InvalidInputError({"kinds": text % {"unknown": ", ".join(unknown), "known": ", ".join(LifecycleKind)}})
    return [kind.value for kind in LifecycleKind if kind in kinds]


def _clean_state(state: str) -> str:
    if state not in list(SubscriptionState):
        raise InvalidInputError({"state": _("Choose one of: %(choices)s.") % {"choices": ", ".join(SubscriptionState)}})
    return SubscriptionState(state).value
