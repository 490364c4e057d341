"""When a subscription's own notices were last taken, and last not."""

from __future__ import annotations

from django.db import migrations, models

_BACKFILL = """
UPDATE delivery_lifecyclesubscription s SET delivered_at = (
    SELECT max(n.answered_at) FROM delivery_lifecyclenotice n WHERE n.subscription_id = s.id AND n.state = 'delivered'
)
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0021_hours_of_steps")]

    operations = [
        migrations.AddField(
            model_name="lifecyclesubscription",
            name="delivered_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="lifecyclesubscription",
            name="failed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="lifecyclesubscription",
            name="failure",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=300),
        ),
        migrations.RunSQL(_BACKFILL, migrations.RunSQL.noop),
    ]
