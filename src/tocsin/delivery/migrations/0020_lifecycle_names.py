from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('delivery', '0019_readings'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='lifecyclesubscription',
            options={'verbose_name': 'life-cycle subscription', 'verbose_name_plural': 'life-cycle subscriptions'},
        ),
    ]
