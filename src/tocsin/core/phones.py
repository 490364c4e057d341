"""Phone numbers: read in any common spelling, kept as E.164, shown whole or masked."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

from tocsin.core.sentences import Sentence


class PhoneProblem(StrEnum):
    EMPTY = "empty"
    LETTERS = "letters"
    CHARACTERS = "characters"
    SEVERAL = "several"
    EXTENSION = "extension"
    COUNTRY_CODE = "country_code"
    NO_COUNTRY_CODE = "no_country_code"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_IN_USE = "not_in_use"


SENTENCES: dict[PhoneProblem, Sentence] = {
    PhoneProblem.EMPTY: Sentence("There is no phone number here; type one like +86 138 0000 0000."),
    PhoneProblem.LETTERS: Sentence("A phone number has digits only, this one has letters: %(found)s."),
    PhoneProblem.CHARACTERS: Sentence("A phone number has digits only, this one has: %(found)s."),
    PhoneProblem.SEVERAL: Sentence("These are several phone numbers; a contact has one."),
    PhoneProblem.EXTENSION: Sentence(
        "Numbers with an extension cannot be notified; give a number that rings directly."
    ),
    PhoneProblem.COUNTRY_CODE: Sentence(
        "No country has this code; after the + comes the country code, as in +86 138 0000 0000."
    ),
    PhoneProblem.NO_COUNTRY_CODE: Sentence("Start with + and the country code, as in +86 138 0000 0000."),
    PhoneProblem.TOO_SHORT: Sentence(
        "Too short: a mobile number in +%(code)s has %(expected)s digits after +%(code)s, this one has %(digits)s."
    ),
    PhoneProblem.TOO_LONG: Sentence(
        "Too long: a mobile number in +%(code)s has %(expected)s digits after +%(code)s, this one has %(digits)s."
    ),
    PhoneProblem.NOT_IN_USE: Sentence(
        "%(number)s is not a number of +%(code)s; check the digits, and for another country start with + and its code."
    ),
}
"""Templates, so that doors can translate them: `gettext(error.template) % error.values`."""


class PhoneError(ValueError):
    """What is wrong with a typed number, as a sentence: `str()` in English, `template` and `values` to translate."""

    def __init__(self, problem: PhoneProblem, **values: str | int) -> None:
        self.problem = problem
        self.template = SENTENCES[problem]
        self.values = values
        super().__init__(self.template % values if values else self.template)


_EXTENSION = re.compile(r"\d[\d\s).-]*(?:ext(?:ension)?|x|#|;|,|转|分机)[\s.:=]*(?:ext=)?\d{1,6}\s*$", re.IGNORECASE)
_SEVERAL = re.compile(r"\d[\d\s().-]{6,}\d\s*[,;/、，；|\n]\s*\+?[\d\s().-]{7,}")
_MAX_TYPED = 64
_SEPARATORS = frozenset(" -./()~")
_NO_SEPARATORS = dict.fromkeys(map(ord, " -"))
_COUNTRY_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
"""No one of them begins another."""
_FICTIONAL = ("+447700900",)
"""Set aside for drama and unknown to the metadata: people try things out with them, and nobody is there."""


def parse(text: str, region: str) -> str:
    """E.164 of a number as typed; one without a country code is of `region` ("CN"). PhoneError says what is wrong."""
    if mobile := _usual_mobile(text, region):
        return mobile
    typed = _plain(text)
    if len(typed) > _MAX_TYPED:
        raise PhoneError(PhoneProblem.TOO_LONG, **_lengths(region, sum(map(str.isdigit, typed))))
    _refuse_other_than_one_number(typed)
    number = _read(typed, region)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(number) and not e164.startswith(_FICTIONAL):
        raise _why_impossible(number)
    return e164


def display(e164: str) -> str:
    """`+86 138 0000 0000`."""
    return phonenumbers.format_number(phonenumbers.parse(e164), PhoneNumberFormat.INTERNATIONAL)


def local(e164: str, region: str) -> str:
    """As people of the region write it, without the country code; E.164 where that would be another number."""
    number = phonenumbers.parse(e164)
    digits = phonenumbers.national_significant_number(number)
    try:
        return digits if parse(digits, region) == e164 else e164
    except PhoneError:
        return e164


def is_landline(e164: str) -> bool:
    """Surely so; where a country's numbers do not tell, no."""
    code = _code_of(e164)
    if not _fixed_lines(code).fullmatch(e164[1 + len(code) :]):
        return False  # as most are: asked first, since thousands may be looked at
    return phonenumbers.number_type(phonenumbers.parse(e164)) == PhoneNumberType.FIXED_LINE


def mask(e164: str) -> str:
    """`+86 138 **** 5678`: enough for its owner to know it, not enough to call it. "" stays empty."""
    if not e164:
        return ""
    code = _code_of(e164)
    national = e164[1 + len(code) :]
    head, tail = (3, 4) if len(national) >= 10 else (2, 2) if len(national) >= 7 else (0, 1)
    hidden = "*" * (len(national) - head - tail)
    return " ".join(filter(None, (f"+{code}", national[:head], hidden, national[-tail:])))


def _code_of(e164: str) -> str:
    return next((e164[1:end] for end in (2, 3, 4) if e164[1:end] in _COUNTRY_CODES), "")


@cache
def _fixed_lines(code: str) -> re.Pattern[str]:
    """What the landlines of a country code look like, after the code."""
    regions = phonenumbers.region_codes_for_country_code(int(code)) if code else ()
    known = [phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region) for region in regions]
    fixed = [each.fixed_line.national_number_pattern for each in known if each is not None and each.fixed_line]
    return re.compile("|".join(f"(?:{pattern})" for pattern in fixed if pattern) or r"(?!)")


