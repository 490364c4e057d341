from django.db import migrations


class Migration(migrations.Migration):
    """Room in each page, so that a repeated report updates its row in place (HOT) and touches no index."""

    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE events_event SET (fillfactor = 70)",
            reverse_sql="ALTER TABLE events_event RESET (fillfactor)",
        )
    ]
