"""Thousands of ids in a condition: one array, where `IN` has a parameter for each."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, BooleanField, Func, Q, Value


class _IsOneOf(Func):
    template = "(%(expressions)s))"
    arg_joiner = " = ANY("
    output_field = BooleanField()
    conditional = True


def is_one_of(field: str, ids: Iterable[int]) -> Q:
    return Q(_IsOneOf(field, Value(list(ids), output_field=ArrayField(BigIntegerField()))))
