"""How often an alert's escalation went on. Old code goes on serving: what it takes is not counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0005_changed")]

    operations = [
        migrations.AddField(
            "alert", "escalated_count", models.PositiveIntegerField(db_default=0, default=0, editable=False)
        ),
    ]
