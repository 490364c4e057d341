"""What was counted, as Prometheus wants it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from tocsin.delivery.rules.handing_over import BUCKETS
from tocsin.delivery.tallies import (
    ATTEMPTS,
    HANDED_OVER,
    HANDED_OVER_SECONDS,
    INGEST_REPORTS,
    INGEST_REQUESTS,
    Total,
)

_COUNTERS = (
    (INGEST_REQUESTS, "tocsin_ingest_requests_total", "Posts of events, by what was answered.", ["dialect", "code"]),
    (INGEST_REPORTS, "tocsin_ingest_reports_total", "Reports in them.", ["dialect", "result"]),
    (ATTEMPTS, "tocsin_attempts_total", "Tries to send, by what they came to.", ["channel", "account", "outcome"]),
)


def counted(totals: Iterable[Total]) -> Iterator[Metric]:
    found = list(totals)
    for name, shown, text, labels in _COUNTERS:
        family = CounterMetricFamily(shown, text, labels=labels)
        for total in found:
            if total.name == name:
                family.add_metric([total.labels.get(label, "") for label in labels], total.value)
        yield family
    yield _handed_over(found)


def _handed_over(totals: Sequence[Total]) -> Metric:
    family = HistogramMetricFamily(
        "tocsin_event_to_handover_seconds",
        "From the first event of an alert to its first notice in a provider's hands; a policy's group wait is in it.",
        labels=["channel"],
    )
    counts = {
        (total.labels["channel"], total.labels["le"]): total.value for total in totals if total.name == HANDED_OVER
    }
    for total in totals:
        if total.name != HANDED_OVER_SECONDS:
            continue
        channel, below, buckets = total.labels["channel"], 0.0, []
        for bucket in BUCKETS:
            below += counts.get((channel, bucket), 0)
            buckets.append((bucket, below))
        family.add_metric([channel], buckets, sum_value=total.value)
    return family
