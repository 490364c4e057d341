"""How those fare who hear of the life of alerts. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from tocsin.contacts.queries.arrays import is_one_of
from tocsin.contacts.rules import Use
from tocsin.delivery.lifecycle_models import LifecycleSubscription
from tocsin.events.statements import execute

_COUNTED = """
SELECT subscription_id,
       count(*) FILTER (WHERE state = 'waiting'), min(at) FILTER (WHERE state = 'waiting'), min(next_at),
       count(*) FILTER (WHERE state = 'given_up')
FROM delivery_lifecyclenotice WHERE subscription_id = ANY(%(ids)s) AND state <> 'delivered' GROUP BY subscription_id
"""


@dataclass(frozen=True, slots=True)
class Faring:
    """What is still to be said, since when, and when it is tried next; and how what was said was taken.

    Messages to the same webhook do not count.
    """

    waiting: int = 0
    waiting_since: datetime | None = None
    next_at: datetime | None = None
    given_up: int = 0
    delivered_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""


def farings(subscriptions: Iterable[LifecycleSubscription]) -> dict[int, Faring]:
    """By the subscription's id, of each of them, in one statement."""
    rows = {row.pk: row for row in subscriptions}
    if not rows:
        return {}
    counted = {pk: rest for pk, *rest in execute(_COUNTED, {"ids": list(rows)})}
    found = {}
    for pk, row in rows.items():
        waiting, since, next_at, given_up = counted.get(pk, (0, None, None, 0))
        found[pk] = Faring(waiting, since, next_at, given_up, row.delivered_at, row.failed_at, row.failure)
    return found


def uses_of_webhooks(ids: Collection[int]) -> list[Use]:
    """The subscriptions of these webhooks; other objects have none."""
    rows = LifecycleSubscription.objects.filter(is_one_of("webhook_id", ids)).order_by("webhook__name")
    return [
        Use(object_id=webhook_id, kind="subscription", id=pk, name=name)
        for pk, webhook_id, name in rows.values_list("pk", "webhook_id", "webhook__name")
    ]
