"""Subscriptions to everything get what programs know: a kind of activity that is new is none of it."""

from django.db import migrations

_NOTE = """
CREATE OR REPLACE FUNCTION delivery_note_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM delivery_lifecyclesubscription WHERE state <> 'disabled') THEN
        INSERT INTO delivery_lifecyclenotice (subscription_id, alert_id, activity_id, kind, at, next_at)
        SELECT s.id, a.alert_id, a.id, a.kind, a.at, a.at
        FROM (
            SELECT id, alert_id, at, CASE
                WHEN kind = 'notified' AND data ->> 'cause' = 'escalated' THEN 'escalated' ELSE kind END AS kind
            FROM written
        ) a
        JOIN alerts_alert l ON l.id = a.alert_id AND NOT l.is_shadow
        JOIN delivery_lifecyclesubscription s ON s.state <> 'disabled'
            AND CASE WHEN s.kinds = '[]' THEN a.kind <> ALL ('{%s}') ELSE s.kinds ? a.kind END
        ORDER BY a.id, s.id;
    END IF;
    RETURN NULL;
END $$;
"""
_BEFORE = "not_told,policy_applied,template_failed,asked,hours_began,passed_over"


class Migration(migrations.Migration):

    dependencies = [("delivery", "0016_lifecycle")]

    operations = [migrations.RunSQL(_NOTE % f"{_BEFORE},planning_failed", _NOTE % _BEFORE)]
