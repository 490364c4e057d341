"""Open alerts go by the policy as it is now, and no longer by the version that they began with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from tocsin.accounts.audit import Action, record_many
from tocsin.alerts.models import Alert
from tocsin.core.actors import Actor
from tocsin.events.retrying import retried
from tocsin.events.statements import execute
from tocsin.policies.locking import lock_policies_for_reading

_OPEN = """
SELECT a.id FROM alerts_alert a JOIN policies_notificationpolicy p ON p.id = a.policy_id
WHERE a.resolved_at IS NULL AND p.current_id IS NOT NULL AND p.current_id <> a.policy_version_id
  AND a.is_shadow = p.is_shadow
  AND (a.policy_id = %(policy)s OR a.id = ANY(%(alerts)s::bigint[]))
ORDER BY a.id FOR NO KEY UPDATE OF a
"""
# Whoever was told is not told again. Where no message was ever planned the alert begins anew, with its escalation: a
# policy that reached nobody has just been mended. What still waits for its group goes on waiting.
_APPLY = """
WITH told AS (
    SELECT u.id, EXISTS (
        SELECT FROM delivery_notification n JOIN delivery_delivery d ON d.notification_id = n.id WHERE n.alert_id = u.id
    ) AS is_told
    FROM unnest(%(alerts)s::bigint[]) AS u (id)
), applied AS (
    UPDATE alerts_alert a SET policy_version_id = p.current_id,
        due_at = CASE WHEN a.notified_at IS NULL THEN coalesce(a.due_at, %(now)s) ELSE %(now)s END,
        notified_at = CASE WHEN told.is_told THEN a.notified_at END,
        escalation = CASE WHEN told.is_told THEN a.escalation ELSE '{}' END
    FROM told, policies_notificationpolicy p, policies_policyversion was, policies_policyversion now_is
    WHERE a.id = told.id AND p.id = a.policy_id AND was.id = a.policy_version_id
      AND now_is.id = p.current_id
    RETURNING a.id, was.number AS was, now_is.number AS now_is
)
INSERT INTO alerts_activity (alert_id, kind, at, actor, text, data)
SELECT id, 'policy_applied', %(now)s, %(actor)s, '', jsonb_build_object('from', was, 'to', now_is) FROM applied
RETURNING alert_id, data::text
"""


def apply_current_policy(*, by: Actor, now: datetime, policy_id: int) -> list[int]:
    """To all open alerts of the policy; returns the ids of those that it changed. A worker decides at once."""
    return _apply(by, now, policy_id, ())


def apply_policy_to_alert(*, by: Actor, now: datetime, alert_id: int) -> bool:
    """To one alert; False when it is over, or goes by the current version already."""
    return bool(_apply(by, now, None, [alert_id]))


@retried
def _apply(by: Actor, now: datetime, policy_id: int | None, alert_ids: Sequence[int]) -> list[int]:
    lock_policies_for_reading()
    found = [pk for (pk,) in execute(_OPEN, {"policy": policy_id, "alerts": list(alert_ids)})]
    if not found:
        return []
    applied = execute(_APPLY, {"alerts": found, "now": now, "actor": by.name[:150]})
    versions = {pk: msgspec.json.decode(data, type=dict[str, int]) for pk, data in applied}
    entries = [
        (alert, {"policy_version": (versions[alert.pk]["from"], versions[alert.pk]["to"])})
        for alert in Alert.objects.filter(pk__in=found)
    ]
    record_many(by=by, action=Action.UPDATE, entries=entries)
    return found
