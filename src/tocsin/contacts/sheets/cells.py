"""Cells: what a spreadsheet made of a text, and how a text is kept from becoming a formula."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime

from tocsin.core.phones import display

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")
_PHONE = re.compile(r"\+[0-9][0-9 ().-]*")
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")
_BETWEEN = re.compile("[;；\n]")
_WHOLE = 10**15
"""Up to here a spreadsheet keeps every digit of a number."""
NOT_CALCULATED = "#UNCALCULATED!"
"""For a formula without a result: what wrote the file does not calculate."""
FORMULA_FAULTS = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", NOT_CALCULATED}
)
"""What a spreadsheet puts into a cell that has no value."""


def escaped(text: str) -> str:
    """For CSV: an apostrophe before what a spreadsheet would calculate. A phone number has nothing to calculate, and
    its spaces keep the spreadsheet from taking it for a number."""
    if _PHONE.fullmatch(text) and " " in text:
        return text
    return "'" + text if _FORMULA.match(text) else text


def unescaped(text: str) -> str:
    return text[1:] if _ESCAPED.match(text) else text


def spaced(phone: str) -> str:
    """E.164 as people write it; anything else as it is."""
    return display(phone) if _E164.fullmatch(phone) else phone


def as_text(value: object) -> str:
    """A cell of any type, as one would type it."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else f"{value:E}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def joined(names: Iterable[str]) -> str:
    """Group names in one cell, divided by semicolons; those within a name follow a backslash."""
    return "; ".join(re.sub(r"([\\;；])", r"\\\1", name) for name in names)


def divided(text: str) -> list[str]:
    """The names of `joined`."""
    if "\\" not in text:
        return [name for part in _BETWEEN.split(text) if (name := part.strip())]
    names, name = [], ""
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            name += next(letters, "\\")
        elif letter in ";；\n":
            names.append(name)
            name = ""
        else:
            name += letter
    return [name.strip() for name in [*names, name] if name.strip()]
