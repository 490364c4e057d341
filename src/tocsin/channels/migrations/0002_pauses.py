"""Whether an account rests after failures. Old code goes on serving: it reads and writes none of it."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("channels", "0001_initial")]

    operations = [
        migrations.AddField(
            "provideraccount", "failures", models.PositiveIntegerField(db_default=0, default=0, editable=False)
        ),
        migrations.AddField(
            "provideraccount", "pauses", models.PositiveIntegerField(db_default=0, default=0, editable=False)
        ),
        migrations.AddField(
            "provideraccount", "opened_at", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.AddField(
            "provideraccount", "paused_until", models.DateTimeField(blank=True, editable=False, null=True)
        ),
    ]
