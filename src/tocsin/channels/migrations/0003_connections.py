"""Which worker holds the connection of an account that listens."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("channels", "0002_pauses")]

    operations = [
        migrations.CreateModel(
            "Connection",
            fields=[
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="connection",
                        serialize=False,
                        to="channels.provideraccount",
                    ),
                ),
                ("worker_id", models.BigIntegerField(blank=True, null=True)),
                ("held_until", models.DateTimeField(blank=True, null=True)),
                ("connected_at", models.DateTimeField(blank=True, null=True)),
                ("failed_at", models.DateTimeField(blank=True, null=True)),
                ("failure", models.CharField(blank=True, db_default="", max_length=500)),
                ("heard_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
    ]
