"""What was sent: the messages of alerts that left, one by one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import QuerySet

from tocsin.delivery.models import Delivery


def sent_of_alerts(alert_ids: Collection[int], since: datetime, *, most: int = 2000) -> dict[int, list[Delivery]]:
    """Of each alert in order, the newest `most` of all of them, with their texts; alerts without any are left out."""
    rows = sent(since=since).filter(notification__alert_id__in=alert_ids)
    found: dict[int, list[Delivery]] = {}
    for row in sorted(rows.order_by("-id")[:most], key=lambda row: row.pk):
        if row.notification is not None:
            found.setdefault(row.notification.alert_id, []).append(row)
    return found


def sent(*, since: datetime, until: datetime | None = None, alert_id: int | None = None) -> QuerySet[Delivery]:
    """Messages of alerts that were tried, the newest first, with their texts and alerts.

    Ordered by time, which is what is indexed, cheaply: by id, all that is newer would be read before an old window.
    """
    found = Delivery.objects.filter(notification__isnull=False, planned_at__gte=since, attempt_count__gt=0)
    if until is not None:
        found = found.filter(planned_at__lte=until)
    if alert_id is not None:
        found = found.filter(notification__alert_id=alert_id)
    return found.select_related("content", "notification__alert").order_by("-planned_at", "-id")
