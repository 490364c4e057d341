from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0020_lifecycle_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="notification",
            name="sending_window",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
