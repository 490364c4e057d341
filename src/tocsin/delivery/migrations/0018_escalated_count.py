"""Which step comes after what a notification tells of. Old code goes on serving: it tells of none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("delivery", "0017_lifecycle_kinds")]

    operations = [
        migrations.AddField("notification", "escalated_count", models.PositiveIntegerField(db_default=0, default=0)),
    ]
