"""Fitting texts to what a vendor takes: bytes, text message parts, single lines. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

import phonenumbers

from tocsin.core.storable import storable

_ESCAPE = "\x1b"
_GSM7_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ" + _ESCAPE + "ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)  # 3GPP TS 23.038: a character's place is its code
_GSM7_CODES = {character: code for code, character in enumerate(_GSM7_TABLE) if character != _ESCAPE}
_GSM7_EXTENDED_CODES = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_GSM7 = frozenset(_GSM7_CODES)
_GSM7_EXTENDED = frozenset(_GSM7_EXTENDED_CODES)
_GSM7_ALL = _GSM7 | _GSM7_EXTENDED
_PLAIN = str.maketrans(
    {
        "…": "...",
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u00a0": " ",
    }
)
_FOLDED = {0x130: "i", 0x131: "i", 0x17F: "s", 0x212A: "k"}
"""What is no ASCII, and the same as a letter of it where case does not matter."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u0085]+")
_LAST_LINK = re.compile(r"\s*(https?://\S+)\s*$")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'，。；、）]+", re.IGNORECASE)


def one_line(text: str) -> str:
    """Line breaks and control characters become single blanks."""
    return _CONTROL.sub(" ", text).strip()


def without_links(text: str, instead: str = "") -> str:
    """Every web address replaced."""
    return _LINK.sub(instead, text)


def concealed(text: str, *secrets: str) -> str:
    """What another system said, fit to be kept: one line that PostgreSQL takes, at most 300 characters, none of
    `secrets` in it.

    Secrets of three characters and fewer stay: they are in every sentence.
    """
    for secret in secrets:
        if 3 < len(secret) <= len(text) and _may_hold(text, secret):
            text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return storable(one_line(text), 300)


def _may_hold(text: str, secret: str) -> bool:
    """Whether a pattern has to look for it, whatever the case: making one costs more than sending the message."""
    return not text.isascii() or secret.translate(_FOLDED).lower() in text.lower()


def cut_bytes(text: str, limit: int, end: str = "...") -> str:
    """At most `limit` bytes of UTF-8, cut between characters and marked with `end`."""
    if len(text.encode()) <= limit:
        return text
    room = max(limit - len(end.encode()), 0)
    return text.encode()[:room].decode("utf-8", "ignore").rstrip() + end


def is_gsm7(text: str) -> bool:
    return _GSM7_ALL.issuperset(text)


def gsm7_octets(text: str) -> bytes:
    """A text that `is_gsm7`, an octet for each septet, as SMPP has it; what is in neither table becomes "?"."""
    octets = bytearray()
    for character in text:
        if character in _GSM7_EXTENDED_CODES:
            octets += bytes((0x1B, _GSM7_EXTENDED_CODES[character]))
        else:
            octets.append(_GSM7_CODES.get(character, 0x3F))
    return bytes(octets)


def gsm7_text(octets: bytes) -> str:
    """The other way; an octet that is no septet is read as Latin-1, which such senders mean."""
    extended = {code: character for character, code in _GSM7_EXTENDED_CODES.items()}
    found, rest = [], iter(octets)
    for octet in rest:
        if octet == 0x1B:
            following = next(rest, 0x20)
            found.append(extended.get(following, chr(following)))
        else:
            found.append(_GSM7_TABLE[octet] if octet < 128 else chr(octet))
    return "".join(found)


def to_gsm7_if_possible(text: str) -> str:
    """Typographic quotes, dashes and ellipses made plain when nothing else keeps a text out of the cheap alphabet."""
    plain = text.translate(_PLAIN)
    return plain if is_gsm7(plain) else text


def sms_parts(text: str, *, is_ucs2: bool = False) -> int:
    """How many parts it is billed and sent as: 160/153 septets of GSM-7, or 70/67 units of UCS-2."""
    return len(_parts(text, is_ucs2=is_ucs2))


def split_to_parts(text: str, *, is_ucs2: bool = False) -> list[str]:
    """As `sms_parts` counts: whoever joins texts themselves sends these."""
    parts, at = [], 0
    for length, _units in _parts(text, is_ucs2=is_ucs2):
        parts.append(text[at : at + length])
        at += length
    return parts


def cut_to_parts(text: str, limit: int, mark: str = "...", *, is_ucs2: bool = False) -> str:
    """What fits `limit` parts, cut at a word and marked; a link at the end stays whole, since half of one is none."""
    if sms_parts(text, is_ucs2=is_ucs2) <= limit:
        return text
    link = _LAST_LINK.search(text)
    end = f"{mark} {link.group(1)}" if link and sms_parts(f"{mark} {link.group(1)}", is_ucs2=is_ucs2) <= limit else mark
    whole = text[: link.start()] if link and end != mark else text
    low, high = 0, len(whole)
    while low < high:  # a longer beginning never has fewer parts
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sms_parts(whole[:middle] + end, is_ucs2=is_ucs2) <= limit else (low, middle - 1)
    kept = whole[:low]
    if not whole[low : low + 1].isspace() and (blank := max(kept.rfind(" "), kept.rfind("\n"))) > low * 3 // 5:
        kept = kept[:blank]
    return kept.rstrip() + end


def national_number(e164: str) -> str:
    """Without the country code: "+8613800000000" -> "13800000000". A number of no country keeps all its digits."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return e164.lstrip("+")


def _parts(text: str, *, is_ucs2: bool = False) -> list[tuple[int, int]]:
    """(characters, units) of each part; what is written as a pair (escapes, surrogates) is never split over two."""
    is_pair: Callable[[str], bool]
    if not is_ucs2 and is_gsm7(text):
        is_pair, single, part = _GSM7_EXTENDED.__contains__, 160, 153
    else:
        is_pair, single, part = "\uffff".__lt__, 70, 67
    if (units := len(text) + sum(map(is_pair, text))) <= single:
        return [(len(text), units)]
    parts = [(0, 0)]
    for unit in (2 if is_pair(character) else 1 for character in text):
        if parts[-1][1] + unit > part:
            parts.append((0, 0))
        characters, used = parts[-1]
        parts[-1] = characters + 1, used + unit
    return parts
