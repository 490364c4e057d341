"""Texts cut to what vendors take."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.channels.texts import (
    concealed,
    cut_bytes,
    cut_to_parts,
    is_gsm7,
    national_number,
    one_line,
    sms_parts,
    to_gsm7_if_possible,
    without_links,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" + "€" * 152, 2),
        ("a" * 152 + "€" + "a" * 152, 3),
        ("磁" * 70, 1),
        ("磁" * 71, 2),
        ("磁" * 134, 2),
        ("磁" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),
    ],
)
def test_parts_are_counted_as_networks_do(text: str, parts: int) -> None:
    assert sms_parts(text) == parts


def test_a_long_text_is_cut_at_a_word() -> None:
    text = "word " * 100

    cut = cut_to_parts(text, 1)

    assert cut == "word " * 30 + "word word..."[5:]
    assert sms_parts(cut) == 1
    assert cut_to_parts("short", 1) == "short"


def test_a_text_without_words_is_cut_anywhere() -> None:
    assert cut_to_parts("磁" * 100, 1) == "磁" * 67 + "..."


@given(st.text(max_size=400), st.integers(1, 4))
def test_a_cut_text_always_fits(text: str, limit: int) -> None:
    assert sms_parts(cut_to_parts(text, limit)) <= limit


@given(st.text(max_size=200), st.integers(3, 60))
def test_bytes_are_cut_between_characters(text: str, limit: int) -> None:
    cut = cut_bytes(text, limit)

    assert len(cut.encode()) <= limit
    assert cut == text or text.startswith(cut.removesuffix("..."))


def test_typographic_signs_do_not_make_a_text_expensive() -> None:
    assert to_gsm7_if_possible("“Disk” full – 97 %…") == '"Disk" full - 97 %...'
    assert to_gsm7_if_possible("磁盘…") == "磁盘…"
    assert is_gsm7("Ärger @ 10 €")
    assert not is_gsm7("ç")


def test_links_are_taken_out_whole() -> None:
    text = "See https://a.example/x?y=1&z=%20, 或 HTTP://B.example/磁盘。then www.c.example!"

    assert without_links(text) == "See  或 。then "
    assert without_links("no link", "-") == "no link"


def test_what_others_say_is_made_safe_to_keep() -> None:
    said = "550 <Bob@Example.org>\r\nno\x00such\u2028user " + "x" * 400

    kept = concealed(said, "bob@example.org", "", "o")

    assert kept.startswith("550 <***> no such user x")
    assert len(kept) == 300
    assert one_line(" a\r\n\tb ") == "a b"


@pytest.mark.parametrize(
    ("e164", "national"),
    [
        ("+8613800000000", "13800000000"),
        ("+14155550100", "4155550100"),
        ("+447700900123", "7700900123"),
        ("+9991234", "9991234"),
    ],
)
def test_numbers_lose_their_country_code(e164: str, national: str) -> None:
    assert national_number(e164) == national


_LETTERS = st.sampled_from("aAiIsSkK19 é\u0130\u0131\u017f\u212a密")


@given(st.text(_LETTERS, max_size=14), st.text(_LETTERS, min_size=4, max_size=5))
def test_what_is_concealed_is_found_whatever_its_case(text: str, secret: str) -> None:
    as_a_pattern = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)

    assert concealed(text, secret) == one_line(as_a_pattern)
