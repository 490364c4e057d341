"""Reads that look for dead ends: each kind in one statement, however many contacts and policies there are."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from tocsin.channels.kinds import Channel
from tocsin.channels.queries import accounts_by_channel
from tocsin.delivery.rules.coverage import DeadEnd, Item, Section
from tocsin.oncall.queries import LOOKS_AHEAD, schedules_with_gaps

SHOWN = 100
COUNTED = 10_000

# Whom the enabled policies tell, themselves or by the steps of their escalation.
_TOLD = """
told AS MATERIALIZED (
    SELECT p.id AS policy_id, t.object_id, t.channels FROM policies_notificationpolicy p
    JOIN policies_policytarget t ON t.policy_version_id = p.current_id WHERE p.is_enabled AND p.deleted_at IS NULL
    UNION ALL
    SELECT p.id, t.object_id, t.channels FROM policies_notificationpolicy p
    JOIN policies_policyversion v ON v.id = p.current_id JOIN policies_escalationstep s ON s.policy_id = v.escalation_id
    JOIN policies_escalationtarget t ON t.step_id = s.id WHERE p.is_enabled AND p.deleted_at IS NULL
)
"""
# Whoever may be on duty by them: people of the layers, and substitutes that are still to come.
_ON_SCHEDULES = """(
    SELECT l.schedule_id, q.contact_id FROM oncall_schedulelayer l JOIN oncall_layerperson q ON q.layer_id = l.id
    UNION ALL SELECT schedule_id, contact_id FROM oncall_substitute WHERE ends_at > %(now)s
)"""
_IS_REACHED = """(
    (c.email IS NOT NULL AND told.channels ? 'email' AND 'email' = ANY(%(carried)s) AND NOT EXISTS (
        SELECT 1 FROM contacts_contactreach b WHERE b.contact_id = c.id AND b.bounced_at IS NOT NULL))
    OR (c.phone_verified_at IS NOT NULL AND told.channels ? 'phone' AND 'phone' = ANY(%(carried)s))
    OR (c.phone_verified_at IS NOT NULL AND told.channels ? 'sms' AND 'sms' = ANY(%(carried)s))
    OR c.legacy_chatbot_url <> ''
)"""
_POLICIES = f"""
WITH {_TOLD}
SELECT 'policy', p.id, p.name, '' FROM policies_notificationpolicy p
WHERE p.is_enabled AND p.deleted_at IS NULL AND NOT EXISTS (
    SELECT 1 FROM told WHERE told.policy_id = p.id AND (
        EXISTS (SELECT 1 FROM contacts_contact c WHERE c.id = told.object_id AND {_IS_REACHED})
        OR EXISTS (SELECT 1 FROM contacts_contactgroupmember m JOIN contacts_contact c ON c.id = m.contact_id
                   WHERE m.group_id = told.object_id AND {_IS_REACHED})
        OR EXISTS (SELECT 1 FROM oncall_schedulelayer l JOIN oncall_layerperson q ON q.layer_id = l.id
                   JOIN contacts_contact c ON c.id = q.contact_id
                   WHERE l.schedule_id = told.object_id AND {_IS_REACHED})
        OR EXISTS (SELECT 1 FROM contacts_robot r WHERE r.id = told.object_id AND r.is_enabled)
        OR EXISTS (SELECT 1 FROM contacts_webhook w WHERE w.id = told.object_id AND w.is_enabled)
    )
) ORDER BY p.name
"""  # noqa: S608 (nothing but the constants above)
_GROUPS = """
SELECT 'group', g.id, g.name, '' FROM contacts_contactgroup g
WHERE NOT EXISTS (SELECT 1 FROM contacts_contactgroupmember m WHERE m.group_id = g.id) ORDER BY g.name
"""
_UNVERIFIED = f"""
WITH {_TOLD}, by_phone AS MATERIALIZED (
    SELECT DISTINCT object_id FROM told WHERE channels ?| ARRAY['phone', 'sms']
)
SELECT 'contact', c.id, c.name, '' FROM contacts_contact c
WHERE c.phone IS NOT NULL AND c.phone_verified_at IS NULL AND c.id IN (
    SELECT object_id FROM by_phone
    UNION ALL
    SELECT m.contact_id FROM by_phone JOIN contacts_contactgroupmember m ON m.group_id = by_phone.object_id
    UNION ALL
    SELECT s.contact_id FROM by_phone JOIN {_ON_SCHEDULES} s ON s.schedule_id = by_phone.object_id
) ORDER BY c.name, c.id
"""  # noqa: S608 (the same)
_BOUNCING = f"""
WITH {_TOLD}, by_email AS MATERIALIZED (SELECT DISTINCT object_id FROM told WHERE channels ? 'email'),
bouncing AS MATERIALIZED (
    SELECT contact_id, failure FROM contacts_contactreach WHERE bounced_at IS NOT NULL AND channel = 'email'
)
SELECT 'contact', c.id, c.name, b.failure FROM bouncing b JOIN contacts_contact c ON c.id = b.contact_id
WHERE EXISTS (SELECT 1 FROM by_email WHERE object_id = c.id)
   OR EXISTS (SELECT 1 FROM contacts_contactgroupmember m JOIN by_email ON by_email.object_id = m.group_id
              WHERE m.contact_id = c.id)
   OR EXISTS (SELECT 1 FROM {_ON_SCHEDULES} s JOIN by_email ON by_email.object_id = s.schedule_id
              WHERE s.contact_id = c.id)
