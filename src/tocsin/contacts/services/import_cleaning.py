"""Rows of an imported file, cleaned by the same rules as what is typed in the console."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from tocsin.contacts.models import FALLBACK_LABELS
from tocsin.contacts.rules import Fallback
from tocsin.contacts.rules.importing import ImportOptions, Problem, Refusal, Row
from tocsin.contacts.services.cleaning import (
    CONTACT_FIELDS,
    clean_fallback,
    clean_language,
    clean_name,
    clean_phone,
    clean_text,
    clean_url,
)
from tocsin.contacts.sheets.cells import FORMULA_FAULTS
from tocsin.contacts.sheets.files import Values

_ROUNDED = re.compile(r"[+-]?\d+([.,]\d+)?\s*[eE]\s*\+?\d+")
_TRAILING_ZERO = re.compile(r"(\d{5,})\.0")
_LANGUAGES = {**dict.fromkeys(("zh", "zh-cn", "zh_cn", "中文", "简体中文"), "zh-hans"), "english": "en", "英文": "en"}
_NEVER_CLEARED = ("external_id", "legacy_chatbot_url", "verified_by")
"""An empty cell of these says nothing, whatever was chosen."""


def clean_row(number: int, values: Values, options: ImportOptions) -> tuple[Row, dict[str, Problem]]:
    """The row with every field that is right, and a problem for every other one."""
    cleaned: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    for field, value in values.items():
        if isinstance(value, list) or (not value and not (options.clear_empty and field not in _NEVER_CLEARED)):
            continue
        try:
            _refuse_formula_fault(value)
            cleaned[field] = _CLEANERS[field](value) or ""
        except ValueError as error:
            problems[field] = Problem(Refusal.INVALID, {"text": str(error)})
    groups = None
    names = values.get("groups")
    if isinstance(names, list) and (names or options.clear_empty):
        try:
            for name in names:
                _refuse_formula_fault(name)
            groups = tuple(dict.fromkeys(clean_name(name) for name in names))
        except ValueError as error:
            problems["groups"] = Problem(Refusal.INVALID, {"text": str(error)})
    url = cleaned.pop("legacy_chatbot_url", "")
    attested_by = cleaned.pop("verified_by", "")
    return Row(number, cleaned, groups, chatbot_url=url, attested_by=attested_by), problems


def _refuse_formula_fault(value: str) -> None:
    if value[:1] == "#" and value.upper() in FORMULA_FAULTS:
        raise ValueError(
            _("The spreadsheet has %(found)s here: a formula without a result. Put the value itself into the cell.")
            % {"found": value}
        )


def _phone(value: object) -> str | None:
    text = str(value)
    if "." in text:
        text = _TRAILING_ZERO.sub(r"\1", text)
    if "e" in text.lower() and _ROUNDED.fullmatch(text):
        raise ValueError(
            _(
                "A spreadsheet shortened this number to %(found)s and lost its last digits. Make the column text, and "
                "enter the number again."
            )
            % {"found": text}
        )
    return clean_phone(text)


def _fallback(value: object) -> str:
    """The word, or what pages call it in any language."""
    text = str(value).strip().casefold()
    return clean_fallback(_fallbacks().get(text, text) or Fallback.DEFAULT)


def _language(value: object) -> str:
    text = str(value).strip().lower()
    return clean_language(_LANGUAGES.get(text, text))


def _source(value: object) -> str:
    return clean_text(value, at_most=128)


@lru_cache(maxsize=1)
def _fallbacks() -> Mapping[str, str]:
    found = {}
    for language, _title in settings.LANGUAGES:
        with translation.override(language):
            found.update({str(label).casefold(): word.value for word, label in FALLBACK_LABELS.items()})
    return found


_CLEANERS: Mapping[str, Callable[[object], str | None]] = {
    **CONTACT_FIELDS,
    "phone": _phone,
    "fallback": _fallback,
    "language": _language,
    "legacy_chatbot_url": clean_url,
    "verified_by": _source,
}
