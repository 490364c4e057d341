"""How often an import was taken up. Old code goes on serving: it need not know of the column."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("contacts", "0008_memberships_by_contact")]

    operations = [
        migrations.AddField("contactimport", "tries", models.PositiveSmallIntegerField(db_default=0, default=0)),
    ]
