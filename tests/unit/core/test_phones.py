"""Phone numbers: every common spelling, and a sentence for what is none."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.phones import PhoneError, PhoneProblem, display, is_landline, mask, parse, search_digits


@pytest.mark.parametrize(
    ("typed", "region", "e164"),
    [
        ("13800000000", "CN", "+8613800000000"),
        ("138 0000 0000", "CN", "+8613800000000"),
        ("138-0000-0000", "CN", "+8613800000000"),
        ("138.0000.0000", "CN", "+8613800000000"),
        ("+86-13800000000", "CN", "+8613800000000"),
        ("+86 138 0000 0000", "US", "+8613800000000"),
        ("(+86) 138 0000 0000", "CN", "+8613800000000"),
        ("8613800000000", "CN", "+8613800000000"),
        ("008613800000000", "CN", "+8613800000000"),
        ("0086 138 0000 0000", "US", "+8613800000000"),
        ("１３８　００００　００００", "CN", "+8613800000000"),
        ("＋８６－１３８００００００００", "GB", "+8613800000000"),
        ("\u202a+86 138\u00a00000\u2009\u200b0000\u202c", "CN", "+8613800000000"),
        ("138–0000–0000", "CN", "+8613800000000"),
        ("tel:+8613800000000", "US", "+8613800000000"),
        ("010-6552 9988", "CN", "+861065529988"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1-415-555-2671", "US", "+14155552671"),
        ("+1 (415) 555-2671", "CN", "+14155552671"),
        ("011 86 138 0000 0000", "US", "+8613800000000"),
        ("07400 123456", "GB", "+447400123456"),
        ("+44 (0)7400 123456", "CN", "+447400123456"),
        ("0044 7400 123456", "CN", "+447400123456"),
        ("07700 900123", "GB", "+447700900123"),
        ("0912 345 678", "TW", "+886912345678"),
    ],
)
def test_a_number_is_read_in_every_common_spelling(typed: str, region: str, e164: str) -> None:
    assert parse(typed, region) == e164


@pytest.mark.parametrize(
    ("typed", "region", "problem", "part"),
    [
        ("", "CN", PhoneProblem.EMPTY, "no phone number"),
        (" +-", "CN", PhoneProblem.EMPTY, "no phone number"),
        ("1380000000", "CN", PhoneProblem.TOO_SHORT, "has 11 digits after +86, this one has 10"),
        ("110", "CN", PhoneProblem.TOO_SHORT, "this one has 3"),
        ("0", "CN", PhoneProblem.TOO_SHORT, "this one has 1"),
        ("555-2671", "US", PhoneProblem.TOO_SHORT, "has 10 digits after +1, this one has 7"),
        ("138000000000", "CN", PhoneProblem.TOO_LONG, "has 11 digits after +86, this one has 12"),
        ("1" * 3000, "CN", PhoneProblem.TOO_LONG, "Too long"),
        ("+8613800000000000000", "US", PhoneProblem.TOO_LONG, "+86"),
        ("20000000000", "CN", PhoneProblem.NOT_IN_USE, "20000000000 is not a number of +86"),
        ("+1 212 000 0000", "CN", PhoneProblem.NOT_IN_USE, "2120000000 is not a number of +1"),
        ("1-800-FLOWERS", "US", PhoneProblem.LETTERS, "FLOWERS"),
        ("小王", "CN", PhoneProblem.LETTERS, "小王"),
        ("138*0000*0000", "CN", PhoneProblem.CHARACTERS, "*"),
        ("138+00000000", "CN", PhoneProblem.CHARACTERS, "+"),
        ("138\x000000000", "CN", PhoneProblem.CHARACTERS, "?"),
        ("13800000000, 13900000000", "CN", PhoneProblem.SEVERAL, "several"),
        ("13800000000、13900000000", "CN", PhoneProblem.SEVERAL, "several"),
        ("+1 415 555 2671 ext. 5", "CN", PhoneProblem.EXTENSION, "extension"),
        ("010-65529988转12", "CN", PhoneProblem.EXTENSION, "extension"),
        ("+999 12345678", "CN", PhoneProblem.COUNTRY_CODE, "No country has this code"),
        ("13800000000", "XX", PhoneProblem.NO_COUNTRY_CODE, "Start with +"),
    ],
)
def test_an_impossible_number_is_refused_with_what_is_wrong(
    typed: str, region: str, problem: PhoneProblem, part: str
) -> None:
    with pytest.raises(PhoneError) as refused:
        parse(typed, region)

    assert refused.value.problem is problem
    assert part in str(refused.value)


@given(st.text(max_size=80))
def test_any_text_is_either_a_number_or_a_named_problem(text: str) -> None:
    try:
        e164 = parse(text, "CN")
    except PhoneError:
        return

    assert parse(e164, "US") == e164
    assert parse(display(e164), "US") == e164


@pytest.mark.parametrize(
    ("e164", "shown", "masked"),
    [
        ("+8613812345678", "+86 138 1234 5678", "+86 138 **** 5678"),
        ("+14155552671", "+1 415-555-2671", "+1 415 *** 2671"),
        ("+447400123456", "+44 7400 123456", "+44 740 *** 3456"),
        ("+85251234567", "+852 5123 4567", "+852 51 **** 67"),
        ("+29021234", "+290 21234", "+290 **** 4"),
    ],
)
def test_a_number_is_shown_whole_or_masked(e164: str, shown: str, masked: str) -> None:
    assert display(e164) == shown
    assert mask(e164) == masked


def test_no_number_is_masked_as_nothing() -> None:
    assert mask("") == ""


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("138 0000", "1380000"),
        ("+86 138", "+86138"),
        ("0086138", "+86138"),
        ("07400 1", "74001"),
        ("(415) 555", "415555"),
        ("１３８", "138"),
        ("0", "0"),
        ("zhang", ""),
        ("a1@example.org", ""),
        ("+", ""),
    ],
)
def test_a_part_of_a_number_is_searched_in_any_spelling(typed: str, digits: str) -> None:
    assert search_digits(typed) == digits


@pytest.mark.parametrize(
    ("e164", "is_one"),
    [
        ("+861065529988", True),
        ("+442079460000", True),
        ("+8613800000000", False),
        ("+12025550123", False),  # the numbers of this country do not tell
        ("+447700900123", False),  # set aside for drama
    ],
)
def test_a_landline_is_known_where_the_number_tells(e164: str, is_one: bool) -> None:
    assert is_landline(e164) is is_one


@given(
    st.sampled_from(("86", "49", "33", "81", "1", "44", "852", "91")),
    st.from_regex(r"\A0?1[3-9]?[0-9]{5,11}\Z") | st.from_regex(r"\A[0-9]{4,13}\Z"),
    st.sampled_from(("", "+", "00", "bare")),
)
def test_what_is_read_is_what_the_metadata_say(code: str, digits: str, prefix: str) -> None:
    """Most numbers of a file are read by a shorter way, which must not read them differently."""
    region = phonenumbers.region_code_for_country_code(int(code))
    typed = digits if prefix == "bare" else f"{prefix}{code}{digits}"
    dialled = f"+{typed[2:]}" if typed.startswith("00") else typed
    try:
        number = phonenumbers.parse(dialled, region)
        wanted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        is_valid = phonenumbers.is_valid_number(number) or wanted.startswith("+447700900")
    except phonenumbers.NumberParseException:
        is_valid = False

    try:
        found = parse(typed, region)
    except PhoneError:
        found = ""

    assert found == (wanted if is_valid else "")


@pytest.mark.parametrize("text", ["+86 138-0013-8000", "138 0013 8000", "+8613800138000", "１３８００１３８０００"])
def test_separators_and_other_digits_make_no_difference(text: str) -> None:
    assert parse(text, "CN") == "+8613800138000"
