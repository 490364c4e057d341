"""Whose groups are read from an index alone. Old code goes on serving: nothing is locked against writes."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

_NARROWER = """
SELECT quote_ident(name.relname) FROM pg_index
JOIN pg_class name ON name.oid = indexrelid
JOIN pg_attribute attribute ON attribute.attrelid = indrelid AND attribute.attnum = ALL(indkey::smallint[])
WHERE indrelid = 'contacts_contactgroupmember'::regclass AND attribute.attname = 'contact_id' AND NOT indisunique
"""


def drop_narrower(apps, schema_editor):
    """The one that came with the foreign key: the new one begins with the same column."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_NARROWER)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("contacts", "0007_schedules")]

    operations = [
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS "membership_by_contact"', migrations.RunSQL.noop),
        AddIndexConcurrently(
            "contactgroupmember", models.Index(fields=["contact", "group"], name="membership_by_contact")
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunPython(drop_narrower, migrations.RunPython.noop)],
            state_operations=[
                migrations.AlterField(
                    "contactgroupmember",
                    "contact",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="contacts.contact",
                    ),
                ),
            ],
        ),
    ]
