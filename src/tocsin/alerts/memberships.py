"""How statements go from alerts to their events."""

from __future__ import annotations


def events_of_each(ids: str) -> str:
    """For a FROM: the memberships `m` of the alerts in the array `ids`, each with its event `e`, read by their keys.

    OFFSET 0 keeps PostgreSQL from joining otherwise. A storm fills tables that were not analysed yet, or for which a
    statement was planned when they were small; it would then read all events for each alert of a batch.
    """
    return f"""unnest({ids}::bigint[]) AS g (id)
    CROSS JOIN LATERAL (SELECT * FROM alerts_alertevent WHERE alert_id = g.id OFFSET 0) m
    CROSS JOIN LATERAL (SELECT * FROM events_event WHERE id = m.event_id OFFSET 0) e"""  # noqa: S608 (ours)
