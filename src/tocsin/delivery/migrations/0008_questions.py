"""When vendors are asked what became of a message. Old code goes on serving: it writes none of it."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("delivery", "0007_escalated")]

    operations = [
        migrations.AddField("delivery", "ask_at", models.DateTimeField(blank=True, editable=False, null=True)),
        migrations.AddField(
            "delivery", "asked_count", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)
        ),
        migrations.AddField("attempt", "passed_over", models.CharField(blank=True, db_default="", max_length=500)),
        migrations.RunSQL('DROP INDEX CONCURRENTLY IF EXISTS "delivery_ask"', migrations.RunSQL.noop),
        AddIndexConcurrently(
            "delivery", models.Index(fields=["ask_at"], name="delivery_ask", condition=Q(ask_at__isnull=False))
        ),
    ]
