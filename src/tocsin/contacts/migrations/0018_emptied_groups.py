"""Groups that an import leaves without members."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0017_left_rows")]

    operations = [
        migrations.AddField(
            model_name="contactimport",
            name="emptied_groups",
            field=models.JSONField(db_default=[], default=list),
        ),
    ]
