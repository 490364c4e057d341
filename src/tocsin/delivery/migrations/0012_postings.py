"""Messages that can be changed. Old code goes on serving: it keeps none, and what it posted stays as it is."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("alerts", "0005_changed"), ("delivery", "0011_address_digests")]

    operations = [
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "delivery",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="posting",
                        serialize=False,
                        to="delivery.delivery",
                    ),
                ),
                (
                    "alert",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="alerts.alert",
                    ),
                ),
                ("recipient_id", models.BigIntegerField()),
                ("provider_id", models.CharField(max_length=128)),
                ("shown", models.CharField(max_length=400)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
                ("wanted", models.PositiveIntegerField(default=1)),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("changes", models.PositiveIntegerField(default=0)),
                ("changed_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("failure", models.CharField(blank=True, max_length=500)),
                ("is_over", models.BooleanField(default=False)),
            ],
            options={
                "verbose_name": "posting",
                "indexes": [
                    models.Index(
                        condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="posting_due"
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("alert", "recipient_id"), name="posting_once")],
            },
        ),
    ]
