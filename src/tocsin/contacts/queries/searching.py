"""Which way leads to the first contacts of a list soonest: along their names, or from the index of what is searched.

PostgreSQL chooses by its statistics, which know nothing of where in the alphabet the wanted rows stand nor which runs
of characters come together. A wrong choice reads the whole table, so the choice is made here, by a look at a sample,
and the form of the statement leaves no other (docs/decisions/0011 has the measurements).
"""

from __future__ import annotations

import math

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, Func, Q, QuerySet, TextField, Value
from django.db.models.expressions import Combinable, OrderBy, RawSQL
from django.db.models.functions import Concat, Lower, StrIndex

from tocsin.contacts.models import Contact, ContactGroup
from tocsin.core.phones import search_digits

_SAMPLE = """
(SELECT CASE WHEN reltuples < 0 THEN 0.2 ELSE least(100, 200000 / greatest(reltuples, 1)) END
FROM pg_class WHERE oid = 'contacts_contact'::regclass)
"""
"""Percent of the table: some 2,000 rows, all where there are fewer."""
_SIZE = "(SELECT reltuples FROM pg_class WHERE oid = 'contacts_contact'::regclass)"
_HITS_BEYOND = 3
"""Of the sample's hits, beyond those that the wanted rows stand for: the sample may have come upon some too soon."""
_WALK_COST = 2.5
"""Of reading a row along the order, when finding and sorting a row costs 1."""
_INDEX_WALK_COST = 1
"""The same where indexes hold all that is asked."""
_SEARCH_START = 60
"""What a search by index costs before its first row."""
_TABLE = f'FROM "{Contact._meta.db_table}"'


class _HasGrams(Func):
    template = "%(function)s(%(expressions)s)"
    arg_joiner = ") @@ contacts_gram_query("
    function = "contacts_grams"
    output_field = BooleanField()
    conditional = True


def text_condition(text: str, *, sees_addresses: bool) -> Q:
    """The name, or for those who may see them the email and the number in any spelling, holds the text. By no index."""
    needle = Lower(Value(text, output_field=TextField()))
    condition = Q(_holds(Lower("name"), needle))
    if sees_addresses:
        condition |= Q(_holds(Lower("email"), needle))
        if digits := search_digits(text):
            place = StrIndex("phone", Value(digits))
            condition |= Q(_Equals(place, Value(1))) if digits.startswith("+") else Q(_Above(place, Value(0)))
    return condition


def text_candidates(text: str, *, sees_addresses: bool) -> Q:
    """By index, all that `text_condition` holds for, and perhaps some more."""
    condition = Q(_HasGrams("name", Value(text)))
    if sees_addresses:
        condition |= Q(_HasGrams("email", Value(text)))
        if digits := search_digits(text):
            condition |= Q(_HasGrams("phone", Value(digits)))
    return condition


def field_condition(field: str, text: str) -> Q:
    """The one field (name, email or phone) holds the text, a number in any spelling. By no index."""
    if field != "phone":
        return Q(_holds(Lower(field), Lower(Value(text, output_field=TextField()))))
    digits = search_digits(text)
    place = StrIndex("phone", Value(digits))
    return Q(_Equals(place, Value(1))) if digits.startswith("+") else Q(_Above(place, Value(0)))


def field_candidates(field: str, text: str) -> Q:
    """By index, all that `field_condition` holds for, and perhaps some more."""
    return Q(_HasGrams(field, Value(search_digits(text) if field == "phone" else text)))


def groups_named(text: str) -> QuerySet[ContactGroup]:
    needle = Lower(Value(text, output_field=TextField()))
    return ContactGroup.objects.filter(Q(_HasGrams("name", Value(text))), Q(_holds(Lower("name"), needle)))


def is_walk_shorter(condition: Q, order: tuple[str, ...], *, rows: int, is_by_index_alone: bool = False) -> bool:
    """Whether a sample says that reading along the order comes to so many `rows` before finding all of them does."""
    hit, size = ExpressionWrapper(condition, BooleanField()), RawSQL(_SIZE, ())  # noqa: S611 (our own)
    table = Contact.objects.annotate(hit=hit, size=size).order_by(*order)
    sql, parameters = table.values_list("hit", "size").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql.replace(_TABLE, f"{_TABLE} TABLESAMPLE SYSTEM ({_SAMPLE})", 1), parameters)
        sample = cursor.fetchall()
    hits = [place for place, (hit, _size) in enumerate(sample) if hit]
    table_size = max(sample[0][1], len(sample)) if sample else 1
    needed = math.ceil(rows * len(sample) / table_size) + _HITS_BEYOND
    if len(hits) < needed:
        return False
    cost = _INDEX_WALK_COST if is_by_index_alone else _WALK_COST
    return hits[needed - 1] * cost < len(hits) + _SEARCH_START


def unindexed(fields: tuple[str, ...]) -> list[OrderBy]:
    """The same order in a form that no index has, so that rows are found first and sorted then."""
    terms = []
    for field in fields:
        name = field.lstrip("-")
        term = Concat("name", Value("")) if name == "name" else F(name) + Value(0)
        terms.append(OrderBy(term, descending=field.startswith("-")))
    return terms


def is_unindexed(found: QuerySet[Contact]) -> bool:
    return any(isinstance(term, OrderBy) for term in found.query.order_by)


def _holds(text: Combinable, needle: Combinable) -> Combinable:
    return _Above(StrIndex(text, needle), Value(0))


class _Above(Func):
    template = "(%(expressions)s)"
    arg_joiner = " > "
    output_field = BooleanField()
    conditional = True


class _Equals(_Above):
    arg_joiner = " = "
