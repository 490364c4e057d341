from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tocsin.core.clock import EARLIEST, LATEST, is_keepable, keepable


@pytest.mark.parametrize("hours", [-14, 0, 14])
def test_moments_at_the_ends_of_the_calendar_are_moved_to_what_can_be_kept(hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)

    assert (keepable(first), keepable(last)) == (EARLIEST, LATEST)
    assert not is_keepable(first)
    assert not is_keepable(last)


def test_every_other_moment_stays_as_it_is() -> None:
    at = datetime(2026, 12, 24, 18, tzinfo=UTC)

    assert is_keepable(at)
    assert keepable(at) is at
