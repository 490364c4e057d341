"""A fate for rows that an import had not written when it ended."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0016_exchanged_rows")]

    operations = [
        migrations.AlterField(
            model_name="contactimportrow",
            name="fate",
            field=models.CharField(
                choices=[
                    ("created", "created"),
                    ("changed", "changed"),
                    ("unchanged", "unchanged"),
                    ("skipped", "skipped"),
                    ("refused", "refused"),
                    ("left", "left"),
                ],
                max_length=16,
            ),
        ),
    ]
