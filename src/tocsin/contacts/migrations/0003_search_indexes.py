"""Search and filters of the list of contacts by index. Old code goes on serving: nothing is locked against writes."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

import tocsin.contacts.search_index
from tocsin.contacts.search_index import CREATE_FUNCTIONS, DROP_FUNCTIONS, Grams


def add(model, index):
    """What an earlier, interrupted run left behind is unusable, and is made again."""
    return [
        migrations.RunSQL(f'DROP INDEX CONCURRENTLY IF EXISTS "{index.name}"', migrations.RunSQL.noop),
        AddIndexConcurrently(model, index),
    ]


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("contacts", "0002_personal_links")]

    operations = [
        migrations.RunSQL(CREATE_FUNCTIONS, DROP_FUNCTIONS),
        *add("contact", models.Index(fields=["name", "object"], name="contact_by_name")),
        *add("contact", models.Index(fields=["name", "object"], name="contact_verified_by_name", condition=Q(phone_verified_at__isnull=False))),
        *add("contact", models.Index(fields=["name", "object"], name="contact_unverified_by_name", condition=Q(phone__isnull=False, phone_verified_at__isnull=True))),
        *add("contact", models.Index(fields=["name", "object"], name="contact_no_phone_by_name", condition=Q(phone__isnull=True))),
        *add("contact", models.Index(fields=["name", "object"], name="contact_with_email_by_name", condition=Q(email__isnull=False))),
        *add("contact", models.Index(fields=["name", "object"], name="contact_unready_by_name", condition=Q(phone_verified_at__isnull=True, email__isnull=True))),
        *add("contact", models.Index(fields=["fallback", "name", "object"], name="contact_by_fallback")),
        *add("contact", GinIndex(Grams("name"), Grams("email"), Grams("phone"), name="contact_grams")),
        *add("contactgroup", GinIndex(Grams("name"), name="group_grams")),
    ]
