"""Which alerts were changed since messages about them were posted. Old code goes on serving: it marks none."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("alerts", "0004_shadow")]

    operations = [
        migrations.AddField("alert", "changed_at", models.DateTimeField(blank=True, editable=False, null=True)),
        AddIndexConcurrently(
            "alert",
            models.Index(condition=models.Q(("changed_at__isnull", False)), fields=["id"], name="alert_changed"),
        ),
    ]
