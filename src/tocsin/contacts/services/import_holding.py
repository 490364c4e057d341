"""Who works on an import holds it, so that nobody else does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.models import F

from tocsin.contacts.import_models import ContactImport

IMPORT_LOCKS = 0x70C53
"""First half of the advisory lock that whoever works on an import holds; the import's id is the second."""


MAX_TRIES = 3


def has_tries_left(import_id: int) -> bool:
    """Counts one more. Committed at once, so that a worker that is killed by what it reads has counted."""
    left = ContactImport.objects.filter(pk=import_id, tries__lt=MAX_TRIES)
    return bool(left.update(tries=F("tries") + 1))


def came_back(import_id: int) -> None:
    """Whoever worked on it ended by themselves: nothing killed them."""
    ContactImport.objects.filter(pk=import_id).update(tries=0)


@contextmanager
def holding(import_id: int) -> Iterator[bool]:
    """Whether it is ours to work on: nobody else does. A killed holder's lock goes with its connection."""
    key = [IMPORT_LOCKS, import_id % 2**31]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", key)
        is_held = bool(cursor.fetchone()[0])
    try:
        yield is_held
    finally:
        if is_held and connection.connection is not None and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", key)
