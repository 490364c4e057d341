"""A name that passes the check of the form passes the database's too, whatever characters and locale it has."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from django.db import connection

from tocsin.contacts.services.cleaning import clean_name

pytestmark = pytest.mark.django_db
_SUSPECT = {"Cc", "Cf", "Zs", "Zl", "Zp"}


def test_every_character_that_a_form_takes_can_be_stored() -> None:
    taken = []
    for code_point in range(sys.maxunicode + 1):
        if unicodedata.category(char := chr(code_point)) not in _SUSPECT:
            continue
        for typed in (f"a{char}b", f"{char}b", f"a{char}"):
            try:
                taken.append(clean_name(typed))
            except ValueError:
                continue

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(collname) FROM pg_collation WHERE collname IN ('en-x-icu', 'en_US.utf8', 'C.utf8')"
        )
        for collation in ['"C"', *(name for (name,) in cursor.fetchall())]:
            cursor.execute(
                rf"SELECT name FROM unnest(%s::text[]) AS name WHERE name COLLATE {collation} !~ '^\S(.{{0,62}}\S)?$' "
                rf"OR name COLLATE {collation} ~ '[[:cntrl:]]'",
                [taken],
            )
            assert cursor.fetchall() == [], collation
    assert len(taken) > 300


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("\ufeffAnn", "Ann"),
        ("\u200e Ann \u200b", "Ann"),
        ("\u00a0张三\u3000", "张三"),
        ("Flag \U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", None),
    ],
)
def test_what_came_along_when_a_name_was_pasted_is_dropped(typed: str, name: str | None) -> None:
    assert clean_name(typed) == (name or typed)


@pytest.mark.parametrize("typed", ["a\u2028b", "a\u2029b", "a\u0085b", "a\x7fb", "\u200b", "a\u2066b"])
def test_what_would_break_a_line_or_turn_it_around_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r"not allowed|1 to 64"):
        clean_name(typed)
