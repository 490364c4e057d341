"""What keeps an event quiet. Old code goes on serving: it writes neither column, and nothing is locked."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("events", "0003_field_names")]

    operations = [
        migrations.AddField("event", "silenced_by", models.BigIntegerField(blank=True, editable=False, null=True)),
        migrations.AddField("event", "inhibited_by", models.BigIntegerField(blank=True, editable=False, null=True)),
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS "event_by_silence"', migrations.RunSQL.noop),
        AddIndexConcurrently(
            "event",
            models.Index(fields=["silenced_by", "-id"], name="event_by_silence", condition=Q(state="silenced")),
        ),
    ]
