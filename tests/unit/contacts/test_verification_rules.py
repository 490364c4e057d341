"""Tokens, codes and what they are worth, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.contacts.rules import (
    VerificationView,
    VerifyOutcome,
    next_send_at,
    outcome_of_code,
    outcome_of_link,
    verification_code,
    verification_token,
)

SECRET = "secret-" + "0" * 40


def test_a_token_is_22_digits_of_base62_and_the_same_whenever_it_is_derived() -> None:
    assert verification_token(SECRET, 7, "nonce") == verification_token(SECRET, 7, "nonce")
    assert len(verification_token(SECRET, 7, "nonce")) == 22


@given(st.integers(1, 2**62), st.text(max_size=32, alphabet="0123456789abcdef"))
def test_tokens_and_codes_have_their_length_and_alphabet(id: int, nonce: str) -> None:
    token, code = verification_token(SECRET, id, nonce), verification_code(SECRET, id, nonce)

    assert len(token) == 22
    assert token.isascii()
    assert token.isalnum()
    assert len(code) == 8
    assert code.isdigit()


def test_another_key_id_or_nonce_gives_another_token_and_code() -> None:
    same = (SECRET, 7, "nonce")
    others = [("other-" + "0" * 40, 7, "nonce"), (SECRET, 8, "nonce"), (SECRET, 7, "other")]

    for make in (verification_token, verification_code):
        assert len({make(*arguments) for arguments in [same, *others]}) == 4


def test_a_clock_that_was_set_back_opens_no_limit(now: datetime) -> None:
    assert next_send_at([now + timedelta(seconds=30)], now) == now + timedelta(seconds=90)


def test_without_earlier_sends_there_is_no_limit(now: datetime) -> None:
    assert next_send_at([], now) is None


def view(now: datetime) -> VerificationView:
    return VerificationView(
        id=1,
        contact_id=2,
        contact_name="Ann",
        contact_phone="+8613812345678",
        is_contact_verified=False,
        phone="+8613812345678",
        expires_at=now + timedelta(hours=1),
        verified_at=None,
        replaced_at=None,
        tries=0,
    )


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [
        ({}, VerifyOutcome.OPEN),
        ({"contact_phone": ""}, VerifyOutcome.UNKNOWN),
        ({"contact_phone": "+8613912345678", "is_contact_verified": True}, VerifyOutcome.UNKNOWN),
        ({"is_contact_verified": True}, VerifyOutcome.ALREADY_VERIFIED),
        ({"is_contact_verified": True, "replaced_at": "now"}, VerifyOutcome.ALREADY_VERIFIED),
        ({"is_contact_verified": True, "verified_at": "now"}, VerifyOutcome.USED),
        ({"verified_at": "now"}, VerifyOutcome.EXPIRED),
        ({"replaced_at": "now"}, VerifyOutcome.REPLACED),
        ({"replaced_at": "now", "expires_at": "now"}, VerifyOutcome.REPLACED),
        ({"expires_at": "now"}, VerifyOutcome.EXPIRED),
    ],
)
def test_what_a_link_is_worth(now: datetime, facts: dict[str, object], outcome: VerifyOutcome) -> None:
    known = {name: now if value == "now" else value for name, value in facts.items()}

    assert outcome_of_link(replace(view(now), **known), now) is outcome  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tries", "is_right", "outcome"),
    [
        (0, True, VerifyOutcome.OPEN),
        (4, True, VerifyOutcome.OPEN),
        (4, False, VerifyOutcome.WRONG_CODE),
        (5, True, VerifyOutcome.TOO_MANY_TRIES),
        (5, False, VerifyOutcome.TOO_MANY_TRIES),
    ],
)
def test_what_a_code_is_worth(now: datetime, tries: int, is_right: bool, outcome: VerifyOutcome) -> None:
    assert outcome_of_code(replace(view(now), tries=tries), is_right=is_right, now=now) is outcome
