"""What the events of an alert have in common."""

from __future__ import annotations

from collections.abc import Collection

from tocsin.alerts.memberships import events_of_each
from tocsin.events.statements import execute

_COMMON = f"""
WITH firing AS (
    SELECT m.alert_id, e.labels FROM {events_of_each("%(ids)s")} WHERE e.state <> 'resolved'
), sizes AS (SELECT alert_id, count(*) AS total FROM firing GROUP BY alert_id)
SELECT f.alert_id, l.key, l.value
FROM firing f JOIN sizes s USING (alert_id) CROSS JOIN LATERAL jsonb_each_text(f.labels) AS l
GROUP BY f.alert_id, l.key, l.value, s.total HAVING count(*) = s.total ORDER BY l.key
"""  # noqa: S608 (a part of the statement)
_COMMON_OF_ALL = f"""
WITH firing AS MATERIALIZED (
    SELECT DISTINCT ON (e.id) e.id, e.labels FROM {events_of_each("%(ids)s")} WHERE e.state <> 'resolved' ORDER BY e.id
)
SELECT l.key, l.value FROM firing f CROSS JOIN LATERAL jsonb_each_text(f.labels) AS l
GROUP BY l.key, l.value HAVING count(*) = (SELECT count(*) FROM firing) ORDER BY l.key
"""  # noqa: S608 (a part of the statement)


def labels_in_common(alert_ids: Collection[int]) -> dict[int, dict[str, str]]:
    """Of each alert's events that fire, silenced ones too; {} where they share nothing."""
    common: dict[int, dict[str, str]] = {alert_id: {} for alert_id in alert_ids}
    for alert_id, key, value in execute(_COMMON, {"ids": list(alert_ids)}):
        common[alert_id][key] = value
    return common


def labels_in_common_of_all(alert_ids: Collection[int]) -> dict[str, str]:
    """Of all events that fire in any of these alerts."""
    return dict(execute(_COMMON_OF_ALL, {"ids": list(alert_ids)}))
