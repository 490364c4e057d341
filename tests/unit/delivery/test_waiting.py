"""What a worker's loops say while the database is not as they need it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, DataError, OperationalError, ProgrammingError

from tocsin.delivery.waiting import after_failure

pytestmark = pytest.mark.django_db  # it closes the connection, which tests before it may have opened


class _NoTable(Exception):
    sqlstate = "42P01"


def no_tables() -> ProgrammingError:
    error = ProgrammingError('relation "delivery_delivery" does not exist')
    error.__cause__ = _NoTable()
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (no_tables(), "its tables are not those of this version: run `tocsin migrate`"),
        (OperationalError("connection refused\n\tIs the server running?"), "connection refused"),
        (DataError("value too long: +8613800000000"), "DataError"),
    ],
)
def test_a_loop_says_why_it_tries_again_and_repeats_no_values(
    error: DatabaseError, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    after_failure("plan", error, 0)

    assert caplog.messages == [f"plan: the database failed ({said}); trying again"]
