"""Addresses whose mail comes back. Old code goes on serving: it marks none and takes none back."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("contacts", "0012_user_id_indexes")]

    operations = [migrations.AddField("contactreach", "bounced_at", models.DateTimeField(blank=True, null=True))]
