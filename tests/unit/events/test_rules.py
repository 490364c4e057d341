from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tocsin.core.clock import LATEST
from tocsin.events.rules import (
    INITIAL_SEVERITY_MAP,
    Report,
    end_of,
    match_labels,
    outage,
    report_errors,
    severity_of,
    start_of,
    sweep_clock,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("critical", 1),
        ("error", 2),
        ("warning", 3),
        ("page", 4),
        ("Critical", 1),
        (" WARNING ", 3),
        ("P1", 1),
        ("p5", 5),
        ("P6", 6),
        ("P7", 6),
        ("info", 6),
        ("", 6),
    ],
)
def test_a_severity_follows_from_the_label(word: str, severity: int) -> None:
    assert severity_of({"severity": word}, INITIAL_SEVERITY_MAP) == severity


def test_without_the_label_an_event_is_p6() -> None:
    assert severity_of({"alertname": "critical"}, INITIAL_SEVERITY_MAP) == 6


def test_the_map_comes_before_the_words() -> None:
    assert severity_of({"severity": "P1"}, {"p1": 4}) == 4


def test_policies_see_severity_and_integration_whatever_the_labels_claim() -> None:
    labels = {"alertname": "A", "__severity__": "P1", "__integration__": "Other"}

    assert match_labels(labels, 3, "Prom") == {"alertname": "A", "__severity__": "P3", "__integration__": "Prom"}


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "start", "end"),
    [
        (None, None, NOW, NOW + timedelta(minutes=5)),
        (NOW - HOUR, None, NOW - HOUR, NOW + timedelta(minutes=5)),
        (NOW - HOUR, NOW + HOUR, NOW - HOUR, NOW + HOUR),
        (None, NOW - HOUR, NOW - HOUR, NOW - HOUR),
        (NOW, datetime(9999, 12, 31, tzinfo=UTC), NOW, LATEST),
    ],
)
def test_missing_and_endless_times_are_filled_in(
    starts_at: datetime | None, ends_at: datetime | None, start: datetime, end: datetime
) -> None:
    report = Report({"a": "b"}, starts_at=starts_at, ends_at=ends_at)

    assert start_of(report, NOW) == start
    assert end_of(report, timedelta(minutes=5), NOW) == end


def test_a_report_is_refused_for_each_field_that_is_wrong() -> None:
    report = Report({}, {"a": "\0"}, "u" * 8193, NOW, NOW - HOUR)

    assert report_errors(report).keys() == {"labels", "annotations.a", "generator_url", "ends_at"}
    assert report_errors(Report({"a": "b"}, starts_at=NOW, ends_at=NOW)) == {}


def test_the_sweep_does_not_run_ahead_of_ingest() -> None:
    assert sweep_clock(NOW, None) == NOW
    assert sweep_clock(NOW, NOW - timedelta(seconds=5)) == NOW
    assert sweep_clock(NOW, NOW - HOUR) == NOW - HOUR + timedelta(seconds=15)


def test_only_a_pause_of_more_than_half_a_minute_is_an_outage() -> None:
    assert outage(NOW, NOW + timedelta(seconds=30)) == timedelta(0)
    assert outage(NOW, NOW + timedelta(seconds=31)) == timedelta(seconds=31)
    assert outage(NOW, NOW - HOUR) == timedelta(0)
