"""How events of alerts are read."""

from __future__ import annotations

import pytest
from django.db import connection

from tocsin.alerts.memberships import events_of_each


@pytest.mark.django_db
def test_events_are_read_by_their_keys_whatever_the_planner_believes_of_the_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(f"EXPLAIN SELECT count(*) FROM {events_of_each('%s')}", [[1, 2]])
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert plan.count("Nested Loop") == 2
    assert "Hash Join" not in plan
    assert "Merge Join" not in plan
