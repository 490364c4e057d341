"""Rows of a file that are written together."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0015_room_for_versions")]

    operations = [
        migrations.AddField(
            model_name="contactimportrow",
            name="is_exchanged",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
