"""What policies in shadow would have told: read from what their alerts recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from tocsin.alerts.models import Alert
from tocsin.channels.kinds import Channel
from tocsin.delivery.models import Delivery
from tocsin.events.statements import execute

_NEWEST = 50
_LINES = 200
# Deliveries of alerts in shadow: those with the reason `shadow` are what would have gone out.
_COUNTS = """
SELECT count(*),
       count(*) FILTER (WHERE NOT EXISTS (
           SELECT FROM delivery_notification n JOIN delivery_delivery d ON d.notification_id = n.id
           WHERE n.alert_id = a.id AND d.reason = 'shadow'))
FROM alerts_alert a WHERE a.is_shadow AND a.policy_id = %(policy)s AND a.opened_at >= %(since)s
"""
_TOLD = """
SELECT d.recipient_id, max(d.recipient_name), d.channel, count(*), count(DISTINCT n.alert_id), min(d.finished_at),
       max(d.finished_at)
FROM alerts_alert a JOIN delivery_notification n ON n.alert_id = a.id
JOIN delivery_delivery d ON d.notification_id = n.id
WHERE a.is_shadow AND a.policy_id = %(policy)s AND n.created_at >= %(since)s AND d.reason = 'shadow'
GROUP BY d.recipient_id, d.channel ORDER BY 2, 1, 3 LIMIT %(limit)s
"""
_NOT_TOLD = """
SELECT name, channel, reason, count(*) FROM (
    SELECT d.recipient_name AS name, d.channel, d.reason
    FROM alerts_alert a JOIN delivery_notification n ON n.alert_id = a.id
    JOIN delivery_delivery d ON d.notification_id = n.id
    WHERE a.is_shadow AND a.policy_id = %(policy)s AND n.created_at >= %(since)s
      AND d.reason NOT IN ('', 'shadow', 'planned_anew')
    UNION ALL
    SELECT r->>'name', r->>'channel', r->>'reason'
    FROM alerts_alert a CROSS JOIN jsonb_array_elements(a.reasons) r
    WHERE a.is_shadow AND a.policy_id = %(policy)s AND a.opened_at >= %(since)s
) lacks
GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2 LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class WouldBeTold:
    """Somebody, over one channel: how many messages of how many alerts, the first and the last."""

    id: int
    name: str
    channel: str
    messages: int
    alerts: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class WouldNotBeTold:
    """Somebody whom a message was not for, and why; how often."""

    name: str
    channel: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """`alerts_unheard`: of the alerts, those that would have reached nobody."""

    alerts: int
    alerts_unheard: int
    told: Sequence[WouldBeTold]
    not_told: Sequence[WouldNotBeTold]
    newest: Sequence[Delivery]

    @property
    def messages(self) -> int:
        return sum(item.messages for item in self.told)

    @property
    def calls(self) -> int:
        return sum(item.messages for item in self.told if item.channel == Channel.PHONE)

    @property
    def people(self) -> int:
        return len({item.id for item in self.told})


def shadow_report(policy_id: int, since: datetime) -> ShadowReport:
    """Four statements; lists are cut at what a person can read."""
    parameters = {"policy": policy_id, "since": since, "limit": _LINES}
    alerts, unheard = execute(_COUNTS, {"policy": policy_id, "since": since})[0]
    newest = (
        Delivery.objects.filter(
            notification__alert__policy_id=policy_id, notification__alert__is_shadow=True, reason="shadow",
            planned_at__gte=since,
        )
        .select_related("notification__alert", "content")
        .order_by("-id")[:_NEWEST]
    )  # fmt: skip
    return ShadowReport(
        alerts=alerts,
        alerts_unheard=unheard,
        told=[WouldBeTold(*row) for row in execute(_TOLD, parameters)],
        not_told=[WouldNotBeTold(*row) for row in execute(_NOT_TOLD, parameters)],
        newest=list(newest),
    )


def open_on_older_version(policy_id: int) -> int:
    """How many open alerts of the policy go by a version that is not its current one."""
    found = Alert.objects.filter(policy_id=policy_id, resolved_at__isnull=True, policy__current__isnull=False)
    return found.exclude(policy__current=F("policy_version")).count()
