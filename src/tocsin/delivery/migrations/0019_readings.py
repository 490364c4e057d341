"""Receipts whose id can be read in more than one way wait for the text that went to their recipient. Old code goes on
serving: it stores none of these.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("delivery", "0018_escalated_count")]

    operations = [
        migrations.AddField("receipt", "readings", models.JSONField(blank=True, null=True)),
        migrations.AddField("receipt", "parties", models.JSONField(blank=True, null=True)),
        AddIndexConcurrently(
            "receipt",
            models.Index(
                condition=models.Q(("delivery__isnull", True), ("readings__isnull", False)),
                fields=["account", "received_at"],
                name="receipt_unsettled",
            ),
        ),
    ]