def _usual_mobile(text: str, region: str) -> str:
    """E.164 of what is surely a mobile number, as nearly all numbers of a file are; "" for what has to be looked at.

    Says nothing else than `parse` would without it, at a tenth of the cost.
    """
    digits = text.translate(_NO_SEPARATORS)
    if len(text) > _MAX_TYPED or not digits.isascii():
        return ""
    if digits.startswith("+"):
        code = _code_of(digits)
        national = digits[1 + len(code) :]
    else:
        code, national = _code_for(region), digits
    return f"+{code}{national}" if _mobiles(code).fullmatch(national) else ""


@cache
def _code_for(region: str) -> str:
    return str(phonenumbers.country_code_for_region(region) or "")


@cache
def _mobiles(code: str) -> re.Pattern[str]:
    """What the mobile numbers of a country code look like, where one region has it alone; nothing for other codes."""
    regions = phonenumbers.region_codes_for_country_code(int(code)) if code else ()
    known = phonenumbers.PhoneMetadata.metadata_for_region(regions[0]) if len(regions) == 1 else None
    if known is None or known.mobile is None or known.general_desc is None:
        return re.compile(r"(?!)")
    lengths = known.mobile.possible_length or known.general_desc.possible_length
    is_long = "|".join(f"\\d{{{length}}}" for length in lengths if length > 0)
    prefix = known.national_prefix_for_parsing
    nothing_to_strip = f"(?!{prefix})" if prefix else ""
    return re.compile(
        rf"(?=(?:{is_long})\Z)(?=(?:{known.general_desc.national_number_pattern})\Z)(?!0){nothing_to_strip}"
        rf"(?:{known.mobile.national_number_pattern})"
    )


def search_digits(text: str) -> str:
    """What to look for in E.164 numbers when somebody types a number or a part of one; "" when it is no number.

    Begins with "+" when the text names the country code, so that it can only match the beginning.
    """
    typed = _plain(text)
    digits = "".join(filter(str.isdigit, typed))
    if not digits or not set(typed) <= _SEPARATORS | set("+0123456789"):
        return ""
    if typed.startswith("+"):
        return "+" + digits.lstrip("0")
    if digits.startswith("00") and digits.strip("0"):
        return "+" + digits.lstrip("0")
    return digits.removeprefix("0") or digits


def _plain(text: str) -> str:
    """ASCII digits and signs, without the invisible characters that come along when a number is pasted."""
    normal = unicodedata.normalize("NFKC", text)
    visible = "".join(" " if char.isspace() else char for char in normal if unicodedata.category(char) != "Cf")
    digits = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in visible)
    dashes = re.sub(r"[\u2010-\u2015\u2212\u30fc]", "-", digits)
    return re.sub(r"^tel:", "", dashes.strip(), flags=re.IGNORECASE).strip()


def _refuse_other_than_one_number(typed: str) -> None:
    if not any(map(str.isalnum, typed)):
        raise PhoneError(PhoneProblem.EMPTY)
    if _SEVERAL.search(typed):
        raise PhoneError(PhoneProblem.SEVERAL)
    if _EXTENSION.search(typed):
        raise PhoneError(PhoneProblem.EXTENSION)
    if letters := "".join(filter(str.isalpha, typed)):
        raise PhoneError(PhoneProblem.LETTERS, found=letters[:20])
    odd = dict.fromkeys(
        char
        for place, char in enumerate(typed)
        if not (char.isdigit() or char in _SEPARATORS or (char == "+" and place <= 1))
    )
    if odd:
        raise PhoneError(PhoneProblem.CHARACTERS, found=" ".join(char for char in odd if char.isprintable()) or "?")


def _read(typed: str, region: str) -> phonenumbers.PhoneNumber:
    digits = "".join(filter(str.isdigit, typed))
    if digits.startswith("00") and not typed.lstrip("( ").startswith("+"):
        typed = "+" + digits[2:]  # 00 is what most of the world dials before a country code
    try:
        return phonenumbers.parse(typed, region)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            has_code = typed.lstrip("( ").startswith("+")
            raise PhoneError(PhoneProblem.COUNTRY_CODE if has_code else PhoneProblem.NO_COUNTRY_CODE) from error
        if error.error_type == NumberParseException.TOO_LONG:
            raise PhoneError(PhoneProblem.TOO_LONG, **_lengths(region, len(digits))) from error
        raise PhoneError(PhoneProblem.TOO_SHORT, **_lengths(region, len(digits))) from error


def _why_impossible(number: phonenumbers.PhoneNumber) -> PhoneError:
    national = phonenumbers.national_significant_number(number)
    code = number.country_code or 0
    lengths = _lengths(phonenumbers.region_code_for_country_code(code), len(national))
    reason = phonenumbers.is_possible_number_for_type_with_reason(number, PhoneNumberType.MOBILE)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return PhoneError(PhoneProblem.TOO_SHORT, **lengths)
    if reason == ValidationResult.TOO_LONG:
        return PhoneError(PhoneProblem.TOO_LONG, **lengths)
    return PhoneError(PhoneProblem.NOT_IN_USE, number=national, code=code)


def _lengths(region: str, digits: int) -> dict[str, str | int]:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
    lengths = metadata.mobile.possible_length if metadata is not None and metadata.mobile is not None else ()
    expected = ", ".join(str(length) for length in lengths if length > 0) or "?"
    return {"code": phonenumbers.country_code_for_region(region), "expected": expected, "digits": digits}
