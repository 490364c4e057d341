"""Tokens that name a row and are stored nowhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.tickets import read_ticket, ticket


@given(st.integers(0, 2**63 - 1))
def test_a_ticket_is_read_by_the_key_that_made_it_and_by_no_other(number: int) -> None:
    token = ticket("old key", "alert", number)

    assert len(token) == 22
    assert token.isalnum()
    assert read_ticket(["new key", "old key"], "alert", token) == number
    assert read_ticket(["new key"], "alert", token) is None
    assert read_ticket(["old key"], "another purpose", token) is None


@given(st.text(max_size=30))
def test_what_nobody_made_is_no_ticket(text: str) -> None:
    assert read_ticket(["key"], "alert", text) is None


def test_a_changed_digit_is_no_ticket() -> None:
    token = ticket("key", "alert", 7)

    for at in range(22):
        other = "1" if token[at] == "0" else "0"
        assert read_ticket(["key"], "alert", token[:at] + other + token[at + 1 :]) is None


def test_neighbours_have_nothing_in_common() -> None:
    first, second = ticket("key", "alert", 1), ticket("key", "alert", 2)

    assert sum(a == b for a, b in zip(first, second, strict=True)) < 8
