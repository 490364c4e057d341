"""Wrong passwords: how many, for whom, from where, and when one may try again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from tests.web.people import PASSWORD, user_with
from tocsin.accounts.rules import Role
from tocsin.contacts.models import AddressCount
from tocsin.contacts.rules import SIGNING_IN, SIGNING_IN_AS, address_key

pytestmark = pytest.mark.django_db
HERE, THERE = "203.0.113.9", "203.0.113.10"
TOO_OFTEN = "Too many failed attempts. Try again at 12:15:00 UTC (in 15 min)."


@pytest.fixture
def clock(now: datetime) -> Iterator[Any]:
    """The doors' clock stands; a real hash would take most of a second."""
    with time_machine.travel(now, tick=False) as clock:
        user_with(Role.ADMIN)
        yield clock


def sign_in(name: str = "admin", *, word: str = "wrong", address: str = HERE) -> str:
    """What the page says, "" when it lets one in."""
    typed = {"login": name, "password": word}
    reply = Client(REMOTE_ADDR=address).post("/console/login/", typed)
    return "" if reply.status_code == 302 else " ".join(reply.context["form"].non_field_errors())


def fail(times: int, **where: str) -> None:
    for _attempt in range(times):
        assert "correct username and password" in sign_in(**where)


def test_after_ten_failures_in_a_quarter_of_an_hour_even_the_right_password_waits(clock: Any) -> None:
    fail(10)

    assert sign_in(word="wrong") == TOO_OFTEN
    assert sign_in(word=PASSWORD) == TOO_OFTEN
    clock.shift(timedelta(minutes=14, seconds=59))
    assert "(in 1 s)" in sign_in(word=PASSWORD)
    clock.shift(timedelta(seconds=1))
    assert sign_in(word=PASSWORD) == ""


def test_other_people_and_other_places_go_on(clock: Any) -> None:
    user_with(Role.VIEWER)

    fail(10)

    assert sign_in("viewer", word=PASSWORD) == ""
    assert sign_in(word=PASSWORD, address=THERE) == ""


def test_a_name_counts_however_it_is_spelled_and_whether_it_exists_or_not(clock: Any) -> None:
    fail(5, name="Nobody")
    fail(5, name="NOBODY")

    assert sign_in("nobody") == TOO_OFTEN


def test_one_address_that_tries_many_names_waits_for_all_of_them(clock: Any) -> None:
    for number in range(50):
        fail(1, name=f"user{number}")

    assert sign_in(word=PASSWORD) == TOO_OFTEN
    assert sign_in(word=PASSWORD, address=THERE) == ""


def test_right_passwords_and_empty_fields_do_not_count(clock: Any) -> None:
    for _attempt in range(12):
        assert sign_in(word=PASSWORD) == ""
        sign_in(word="")

    assert set(AddressCount.objects.values_list("count", flat=True)) == {0}


def test_a_success_does_not_forgive_the_failures_before_it(clock: Any) -> None:
    fail(9)
    assert sign_in(word=PASSWORD) == ""
    fail(1)

    assert sign_in(word=PASSWORD) == TOO_OFTEN


def test_somebody_without_a_role_is_counted_like_a_wrong_password(clock: Any) -> None:
    user_with(Role.VIEWER).groups.clear()
    for _attempt in range(10):
        assert "correct username and password" in sign_in("viewer", word=PASSWORD)

    assert sign_in("viewer", word=PASSWORD) == TOO_OFTEN


def test_what_is_counted_names_nobody_and_fits_its_column(clock: Any) -> None:
    long = "2001:db8:1234:5678:9abc:def0:1234:5678"
    key = address_key(SIGNING_IN_AS, long, "x" * 500 + "\udcff")

    assert key.startswith("user 2001:db8:1234:5678:: ")
    assert len(key) <= 80
    assert address_key(SIGNING_IN, long) == "login 2001:db8:1234:5678::"
    assert address_key(SIGNING_IN, "") == "login -"
