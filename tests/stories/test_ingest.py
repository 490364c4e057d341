"""Reports become events: what counts as one, when it changes, when it ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tocsin.core.actors import SHELL
from tocsin.core.clock import EARLIEST, LATEST
from tocsin.core.errors import ConflictError, InvalidInputError
from tocsin.delivery.pipeline import AcceptResult, accept, sweep
from tocsin.events.models import Event, Integration, Rematch
from tocsin.events.queries import integration_for_token, key_of
from tocsin.events.rules import IntegrationKey, Report
from tocsin.events.services import (
    beat,
    create_integration,
    delete_integration,
    disable_integration,
    enable_integration,
    note_reports,
    rotate_token,
    update_integration,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(now: datetime) -> IntegrationKey:
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    return key_of(integration)


def fires(now: datetime, *, ends_in: float | None = 240, **labels: str) -> Report:
    ends_at = None if ends_in is None else now + timedelta(seconds=ends_in)
    return Report({"alertname": "DiskFull", **labels}, {"summary": "90 %"}, "http://p/g", now, ends_at)


def recovers(started: datetime, ended: datetime, **labels: str) -> Report:
    return Report({"alertname": "DiskFull", **labels}, {}, "", started, ended)


def event(**fields: Any) -> Event:
    return Event.objects.get(**fields)


def test_a_first_report_becomes_an_active_event(source: IntegrationKey, now: datetime) -> None:
    report = Report({"alertname": "DiskFull", "severity": "critical"}, {"summary": "90 %"}, "http://p/g", now, None)

    result = accept(source, [report], now)

    assert result == AcceptResult(received=1, changed=1, opened=0)
    stored = event()
    assert (stored.state, stored.severity, stored.count) == ("active", 1, 1)
    assert stored.labels == {"alertname": "DiskFull", "severity": "critical"}
    assert stored.annotations == {"summary": "90 %"}
    assert (stored.first_seen_at, stored.changed_at, stored.starts_at) == (now, now, now)
    assert stored.ends_at == stored.sweep_at == now + timedelta(seconds=300)
    assert stored.matched_policies == 0


def test_repeated_reports_raise_the_count_and_change_nothing_else(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)
    later = now + timedelta(seconds=60)
    changed_text = Report(
        {"alertname": "DiskFull"}, {"summary": "95 %"}, "http://p/g", now, later + timedelta(minutes=4)
    )

    result = accept(source, [changed_text], later)

    assert result == AcceptResult(received=1, changed=0, opened=0)
    stored = event()
    assert (stored.state, stored.count, stored.changed_at, stored.last_seen_at) == ("active", 2, now, later)
    assert stored.annotations == {"summary": "95 %"}
    assert stored.ends_at == later + timedelta(minutes=4)
    assert stored.sweep_at == now + timedelta(minutes=4)


def test_the_same_labels_from_two_integrations_are_two_events(source: IntegrationKey, now: datetime) -> None:
    other, _token = create_integration(by=SHELL, now=now, name="Grafana")

    accept(source, [fires(now)], now)
    accept(other, [fires(now)], now)

    assert Event.objects.count() == 2


def test_doubles_in_a_batch_are_one_event_and_the_last_word_holds(source: IntegrationKey, now: datetime) -> None:
    first = Report({"alertname": "DiskFull", "a": "1"}, {"summary": "first"}, "", now - timedelta(minutes=1), None)
    last = Report({"a": "1", "alertname": "DiskFull"}, {"summary": "last"}, "", now, None)

    result = accept(source, [first, fires(now, a="2"), last], now)

    assert result == AcceptResult(received=3, changed=2, opened=0)
    stored = event(labels__a="1")
    assert (stored.count, stored.annotations) == (2, {"summary": "last"})
    assert stored.starts_at == now - timedelta(minutes=1)


def test_doubles_of_a_known_event_count_too(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)

    accept(source, [fires(now), fires(now), fires(now)], now)

    assert event().count == 4


def test_an_event_began_when_the_first_replica_says(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)
    later = now + timedelta(seconds=7)

    accept(source, [fires(later)], later)
    assert event().starts_at == now

    earlier = now - timedelta(seconds=7)
    accept(source, [fires(earlier)], later)
    assert event().starts_at == earlier


def test_an_unknown_event_that_is_already_over_is_only_recorded(source: IntegrationKey, now: datetime) -> None:
    result = accept(source, [recovers(now - timedelta(hours=1), now - timedelta(minutes=1))], now)

    assert result == AcceptResult(received=1, changed=0, opened=0)
    assert (event().state, event().sweep_at, event().matched_policies) == ("resolved", None, None)


def test_an_end_in_the_past_resolves_and_a_new_report_fires_again(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)
    later = now + timedelta(minutes=2)

    resolved = accept(source, [recovers(now, later)], later)

    assert resolved.changed == 1
    assert (event().state, event().ends_at, event().changed_at, event().sweep_at) == ("resolved", later, later, None)

    again = now + timedelta(minutes=10)
    refired = accept(source, [fires(again)], again)

    assert refired.changed == 1
    assert (event().state, event().starts_at, event().changed_at, event().count) == ("active", again, again, 3)
    assert event().sweep_at == again + timedelta(seconds=240)


def test_a_replica_that_lags_does_not_end_what_fired_again_since(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now - timedelta(hours=1))], now - timedelta(hours=1))
    accept(source, [recovers(now - timedelta(hours=1), now - timedelta(minutes=5))], now - timedelta(minutes=5))
    accept(source, [fires(now)], now)

    result = accept(source, [recovers(now - timedelta(hours=1), now - timedelta(minutes=5))], now)

    assert result.changed == 0
    assert (event().state, event().count) == ("active", 3)


def test_a_recovery_without_a_start_ends_the_event_whatever_the_clock(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)
    ended = Report({"alertname": "DiskFull"}, ends_at=now - timedelta(minutes=3))

    result = accept(source, [ended], now + timedelta(seconds=10))

    assert result.changed == 1
    assert event().state == "resolved"


def test_an_end_in_year_9999_is_stored_as_one_that_can_be_loaded(source: IntegrationKey, now: datetime) -> None:
    never = datetime.fromisoformat("9999-12-31T23:59:59-08:00")

    accept(source, [Report({"alertname": "A"}, starts_at=never, ends_at=never)], now)

    assert event().state == "active"
    assert event().ends_at == LATEST


def test_a_start_in_year_1_is_stored_as_one_that_can_be_loaded(source: IntegrationKey, now: datetime) -> None:
    always = datetime.fromisoformat("0001-01-01T00:00:00+10:00")

    accept(source, [Report({"alertname": "A"}, starts_at=always)], now)

    assert event().starts_at == EARLIEST


def test_an_event_without_reports_resolves_when_its_time_is_over(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now, ends_in=None)], now)

    assert sweep(now + timedelta(seconds=299)) == 0
    assert event().state == "active"

    over = now + timedelta(seconds=300)
    assert sweep(over) == 1
    assert (event().state, event().changed_at, event().sweep_at) == ("resolved", over, None)
    assert sweep(over + timedelta(hours=1)) == 0


def test_the_sweep_moves_on_what_was_reported_again(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)
    accept(source, [fires(now, ends_in=480)], now + timedelta(minutes=4))

    assert sweep(now + timedelta(minutes=4)) == 0

    assert event().state == "active"
    assert event().sweep_at == event().ends_at == now + timedelta(minutes=8)


def test_a_shorter_end_takes_the_sweep_forward(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now, ends_in=3600)], now)
    accept(source, [fires(now, ends_in=60)], now)

    assert sweep(now + timedelta(seconds=60)) == 1


def test_a_sweep_works_through_more_than_one_batch(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now, host=str(number)) for number in range(25)], now)

    assert sweep(now + timedelta(minutes=5), limit=10) == 25


def test_time_during_which_ingest_was_down_does_not_count(source: IntegrationKey, now: datetime) -> None:
    beat(now)
    accept(source, [fires(now, host="a"), fires(now, ends_in=None, host="b")], now)
    down_for = timedelta(hours=2)

    assert sweep(now + down_for) == 0

    back = now + down_for
    accept(source, [fires(back, host="b")], back)
    assert beat(back) == down_for
    assert event(labels__host="a").ends_at == now + down_for + timedelta(minutes=4)
    assert event(labels__host="b").ends_at == back + timedelta(minutes=4)
    assert sweep(back) == 0
    for seconds in range(0, 245, 5):
        beat(back + timedelta(seconds=seconds))
    assert sweep(back + timedelta(minutes=4)) == 2


def test_an_ordinary_pause_between_beats_moves_nothing(source: IntegrationKey, now: datetime) -> None:
    beat(now)
    accept(source, [fires(now)], now)

    assert beat(now + timedelta(seconds=30)) == timedelta(0)
    assert event().ends_at == now + timedelta(minutes=4)


def test_before_the_first_beat_the_sweep_goes_by_the_clock(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)

    assert sweep(now + timedelta(minutes=4)) == 1


def test_a_token_is_shown_once_and_only_its_digest_is_stored(now: datetime) -> None:
    integration, token = create_integration(by=SHELL, now=now, name="Prometheus")

    stored = Integration.objects.get()
    assert token.startswith("tci_")
    assert len(token) == 36
    assert token not in str(vars(stored))
    assert stored.token_prefix == token[:8]
    assert integration_for_token(token) == key_of(integration)
    assert integration_for_token(token[:-1]) is None


def test_a_rotated_token_replaces_the_old_one(now: datetime) -> None:
    integration, old = create_integration(by=SHELL, now=now, name="Prometheus")

    _integration, new = rotate_token(by=SHELL, now=now, integration_id=integration.pk)

    assert integration_for_token(old) is None
    assert integration_for_token(new) is not None


def test_what_changes_matching_asks_for_another_look(now: datetime) -> None:
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")

    update_integration(by=SHELL, now=now, integration_id=integration.pk, auto_resolve_seconds=600)
    assert Rematch.objects.count() == 0

    update_integration(by=SHELL, now=now, integration_id=integration.pk, severity_map={" CRIT ": 2})
    disable_integration(by=SHELL, now=now, integration_id=integration.pk)
    enable_integration(by=SHELL, now=now, integration_id=integration.pk)

    assert Rematch.objects.count() == 3
    integration.refresh_from_db()
    assert (integration.severity_map, integration.auto_resolve_seconds, integration.version) == ({"crit": 2}, 600, 5)


def test_bad_integration_fields_are_named(now: datetime) -> None:
    create_integration(by=SHELL, now=now, name="Prometheus")

    with pytest.raises(InvalidInputError) as taken:
        create_integration(by=SHELL, now=now, name=" Prometheus ")
    with pytest.raises(InvalidInputError) as wrong:
        create_integration(by=SHELL, now=now, name="x" * 65, auto_resolve_seconds=5)
    with pytest.raises(InvalidInputError) as unknown:
        create_integration(by=SHELL, now=now, name="Grafana", severity_map={"bad": 7})

    assert taken.value.fields.keys() == {"name"}
    assert wrong.value.fields.keys() == {"name", "auto_resolve_seconds"}
    assert unknown.value.fields.keys() == {"severity_map"}
    assert Integration.objects.count() == 1


def test_a_stale_version_is_refused(now: datetime) -> None:
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    update_integration(by=SHELL, now=now, integration_id=integration.pk, version=1, name="Prom")

    with pytest.raises(ConflictError):
        update_integration(by=SHELL, now=now, integration_id=integration.pk, version=1, name="Lost")

    assert Integration.objects.get().name == "Prom"


def test_an_integration_is_not_deleted_under_a_firing_event(source: IntegrationKey, now: datetime) -> None:
    accept(source, [fires(now)], now)

    with pytest.raises(ConflictError, match="1 events of Prometheus are still active"):
        delete_integration(by=SHELL, now=now, integration_id=source.id)

    sweep(now + timedelta(minutes=4))
    delete_integration(by=SHELL, now=now, integration_id=source.id)
    assert Event.objects.count() == 0


def test_the_last_event_moves_at_most_every_half_minute(source: IntegrationKey, now: datetime) -> None:
    note_reports(integration=source, now=now)
    note_reports(integration=source, now=now + timedelta(seconds=29))
    assert Integration.objects.get().last_event_at == now

    note_reports(integration=source, now=now + timedelta(seconds=31))
    assert Integration.objects.get().last_event_at == now + timedelta(seconds=31)
