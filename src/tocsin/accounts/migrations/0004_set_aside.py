"""Lines of the first run's checklist that an installation does not use."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_api_tokens")]

    operations = [
        migrations.CreateModel(
            name="SetAside",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("by_name", models.CharField(max_length=150)),
                ("at", models.DateTimeField()),
            ],
            options={
                "verbose_name": "line of the first run's checklist",
                "verbose_name_plural": "lines of the first run's checklist",
            },
        ),
    ]
