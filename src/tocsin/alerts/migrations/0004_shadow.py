from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("alerts", "0003_acting"),
        ("policies", "0006_severities_and_windows"),
    ]

    operations = [
        migrations.AddField(
            model_name="alert",
            name="is_shadow",
            field=models.BooleanField(db_default=False, default=False, editable=False, verbose_name="in shadow"),
        ),
        AddIndexConcurrently(
            model_name="alert",
            index=models.Index(
                condition=models.Q(("is_shadow", True), ("resolved_at__isnull", True)),
                fields=["policy"],
                name="alert_open_shadow",
            ),
        ),
    ]
