"""Sources and targets of an inhibition that come and go at the same moment, through doors of their own."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest

from tests.chaos.threads import at_once
from tests.stories.test_ingest_concurrency import fires, recovers
from tocsin.core.actors import SHELL
from tocsin.delivery.pipeline import accept, look_again
from tocsin.events.models import Event, EventLook
from tocsin.events.queries import key_of
from tocsin.events.services import create_integration
from tocsin.policies.services.inhibitions import create_inhibition

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_target_stays_loud_beside_a_source_and_none_stays_quiet_after_it(now: datetime) -> None:
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    source = key_of(integration)
    create_inhibition(
        by=SHELL, now=now, name="Down", source_rules=[[{"key": "alertname", "operator": "eq", "value": "Down"}]],
        target_rules=[[{"key": "alertname", "operator": "eq", "value": "Slow"}]], equal=["cluster"],
    )  # fmt: skip
    for turn in range(15):
        at, cluster = now + timedelta(minutes=turn), f"c{turn}"
        at_once(
            partial(accept, source, [fires(at, "Down", cluster=cluster)], at),
            partial(accept, source, [fires(at, "Slow", cluster=cluster, host="a")], at),
        )
        look_again(at)
        assert Event.objects.get(labels__cluster=cluster, labels__host="a").state == "silenced", turn

        later = at + timedelta(seconds=30)
        at_once(
            partial(accept, source, [recovers(later, "Down", cluster=cluster)], later),
            partial(accept, source, [fires(later, "Slow", cluster=cluster, host="b")], later),
        )
        look_again(later)
        states = set(Event.objects.filter(labels__cluster=cluster, labels__alertname="Slow").values_list("state"))
        assert states == {("active",)}, turn
    assert EventLook.objects.count() == 0
