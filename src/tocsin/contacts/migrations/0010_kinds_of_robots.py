"""Which kind of robot a row is, and what that kind is set up with. Old code goes on serving: it leaves both empty."""

from django.db import migrations, models

import tocsin.channels.fields


class Migration(migrations.Migration):

    dependencies = [("contacts", "0009_import_tries")]

    operations = [
        migrations.AddField(
            "robot", "provider", models.CharField(blank=True, db_default="", default="", editable=False, max_length=32)
        ),
        migrations.AddField(
            "robot",
            "settings",
            tocsin.channels.fields.EncryptedTextField(blank=True, db_default="", default="", editable=False),
        ),
        migrations.AlterField(
            "robot", "url", tocsin.channels.fields.EncryptedTextField(blank=True, verbose_name="webhook URL")
        ),
    ]
