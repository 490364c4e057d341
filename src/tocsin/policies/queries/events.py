"""Events by what is known of them, with the conditions that policies know."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from tocsin.events.models import Event
from tocsin.events.rules import EventState, match_labels
from tocsin.policies.rules import Rule, first_failed_condition

MOST_LOOKED_AT = 10_000


def events_found(
    *,
    name: str = "",
    state: EventState | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    conditions: Rule = (),
) -> QuerySet[Event]:
    """The newest first, with their integrations; `since` and `until` are of the last report.

    All conditions hold, among the newest `MOST_LOOKED_AT` of the others: expressions are read by RE2 alone, never by
    the database.
    """
    found = Event.objects.select_related("integration").order_by("-id")
    if name:
        found = found.filter(labels__alertname__icontains=name)
    if state is not None:
        found = found.filter(state=state)
    if since is not None:
        found = found.filter(last_seen_at__gte=since)
    if until is not None:
        found = found.filter(last_seen_at__lte=until)
    if not conditions:
        return found
    rows = found.values_list("pk", "labels", "severity", "integration__name")[:MOST_LOOKED_AT]
    ids = [
        pk
        for pk, labels, severity, integration in rows
        if first_failed_condition(conditions, match_labels(labels, severity, integration)) is None
    ]
    return found.filter(pk__in=ids)