ORDER BY c.name, c.id
"""  # noqa: S608 (the same)
_OUTLETS = """
SELECT o.kind, o.id, coalesce(r.name, w.name), f.failure FROM contacts_objectreach f
JOIN contacts_notificationobject o ON o.id = f.id
LEFT JOIN contacts_robot r ON r.id = o.id LEFT JOIN contacts_webhook w ON w.id = o.id
WHERE f.failed_at IS NOT NULL AND (f.delivered_at IS NULL OR f.failed_at > f.delivered_at)
  AND coalesce(r.is_enabled, w.is_enabled) ORDER BY 3
"""
_UNPROVED = "SELECT 'contact', c.id, c.name, '' FROM contacts_contact c WHERE NOT c.is_proved ORDER BY c.name, c.id"
_STATEMENTS = {
    DeadEnd.POLICY: _POLICIES,
    DeadEnd.GROUP: _GROUPS,
    DeadEnd.UNVERIFIED: _UNVERIFIED,
    DeadEnd.BOUNCING: _BOUNCING,
    DeadEnd.OUTLET: _OUTLETS,
    DeadEnd.UNPROVED: _UNPROVED,
}


def coverage(now: datetime, *, shown: int = SHOWN) -> list[Section]:
    """Every kind of dead end, also those that there are none of, in their order."""
    carried = [channel.value for channel in carried_channels()]
    return [_section(dead_end, now, carried, shown) for dead_end in DeadEnd]


def count_dead_ends(now: datetime) -> int:
    """What is broken, for the front page: mere advice is not counted."""
    carried = [channel.value for channel in carried_channels()]
    counted = [item for item in _STATEMENTS if item is not DeadEnd.UNPROVED]
    each = ", ".join(f"(SELECT count(*) FROM ({_limited(_STATEMENTS[item])}) found)" for item in counted)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {each}", {"carried": carried, "most": COUNTED, "now": now})
        found = sum(cursor.fetchone())
    return int(found) + _schedules(now, 0).total


def carried_channels() -> list[Channel]:
    """Those that an enabled provider account carries."""
    return [channel for channel, accounts in accounts_by_channel().items() if accounts]


def _section(dead_end: DeadEnd, now: datetime, carried: list[str], shown: int) -> Section:
    if dead_end is DeadEnd.SCHEDULE:
        return _schedules(now, shown)
    with connection.cursor() as cursor:
        cursor.execute(_limited(_STATEMENTS[dead_end]), {"carried": carried, "most": COUNTED + 1, "now": now})
        rows = cursor.fetchmany(shown)
        total = cursor.rowcount
    items = tuple(Item(kind, pk, name, failure=failure) for kind, pk, name, failure in rows)
    return Section(dead_end, min(total, COUNTED), items, is_more=total > COUNTED)


def _schedules(now: datetime, shown: int) -> Section:
    found = schedules_with_gaps(now, LOOKS_AHEAD)
    items = tuple(
        Item("schedule", item.schedule_id, item.name, since=item.gaps[0].starts_at, until=item.gaps[0].ends_at)
        for item in found[:shown]
    )
    return Section(DeadEnd.SCHEDULE, len(found), items)


def _limited(statement: str) -> str:
    return f"{statement} LIMIT %(most)s"
