"""Times as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from tocsin.web.console.display import ago, clock, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (65, "1 min 5 s"),
        (599, "9 min 59 s"),
        (605, "10 min"),
        (3600, "1 h"),
        (3725, "1 h 2 min"),
        (86_400, "1 day"),
        (3 * 86_400, "3 days"),
    ],
)
def test_a_length_of_time_in_its_largest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_what_was_and_what_will_be(now: datetime) -> None:
    assert ago(now - timedelta(seconds=12), now) == "12 s ago"
    assert ago(now - timedelta(minutes=5, seconds=49), now) == "5 min ago"
    assert ago(now + timedelta(minutes=5), now) == "in 5 min"
    assert ago(now - timedelta(hours=47), now) == "1 day ago"
    assert ago(now - timedelta(days=3), now) == "2026-11-20"


def test_a_whole_time_names_its_zone(now: datetime) -> None:
    assert clock(now) == "2026-11-23 12:00:00 UTC"
    with timezone.override("Asia/Shanghai"):
        assert clock(now) == "2026-11-23 20:00:00 CST"
