"""What people type into the fields of contacts, groups and robots: cleaned, or refused with a sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from psycopg.errors import UniqueViolation

from tocsin.channels.http import is_web_address
from tocsin.contacts.rules import DuplicateError, Fallback, is_lark_open_id
from tocsin.core.errors import InvalidInputError
from tocsin.core.phones import PhoneError, parse
from tocsin.core.storable import is_storable

_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp"})
_INVISIBLE = "\u180e\u200b\u200e\u200f\u2060\ufeff"
"""Comes along at the ends of what is pasted."""
_USER_ID = re.compile(r"[^\s<>\"'&|,;@][^\s<>\"'&|,;]*")
_EVERYBODY = frozenset({"all", "isatall", "everyone", "here"})
"""What platforms read as a mention of the whole group."""


def clean_text(value: object, *, at_most: int) -> str:
    """Without blanks at the ends; ValueError for what cannot be stored, shown or is too long."""
    if not isinstance(value, str):
        raise ValueError(_("Expected text."))
    text = value.strip().strip(_INVISIBLE).strip()
    if not text.isprintable() and (
        not is_storable(text)
        or any(unicodedata.category(char) in _UNPRINTABLE or char in _BIDI_CONTROLS for char in text)
    ):
        raise ValueError(_("Line breaks, control characters and broken characters are not allowed here."))
    if len(text) > at_most:
        raise ValueError(
            _("At most %(count)d characters; these are %(length)d.") % {"count": at_most, "length": len(text)}
        )
    return text


def clean_name(value: object) -> str:
    name = clean_text(value, at_most=64)
    if not name:
        raise ValueError(_("Give a name of 1 to 64 characters."))
    return name


def clean_phone(value: object) -> str | None:
    """E.164, or None for none."""
    if not isinstance(value, str) or not value.strip():
        return None
    try:
        return parse(value, settings.DEFAULT_REGION)
    except PhoneError as error:
        template = _(error.template)
        raise ValueError(template % error.values if error.values else template) from error


def clean_email(value: object) -> str | None:
    text = clean_text(value or "", at_most=254)
    if not text:
        return None
    try:
        validate_email(text)
        is_address = not any(map(str.isspace, text))  # Django takes quoted spaces, which mail servers do not
    except ValidationError:
        is_address = False
    if not is_address:
        raise ValueError(_("This is not an email address; one looks like zhang@example.org."))
    return text


def clean_fallback(value: object) -> str:
    try:
        return Fallback(str(value)).value
    except ValueError as error:
        raise ValueError(_("Choose one of: %(choices)s.") % {"choices": ", ".join(Fallback)}) from error


def clean_user_id(value: object) -> str:
    """An ID goes into the text of a group message, so it must not be able to mention others."""
    text = clean_text(value or "", at_most=128)
    if text and (not _USER_ID.fullmatch(text) or text.lower() in _EVERYBODY):
        raise ValueError(_("This is not the ID of one user: IDs have no spaces or signs like @ , ; < > in them."))
    return text


def clean_lark_user_id(value: object) -> str:
    text = clean_user_id(value)
    if text and not is_lark_open_id(text):
        raise ValueError(_("Lark mentions by open ID only: it starts with ou_. Lark ignores other IDs silently."))
    return text


def clean_language(value: object) -> str:
    text = clean_text(value or "", at_most=16)
    codes = dict(settings.LANGUAGES)
    if text and text not in codes:
        raise ValueError(_("Choose one of: %(choices)s.") % {"choices": ", ".join(codes)})
    return text


def clean_time_zone(value: object) -> str:
    text = clean_text(value or "", at_most=64)
    if text and text not in _time_zones():
        raise ValueError(_("Not a time zone; write one like Asia/Shanghai or Europe/Berlin."))
    return text


def zone_of(name: str) -> ZoneInfo:
    """The zone, or the installation's for none (and for one that this machine does not know any more)."""
    return ZoneInfo(name if name in _time_zones() else settings.TIME_ZONE)


def clean_external_id(value: object) -> str | None:
    return clean_text(value or "", at_most=128) or None


def clean_url(value: object) -> str:
    """An http(s) address. The message never repeats it, since it holds a token."""
    text = clean_text(value or "", at_most=2000)
    try:
        parts = urlsplit(text)
        is_whole = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and is_web_address(text)
        )
    except ValueError:  # brackets that are no address, a port that is none
        is_whole = False
    if not is_whole or any(map(str.isspace, text)):
        raise ValueError(_("Give the whole webhook address, starting with https:// (or http://)."))
    return text


CONTACT_FIELDS: Mapping[str, Callable[[object], str | None]] = {
    "name": clean_name,
    "phone": clean_phone,
    "email": clean_email,
    "fallback": clean_fallback,
    "user_id": clean_user_id,
    "dingtalk_user_id": clean_user_id,
    "lark_user_id": clean_lark_user_id,
    "wecom_user_id": clean_user_id,
    "language": clean_language,
    "time_zone": clean_time_zone,
    "external_id": clean_external_id,
}


def clean(typed: Mapping[str, object], cleaners: Mapping[str, Callable[[object], str | None]]) -> dict[str, str | None]:
    """All fields, or an InvalidInputError that names every wrong one."""
    cleaned: dict[str, str | None] = {}
    problems: dict[str, str] = {}
    for field, value in typed.items():
        if field not in cleaners:
            problems[field] = _("This cannot be changed.")
            continue
        try:
            cleaned[field] = cleaners[field](value)
        except ValueError as error:
            problems[field] = str(error)
    if problems:
        raise InvalidInputError(problems)
    return cleaned


def refuse_unknown_ids(field: str, ids: Collection[int], known: Collection[int], text: str) -> None:
    """`text` has one place, %(ids)s."""
    if unknown := sorted(set(ids).difference(known)):
        raise InvalidInputError({field: text % {"ids": ", ".join(map(str, unknown))}})


@contextmanager
def naming_duplicates(find: Callable[[], DuplicateError]) -> Iterator[None]:
    """Turns a unique index's refusal, which no check beforehand can replace, into the DuplicateError that `find` makes.

    Runs in a savepoint, so that `find` can read what the other writer committed.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if not isinstance(error.__cause__, UniqueViolation):
            raise
        raise find() from error


def duplicates(taken: Mapping[str, tuple[Any, tuple[int, str] | None]]) -> DuplicateError:
    """`taken`: field -> value and the other's id and name (None when it is gone again by now)."""
    named, neutral, others = {}, {}, {}
    for field, (value, other) in taken.items():
        if other is None:
            named[field] = neutral[field] = _("Somebody else has just used this; try again.")
            continue
        others[field] = other
        neutral[field] = _("This belongs to somebody else already.")
        named[field] = _("%(value)s belongs to %(name)s already.") % {"value": value, "name": other[1]}
    return DuplicateError(named, neutral, others)


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())
