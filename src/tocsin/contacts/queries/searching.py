"""Which way leads to the first contacts of a list soonest: along their names, or from the index of what is searched.

PostgreSQL chooses by its statistics, which know nothing of where in the alphabet the wanted rows stand nor which runs
of characters come together. A wrong choice reads the whole table, so the choice is made here, by a look at a sample,
and the form of the statement leaves no other (docs/decisions/0011 has the measurements).
"""

from __future__ import annotations

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, F, Func, Q, QuerySet, TextField, Value
from django.db.models.expressions import Combinable, OrderBy
from django.db.models.functions import Concat, Lower, StrIndex

from tocsin.contacts.models import Contact, ContactGroup
from tocsin.core.phones import search_digits

_SAMPLE = """
(SELECT CASE WHEN reltuples < 0 THEN 0.2 ELSE least(100, 200000 / greatest(reltuples, 1)) END
FROM pg_class WHERE oid = 'contacts_contact'::regclass)
"""
"""Percent of the table: some 2,000 rows, all where there are fewer."""
_HITS_READ = 4
"""Of the sample's hits: a walk that has come so far has filled some forty pages of a million contacts."""
_WALK_COST = 2.5
"""Of reading a row along the order, when finding and sorting a row costs 1."""
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


def groups_named(text: str) -> QuerySet[ContactGroup]:
    needle = Lower(Value(text, output_field=TextField()))
    return ContactGroup.objects.filter(Q(_HasGrams("name", Value(text))), Q(_holds(Lower("name"), needle)))


def is_walk_shorter(condition: Q, order: tuple[str, ...]) -> bool:
    """Whether a sample says that reading along the order comes to a page before finding all rows does."""
    rows = Contact.objects.annotate(hit=ExpressionWrapper(condition, BooleanField())).order_by(*order)
    sql, parameters = rows.values_list("hit").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(sql.replace(_TABLE, f"{_TABLE} TABLESAMPLE SYSTEM ({_SAMPLE})", 1), parameters)
        sample = cursor.fetchall()
    hits = [place for place, (hit,) in enumerate(sample) if hit]
    if len(hits) < _HITS_READ:
        return False
    return hits[_HITS_READ - 1] * _WALK_COST < len(hits) + _SEARCH_START


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
