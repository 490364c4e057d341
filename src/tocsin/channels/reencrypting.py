"""Stored secrets under the first key of the installation, so that an older one can be taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import connection, models

from tocsin.accounts.models import AccessKey
from tocsin.accounts.services import reencrypt_second_factors
from tocsin.channels.fields import EncryptedTextField
from tocsin.core import crypto

_AT_ONCE = 1000
_READ = """
SELECT {key}, {column} FROM {table}
WHERE {key} > %s AND {column} <> '' AND split_part({column}, ':', 2) <> %s ORDER BY {key} LIMIT {limit}
"""
_WRITE = """
UPDATE {table} t SET {column} = fresh.sealed
FROM (SELECT o.{key} AS id, n.sealed FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS n (id, found, sealed)
      JOIN {table} o ON o.{key} = n.id AND o.{column} = n.found ORDER BY o.{key} FOR NO KEY UPDATE OF o) fresh
WHERE t.{key} = fresh.id
"""


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """Of one column: how many secrets were encrypted anew, and how many no key of this installation opens."""

    column: str
    changed: int
    unreadable: int


def reencrypt_everything() -> list[Reencrypted]:
    """Each column that holds secrets. What is thrown away within a day, as kept answers of requests are, is left."""
    done = [reencrypt(model, column) for model, column in encrypted_columns()]
    return [*done, Reencrypted("mfa_authenticator.data", *reencrypt_second_factors())]


def encrypted_columns() -> Iterator[tuple[type[models.Model], str]]:
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field.attname
    yield AccessKey, "secret"


def reencrypt(model: type[models.Model], column: str) -> Reencrypted:
    """A thousand rows at a time. Who writes one meanwhile has encrypted it with the first key, and theirs is kept."""
    table, key = model._meta.db_table, model._meta.pk.column
    names = {"table": table, "key": key, "column": column, "limit": _AT_ONCE}
    (first,) = crypto.key_ids(settings.SECRET_KEYS[:1])
    last = changed = unreadable = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(_READ.format(**names), [last, first])
            rows = cursor.fetchall()
            if not rows:
                return Reencrypted(f"{table}.{column}", changed, unreadable)
            fresh = [(id, old, new) for id, old in rows if (new := crypto.renewed(old, settings.SECRET_KEYS))]
            if fresh:
                cursor.execute(_WRITE.format(**names), [list(values) for values in zip(*fresh, strict=True)])
                changed += cursor.rowcount
            unreadable += len(rows) - len(fresh)
            last = rows[-1][0]
