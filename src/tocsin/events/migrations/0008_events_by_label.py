"""Events by one of their labels."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("events", "0007_named_reports_and_mappings")]

    operations = [
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS "event_by_label"', migrations.RunSQL.noop),
        AddIndexConcurrently(
            "event",
            GinIndex(
                fields=["labels"], name="event_by_label", opclasses=["jsonb_path_ops"], gin_pending_list_limit=512
            ),
        ),
    ]
