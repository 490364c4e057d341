"""Tokens get scopes, an owner and an end; what a token asked lately, and answers by Idempotency-Key."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_access_keys'),
    ]

    operations = [
        migrations.CreateModel(
            name='TokenRate',
            fields=[
                ('token', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='rate', serialize=False, to='accounts.apitoken')),
                ('whole_at', models.DateTimeField()),
            ],
        ),
        migrations.RunSQL("ALTER TABLE accounts_tokenrate SET UNLOGGED", migrations.RunSQL.noop),
        migrations.AddField(
            model_name='apitoken',
            name='expires_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='expires'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='scopes',
            field=models.JSONField(db_default=[], default=list, verbose_name='scopes'),
        ),
        migrations.CreateModel(
            name='IdempotentAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('request_digest', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField()),
                ('sealed', models.TextField()),
                ('created_at', models.DateTimeField(db_index=True)),
                ('token', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='answers', to='accounts.apitoken')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('token', 'key'), name='answer_once_by_key')],
            },
        ),
    ]
