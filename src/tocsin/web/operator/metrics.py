"""/metrics: read from the tables at each scrape, so that any web process gives the same answer.

Gauges are counted then; counters and the histogram grow in the database (`delivery/tallies.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_1_0_0
from prometheus_client.registry import Collector

from tocsin.alerts.models import Alert
from tocsin.alerts.rules import AlertState
from tocsin.channels.kinds import Channel
from tocsin.channels.models import ProviderAccount
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Beat, Delivery
from tocsin.delivery.rules import DeliveryState
from tocsin.delivery.tallies import totals
from tocsin.events.models import Event
from tocsin.events.rules import EventState
from tocsin.policies.models import SilencePolicy
from tocsin.web.operator.counters import counted

_DAY = timedelta(hours=24)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TableCollector(utc_now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_1_0_0)


class TableCollector(Collector):
    """Gauges of what is open and waiting; history is left to those who scrape."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield from self._alerts()
        yield from self._events()
        yield from self._deliveries()
        yield from self._accounts()
        yield from self._beats()
        yield from self._silences()
        yield from counted(totals())

    def _alerts(self) -> Iterator[Metric]:
        rows = (
            Alert.objects.filter(resolved_at__isnull=True, is_shadow=False).values_list("state").annotate(Count("pk"))
        )
        counts = dict(rows.order_by())
        family = GaugeMetricFamily("tocsin_alerts_open", "Open alerts.", labels=["state"])
        for state in (AlertState.PENDING, AlertState.HANDLING):
            family.add_metric([state.value], counts.get(state.value, 0))
        yield family
        due = Alert.objects.filter(due_at__lte=self._now).aggregate(count=Count("pk"), oldest=Min("due_at"))
        yield GaugeMetricFamily("tocsin_alerts_due", "Alerts that wait for a decision.", value=due["count"])
        yield GaugeMetricFamily(
            "tocsin_alerts_due_oldest_seconds", "How long the oldest has waited.", value=self._age(due["oldest"])
        )

    def _events(self) -> Iterator[Metric]:
        active = Event.objects.filter(state=EventState.ACTIVE)
        yield GaugeMetricFamily("tocsin_events_active", "Active events.", value=active.count())
        yield GaugeMetricFamily(
            "tocsin_events_active_unmatched",
            "Active events that no notification policy matched.",
            value=active.filter(matched_policies=0).count(),
        )

    def _deliveries(self) -> Iterator[Metric]:
        due = Delivery.objects.filter(next_at__lte=self._now).values_list("channel")
        waiting = {row[0]: row[1:] for row in due.annotate(Count("pk"), Min("next_at")).order_by("channel")}
        depth = GaugeMetricFamily("tocsin_deliveries_due", "Deliveries that wait to be sent.", labels=["channel"])
        age = GaugeMetricFamily(
            "tocsin_deliveries_due_oldest_seconds", "How long the oldest has waited.", labels=["channel"]
        )
        for channel in Channel:
            count, oldest = waiting.get(channel.value, (0, None))
            depth.add_metric([channel.value], count)
            age.add_metric([channel.value], self._age(oldest))
        yield from (depth, age)
        sending = Delivery.objects.filter(state=DeliveryState.SENDING).aggregate(oldest=Min("started_at"))
        yield GaugeMetricFamily(
            "tocsin_deliveries_sending_oldest_seconds",
            "How long the oldest send has been under way.",
            value=self._age(sending["oldest"]),
        )
        family = GaugeMetricFamily(
            "tocsin_deliveries_24h", "Deliveries planned in the last 24 hours.", labels=["channel", "state"]
        )
        rows = Delivery.objects.filter(planned_at__gte=self._now - _DAY).values_list("channel", "state")
        for channel, state, count in rows.annotate(Count("pk")).order_by("channel", "state"):
            family.add_metric([channel, state], count)
        yield family

    def _accounts(self) -> Iterator[Metric]:
        lately = Delivery.objects.filter(planned_at__gte=self._now - _DAY, asked_count__gt=0)
        yield GaugeMetricFamily(
            "tocsin_receipts_asked_24h",
            "How often vendors were asked for a missing receipt, of deliveries planned in the last 24 hours.",
            value=lately.aggregate(asked=Sum("asked_count"))["asked"] or 0,
        )
        family = GaugeMetricFamily(
            "tocsin_provider_account_resting",
            "1 while others of its channel come first.",
            labels=["channel", "account"],
        )
        failures = GaugeMetricFamily(
            "tocsin_provider_account_failures",
            "Failures in a row, since a message last went through.",
            labels=["channel", "account"],
        )
        accepted = GaugeMetricFamily(
            "tocsin_provider_account_accepted_timestamp_seconds",
            "When it last took a message.",
            labels=["channel", "account"],
        )
        for account in ProviderAccount.objects.filter(is_enabled=True).order_by("channel", "name"):
            names = [account.channel, account.name]
            family.add_metric(names, float(account.paused_until is not None and account.paused_until > self._now))
            failures.add_metric(names, account.failures)
            if account.last_accepted_at is not None:
                accepted.add_metric(names, account.last_accepted_at.timestamp())
        yield from (family, failures, accepted)

    def _beats(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "tocsin_worker_beat_age_seconds", "Since a worker's loop last went round.", labels=["loop"]
        )
        for beat in Beat.objects.order_by("name"):
            family.add_metric([beat.name], self._age(beat.beat_at))
        yield family

    def _silences(self) -> Iterator[Metric]:
        due = SilencePolicy.objects.filter(next_change_at__lte=self._now).aggregate(oldest=Min("next_change_at"))
        yield GaugeMetricFamily(
            "tocsin_silences_due_oldest_seconds",
            "How long a silence that began or ended has waited to be seen.",
            value=self._age(due["oldest"]),
        )

    def _age(self, at: datetime | None) -> float:
        return max(0.0, (self._now - at).total_seconds()) if at else 0.0
