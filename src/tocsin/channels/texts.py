"""Fitting texts to what a vendor takes: bytes, text message parts, single lines. Pure."""

from __future__ import annotations

import re

import phonenumbers

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_EXTENDED = frozenset("\f^{}\\[~]|€")
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
    """What another system said, fit to be kept: one line, at most 300 characters, none of `secrets` in it.

    Secrets of three characters and fewer stay: they are in every sentence.
    """
    for secret in secrets:
        if len(secret) > 3:
            text = re.sub(re.escape(secret), "***", text, flags=re.IGNORECASE)
    return one_line(text)[:300]


def cut_bytes(text: str, limit: int, end: str = "...") -> str:
    """At most `limit` bytes of UTF-8, cut between characters and marked with `end`."""
    if len(text.encode()) <= limit:
        return text
    room = max(limit - len(end.encode()), 0)
    return text.encode()[:room].decode("utf-8", "ignore").rstrip() + end


def is_gsm7(text: str) -> bool:
    return all(character in _GSM7 or character in _GSM7_EXTENDED for character in text)


def to_gsm7_if_possible(text: str) -> str:
    """Typographic quotes, dashes and ellipses made plain when nothing else keeps a text out of the cheap alphabet."""
    plain = text.translate(_PLAIN)
    return plain if is_gsm7(plain) else text


def sms_parts(text: str) -> int:
    """How many parts it is billed and sent as: 160/153 septets of GSM-7, or 70/67 units of UCS-2."""
    return len(_parts(text))


def cut_to_parts(text: str, limit: int, mark: str = "...") -> str:
    """What fits `limit` parts, cut at a word and marked; a link at the end stays whole, since half of one is none."""
    if sms_parts(text) <= limit:
        return text
    link = _LAST_LINK.search(text)
    end = f"{mark} {link.group(1)}" if link and sms_parts(f"{mark} {link.group(1)}") <= limit else mark
    whole = text[: link.start()] if link and end != mark else text
    low, high = 0, len(whole)
    while low < high:  # a longer beginning never has fewer parts
        middle = (low + high + 1) // 2
        low, high = (middle, high) if sms_parts(whole[:middle] + end) <= limit else (low, middle - 1)
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


def _parts(text: str) -> list[int]:
    """Units in each part; what is written as a pair (escapes, surrogates) is never split over two."""
    if is_gsm7(text):
        units = [2 if character in _GSM7_EXTENDED else 1 for character in text]
        single, part = 160, 153
    else:
        units = [2 if ord(character) > 0xFFFF else 1 for character in text]
        single, part = 70, 67
    if sum(units) <= single:
        return [sum(units)]
    parts = [0]
    for unit in units:
        if parts[-1] + unit > part:
            parts.append(0)
        parts[-1] += unit
    return parts
