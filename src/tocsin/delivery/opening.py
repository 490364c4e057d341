"""What waited for the hours of its policy, or for the end of a mute, is planned again then: told is who is concerned.
So is that something fires, which a cap held back, once the alert is a P1.

The rows that waited showed what was to come, and end here; the new ones go to whoever is on duty, verified and in the
groups at that moment, with the alert's text of that moment. What waits in the queue although its alert is due leaves it
to this (`claiming`), for as long as a worker that plans cannot be far.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from tocsin.delivery.rules import Cause, Reason
from tocsin.events.statements import execute, run

_WAITING = """
SELECT n.alert_id, array_agg(d.id ORDER BY d.id), bool_or(n.cause = 'fired'),
       (array_agg(n.cause ORDER BY n.id DESC))[1], bool_and(d.reason = 'person_cap')
FROM delivery_notification n JOIN delivery_delivery d ON d.notification_id = n.id
WHERE n.alert_id = ANY(%(alerts)s) AND n.cause IN ('fired', 'added', 'repeated') AND d.fallback_of_id IS NULL
  AND d.attempt_count = 0 AND (
      (d.state = 'planned' AND d.reason IN ('outside_window', 'muted'))
      OR (d.state = 'held' AND d.reason = 'person_cap' AND n.cause = 'fired' AND n.alert_id = ANY(%(worst)s))
  )
GROUP BY n.alert_id
"""
# A row that somebody has claimed meanwhile is his, and goes out as it is.
_END = """
WITH waited AS (
    SELECT id FROM delivery_delivery
    WHERE id = ANY(%(ids)s) AND (state, reason) IN (
        ('planned', 'outside_window'), ('planned', 'muted'), ('held', 'person_cap')
    )
    ORDER BY id FOR NO KEY UPDATE
)
UPDATE delivery_delivery d SET state = 'skipped', reason = %(reason)s, next_at = NULL, finished_at = %(now)s
FROM waited WHERE d.id = waited.id
"""
_HEARD = """
SELECT DISTINCT n.alert_id, d.recipient_id, d.channel
FROM delivery_delivery d JOIN delivery_notification n ON n.id = d.notification_id
WHERE d.notification_id IN (SELECT notification_id FROM delivery_delivery WHERE id = ANY(%s))
  AND d.state NOT IN ('skipped', 'cancelled')
"""


@dataclass(frozen=True, slots=True)
class Waited:
    """Of one alert. `cause`: what is to be told; that it fires, when nobody has heard even that.

    `is_capped`: nothing but a cap holds it.
    """

    cause: Cause
    delivery_ids: tuple[int, ...]
    is_capped: bool = False


def what_waited(alert_ids: Collection[int], worst: Collection[int]) -> dict[int, Waited]:
    """By alert, what its policy itself wants to tell and hours or a mute hold back; of the `worst`, which are P1, also
    what a cap does. The alerts are locked.
    """
    rows = execute(_WAITING, {"alerts": list(alert_ids), "worst": list(worst)}) if alert_ids else []
    return {
        alert_id: Waited(Cause.FIRED if has_fired else Cause(newest), tuple(ids), is_capped)
        for alert_id, ids, has_fired, newest, is_capped in rows
    }


def end_waited(waited: Collection[Waited], now: datetime) -> dict[int, frozenset[tuple[int, str]]]:
    """Another message takes their place. Returns, by alert, recipients and channels that have what was to be told: a
    limit may have held up some messages of a notification until the mute began, and let others go.
    """
    ids = sorted(pk for item in waited for pk in item.delivery_ids)
    if not ids:
        return {}
    run(_END, {"ids": ids, "reason": Reason.PLANNED_ANEW.value, "now": now})
    heard: dict[int, set[tuple[int, str]]] = {}
    for alert_id, recipient_id, channel in execute(_HEARD, [ids]):
        heard.setdefault(alert_id, set()).add((recipient_id, channel))
    return {alert_id: frozenset(pairs) for alert_id, pairs in heard.items()}
