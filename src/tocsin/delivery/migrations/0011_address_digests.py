"""Where a message with a link went. Old code goes on serving: it writes none, and such a row counts as an older one."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("delivery", "0010_fire_drills")]

    operations = [
        migrations.AddField("delivery", "address_digest", models.BinaryField(blank=True, null=True)),
    ]
