"""Who presses a button is looked up by the platform's ID. Old code goes on serving: nothing is locked."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

_FIELDS = ("user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id")


def _index(field):
    return models.Index(condition=models.Q((field, ""), _negated=True), fields=[field], name=f"contact_by_{field}")


class Migration(migrations.Migration):

    atomic = False
    dependencies = [("contacts", "0011_app_robots")]

    operations = [
        operation
        for field in _FIELDS
        for operation in (
            migrations.RunSQL(f'DROP INDEX CONCURRENTLY IF EXISTS "contact_by_{field}"', migrations.RunSQL.noop),
            AddIndexConcurrently("contact", _index(field)),
        )
    ]
