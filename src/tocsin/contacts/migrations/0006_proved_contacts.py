"""Who was never proved reachable, by index. Old code goes on serving: it need not know of the column."""

from django.db import migrations, models
from django.db.models import Q

from django.contrib.postgres.operations import AddIndexConcurrently

_ROWS = 10_000
_PROVE = """
UPDATE contacts_contact contact SET is_proved = true WHERE contact.id IN (
    SELECT known.id FROM contacts_contact known
    WHERE known.id >= %(first)s AND known.id < %(first)s + %(rows)s AND NOT known.is_proved AND EXISTS (
        SELECT FROM contacts_contactreach reach WHERE reach.contact_id = known.id AND reach.delivered_at IS NOT NULL
    )
    ORDER BY known.id FOR NO KEY UPDATE SKIP LOCKED
)
"""
"""Whom somebody is writing is left out: the list looks further where the column says no."""


def prove(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM contacts_contact")
        first, last = cursor.fetchone()
        for place in range(first, last + 1, _ROWS):
            cursor.execute(_PROVE, {"first": place, "rows": _ROWS})


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("contacts", "0005_webhooks_and_daily_statistics")]

    operations = [
        # Until then no run has come further, and what an interrupted one left behind is made again.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE contacts_contact ADD COLUMN IF NOT EXISTS is_proved boolean DEFAULT false NOT NULL",
                    "ALTER TABLE contacts_contact DROP COLUMN IF EXISTS is_proved",
                ),
            ],
            state_operations=[
                migrations.AddField(
                    "contact",
                    "is_proved",
                    models.BooleanField(db_default=False, default=False, editable=False),
                ),
            ],
        ),
        migrations.RunPython(prove, migrations.RunPython.noop),
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS "contact_unproved_by_name"', migrations.RunSQL.noop),
        AddIndexConcurrently(
            "contact",
            models.Index(fields=["name", "object"], name="contact_unproved_by_name", condition=Q(is_proved=False)),
        ),
    ]
