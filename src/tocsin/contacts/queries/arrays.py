"""Thousands of ids in a condition: one array, where `IN` has a parameter for each."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import BooleanField, Func, Q, TextField, Value


class _IsOneOf(Func):
    template = "(%(expressions)s::bigint[]))"
    arg_joiner = " = ANY("
    output_field = BooleanField()
    conditional = True


def id_array(ids: Iterable[int]) -> str:
    """As PostgreSQL reads it, for `%s::bigint[]`: written at once, where a list is adapted number by number."""
    return f"{{{','.join(map(str, ids))}}}"


def is_one_of(field: str, ids: Iterable[int]) -> Q:
    return Q(_IsOneOf(field, Value(id_array(ids), output_field=TextField())))
