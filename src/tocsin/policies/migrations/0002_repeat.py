from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("policies", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="policyversion",
            name="repeat_seconds",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
