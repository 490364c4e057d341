"""Robots of an app's account. Old code goes on serving: it leaves both empty."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("channels", "0003_connections"), ("contacts", "0010_kinds_of_robots")]

    operations = [
        migrations.AddField(
            "robot",
            "account",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="robots",
                to="channels.provideraccount",
                verbose_name="app",
            ),
        ),
        migrations.AddField(
            "robot", "chat_id", models.CharField(blank=True, db_default="", max_length=128, verbose_name="group ID")
        ),
    ]
