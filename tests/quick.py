"""What costs a server little and a run of thousands of tests much, made cheap for the tests: all that they change."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection, transaction
from django.test import TransactionTestCase


class OnePassHasher(PBKDF2PasswordHasher):
    """The hash that users have, of one pass: theirs takes most of a second, which is its purpose."""

    iterations = 1


_MADE_BY_MIGRATE = {"django_migrations", "django_content_type", "auth_permission"}
_LARGE = 2**20  # bytes


def make_quick() -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.OnePassHasher"]
    # Looks for a static file when one is asked for, instead of reading all of them for each test client.
    settings.WHITENOISE_AUTOREFRESH = True
    TransactionTestCase._fixture_teardown = lambda _test: _empty_tables()  # type: ignore[attr-defined]


def _empty_tables() -> None:
    """After a test that commits. Small tables are not truncated, which makes new files for each and its indexes."""
    tables = sorted(set(connection.introspection.django_table_names()) - _MADE_BY_MIGRATE)
    held = " UNION ALL ".join(
        f"SELECT '{name}', pg_relation_size('{name}') WHERE EXISTS (SELECT FROM {name})" for name in tables
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(held)
        sizes = dict(cursor.fetchall())
        if sizes and max(sizes.values()) > _LARGE:
            cursor.execute(f"TRUNCATE {', '.join(sizes)} CASCADE")
        elif sizes:
            cursor.execute(";".join(f"DELETE FROM {name}" for name in sizes))
