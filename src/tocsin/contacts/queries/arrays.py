"""Thousands of ids in a condition: one array, where `IN` has a parameter for each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from django.db.models import BooleanField, Func, Q, TextField, Value


class _IsOneOf(Func):
    template = "(%(expressions)s::bigint[]))"
    arg_joiner = " = ANY("
    output_field = BooleanField()
    conditional = True


_LARGEST = 2**63 - 1


def id_array(ids: Iterable[int]) -> str:
    """As PostgreSQL reads it, for `%s::bigint[]`: written at once, where a list is adapted number by number.

    What is no bigint is the id of nothing, and left out.
    """
    return _written(tuple(ids))


@lru_cache(maxsize=2)
def _written(ids: tuple[int, ...]) -> str:
    """Kept for the next statement: a page that says what thousands of rows are used by asks a dozen."""
    return f"{{{','.join(str(pk) for pk in ids if -_LARGEST <= pk <= _LARGEST)}}}"


def is_one_of(field: str, ids: Iterable[int]) -> Q:
    return Q(_IsOneOf(field, Value(id_array(ids), output_field=TextField())))
