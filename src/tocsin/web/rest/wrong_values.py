"""What pydantic finds wrong with a value, in the words of the rest, which are there in every language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_NO_TEXT = _("Give a text here.")
_NO_NUMBER = _("Give a whole number here.")
_NO_DECIMAL = _("Give a number here.")
_NO_FLAG = _("Give true or false here.")
_NO_LIST = _("Give a list here.")
_NO_OBJECT = _("Give an object with fields here.")
_NO_MOMENT = _("Give a moment like 2026-12-24T18:00:00+08:00 here.")
_CHOICE = _("Choose one of %(expected)s.")
_TEXTS: Mapping[str, str | Promise] = {
    "missing": _("This is missing."),
    "extra_forbidden": _("There is no field of this name."),
    "string_type": _NO_TEXT,
    "int_type": _NO_NUMBER,
    "int_parsing": _NO_NUMBER,
    "int_parsing_size": _NO_NUMBER,
    "int_from_float": _NO_NUMBER,
    "float_type": _NO_DECIMAL,
    "float_parsing": _NO_DECIMAL,
    "finite_number": _NO_DECIMAL,
    "bool_type": _NO_FLAG,
    "bool_parsing": _NO_FLAG,
    "list_type": _NO_LIST,
    "dict_type": _NO_OBJECT,
    "model_type": _NO_OBJECT,
    "model_attributes_type": _NO_OBJECT,
    "datetime_type": _NO_MOMENT,
    "datetime_parsing": _NO_MOMENT,
    "datetime_from_date_parsing": _NO_MOMENT,
    "timezone_aware": _NO_MOMENT,
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "greater_than": _("Give more than %(gt)s."),
    "greater_than_equal": _("Give %(ge)s or more."),
    "less_than": _("Give less than %(lt)s."),
    "less_than_equal": _("Give %(le)s at the most."),
    "string_too_long": _("Give %(max_length)s characters at the most."),
    "string_too_short": _("Give %(min_length)s characters at the least."),
    "too_long": _("Give %(max_length)s at the most."),
    "too_short": _("Give %(min_length)s at the least."),
}
"""By pydantic's own names of what can be wrong."""


def text_of(found: Mapping[str, Any]) -> str:
    """Of one of pydantic's errors; in its own words where there are none of ours."""
    text = _TEXTS.get(found["type"])
    if text is None:
        return str(found["msg"]).removeprefix("Value error, ")
    shown: str = str(text) % found.get("ctx", {})
    return shown
