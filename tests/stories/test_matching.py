"""Changed events find their policies and alerts; what changes later looks at what is firing again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tocsin.alerts.models import Activity, Alert, AlertEvent
from tocsin.alerts.services import resolve_alert
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Use
from tocsin.contacts.services import create_contact, create_robot
from tocsin.core.actors import SHELL
from tocsin.core.errors import ConflictError, InvalidInputError, NotFoundError
from tocsin.delivery.pipeline import accept, rematch, sweep
from tocsin.events.models import Event, Rematch
from tocsin.events.queries import key_of
from tocsin.events.rules import IntegrationKey, Report
from tocsin.events.services import create_integration, update_integration
from tocsin.policies.models import NotificationPolicy, PolicyVersion
from tocsin.policies.queries import (
    PolicyView,
    explain_policies,
    policy_versions,
    unmatched_events,
    uses_of_objects,
)
from tocsin.policies.rules import Condition, Mismatch, Operator
from tocsin.policies.services import (
    copy_policy,
    create_policy,
    delete_policy,
    disable_policy,
    enable_policy,
    ensure_catch_all,
    save_policy,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def source(now: datetime) -> IntegrationKey:
    integration, _token = create_integration(by=SHELL, now=now, name="Prometheus")
    return key_of(integration)


@pytest.fixture
def contact(now: datetime) -> Contact:
    return create_contact(by=SHELL, now=now, name="Li Na", phone="", email="li.na@example.org")


@pytest.fixture
def told(contact: Contact) -> list[tuple[int, list[str]]]:
    return [(contact.pk, ["email"])]


def fires(now: datetime, name: str = "DiskFull", **labels: str) -> Report:
    return Report({"alertname": name, **labels}, {}, "", now, now + timedelta(hours=1))


def recovers(now: datetime, name: str = "DiskFull", **labels: str) -> Report:
    return Report({"alertname": name, **labels}, {}, "", now - timedelta(hours=1), now)


def when(key: str, operator: str, value: str) -> dict[str, str]:
    return {"key": key, "operator": operator, "value": value}


def make(now: datetime, told: list[tuple[int, list[str]]], name: str = "Team", **fields: Any) -> NotificationPolicy:
    return create_policy(by=SHELL, now=now, name=name, targets=told, **fields)


def active_policies() -> list[PolicyView]:
    current = NotificationPolicy.objects.filter(is_enabled=True, deleted_at=None).values_list("current_id", flat=True)
    return list(policy_versions([pk for pk in current if pk]).values())


def look_again(now: datetime, batch: int = 500) -> int:
    looked = 0
    while more := rematch(now, batch):
        looked += more
    return looked


def test_a_matching_event_opens_an_alert_that_is_due_after_the_group_wait(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    policy = make(now, told, rules=[[when("team", "eq", "db")]], group_by=["alertname", "team"])

    result = accept(source, [fires(now, team="db", severity="critical"), fires(now, team="web")], now)

    assert (result.changed, result.opened) == (2, 1)
    alert = Alert.objects.get()
    assert (alert.policy, alert.policy_version) == (policy, policy.current)
    assert (alert.state, alert.severity, alert.opened_at) == ("pending", 1, now)
    assert alert.due_at == now + timedelta(seconds=5)
    assert alert.group_labels == {"alertname": "DiskFull", "team": "db"}
    assert alert.title == "DiskFull (team=db)"
    assert [membership.event.labels["team"] for membership in AlertEvent.objects.all()] == ["db"]
    assert list(Activity.objects.values_list("kind", "at", "data")) == [("opened", now, {"events": 1})]
    assert [event.labels["team"] for event in unmatched_events()] == ["web"]
    assert Event.objects.get(labels__team="db").matched_policies == 1


def test_events_of_a_group_share_an_alert_and_other_groups_have_their_own(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)

    accept(source, [fires(now, host="a", severity="warning"), fires(now, "Down", host="a")], now)
    accept(source, [fires(now, host="b", severity="critical")], now + timedelta(seconds=1))

    assert sorted(Alert.objects.values_list("title", "severity")) == [("DiskFull", 1), ("Down", 6)]
    alert = Alert.objects.get(title="DiskFull")
    assert alert.memberships.count() == 2
    assert alert.due_at == now + timedelta(seconds=5)
    assert Activity.objects.filter(alert=alert, kind="opened").count() == 1


def test_a_milder_event_leaves_the_severity_of_its_alert(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)
    accept(source, [fires(now, host="a", severity="error")], now)

    accept(source, [fires(now, host="b", severity="info")], now)

    assert Alert.objects.get().severity == 2


def test_an_empty_grouping_makes_one_message_of_everything(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told, group_by=[])

    accept(source, [fires(now, host="a"), fires(now, "Down", host="b")], now)

    assert Alert.objects.get().memberships.count() == 2
    assert Alert.objects.get().group_labels == {}


def test_every_matching_policy_has_its_own_alert(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told, name="One")
    make(now, told, name="Two", rules=[[when("alertname", "re", "Disk.*")]])
    make(now, told, name="Off", is_enabled=False)

    accept(source, [fires(now)], now)

    assert sorted(Alert.objects.values_list("policy__name", flat=True)) == ["One", "Two"]
    assert Event.objects.get().matched_policies == 2


def test_policies_match_the_severity_and_the_integration(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told, rules=[[when("__severity__", "in", "P1, P2"), when("__integration__", "eq", "Prometheus")]])

    accept(source, [fires(now, severity="page"), fires(now, severity="error"), fires(now, severity="p1")], now)

    assert sorted(AlertEvent.objects.values_list("event__labels__severity", flat=True)) == ["error", "p1"]


def test_a_repeated_report_leaves_the_alert_alone(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)
    accept(source, [fires(now)], now)
    Alert.objects.update(notified_at=now, due_at=None)

    accept(source, [fires(now)], now + timedelta(minutes=1))

    assert Alert.objects.get().due_at is None


def test_a_new_event_of_a_notified_alert_waits_for_the_group_interval(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told, group_interval=timedelta(seconds=60))
    accept(source, [fires(now, host="a")], now)
    notified = now + timedelta(seconds=5)
    Alert.objects.update(notified_at=notified, due_at=None)

    accept(source, [fires(now, host="b")], now + timedelta(seconds=20))
    assert Alert.objects.get().due_at == notified + timedelta(seconds=60)

    Alert.objects.update(due_at=None)
    late = now + timedelta(minutes=5)
    accept(source, [fires(now, host="c")], late)
    assert Alert.objects.get().due_at == late


def test_a_recovery_makes_the_alert_due_and_decides_nothing(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)
    accept(source, [fires(now)], now)
    notified = now + timedelta(seconds=5)
    Alert.objects.update(notified_at=notified, due_at=None)

    soon = now + timedelta(seconds=10)
    accept(source, [recovers(soon)], soon)

    alert = Alert.objects.get()
    assert (alert.state, alert.resolved_at) == ("pending", None)
    assert alert.due_at == notified + timedelta(seconds=30)


def test_a_recovery_within_the_group_wait_keeps_what_is_due(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)
    accept(source, [fires(now)], now)

    accept(source, [recovers(now + timedelta(seconds=1))], now + timedelta(seconds=1))

    assert Alert.objects.get().due_at == now + timedelta(seconds=5)


def test_an_event_that_ends_by_itself_makes_its_alert_due(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)
    accept(source, [fires(now)], now)
    Alert.objects.update(notified_at=now, due_at=None)
    over = now + timedelta(hours=1)

    assert sweep(over) == 1

    assert Alert.objects.get().due_at == over


def test_an_event_that_fires_again_after_its_alert_was_resolved_opens_a_new_one(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)
    accept(source, [fires(now)], now)
    Alert.objects.update(state="resolved", resolved_at=now, due_at=None)
    accept(source, [recovers(now + timedelta(minutes=1))], now + timedelta(minutes=1))

    again = now + timedelta(minutes=2)
    result = accept(source, [fires(again)], again)

    assert result.opened == 1
    assert list(Alert.objects.order_by("pk").values_list("state", "due_at")) == [
        ("resolved", None),
        ("pending", again + timedelta(seconds=5)),
    ]


def test_an_alert_keeps_the_policy_version_it_began_with(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    policy = make(now, told)
    accept(source, [fires(now, host="a")], now)

    save_policy(by=SHELL, now=now, policy_id=policy.pk, name="Team", targets=told, group_interval=timedelta(seconds=99))
    accept(source, [fires(now, host="b")], now)

    first, second = PolicyVersion.objects.order_by("number")
    assert Alert.objects.get().policy_version == first
    assert (first.group_interval_seconds, second.group_interval_seconds) == (30, 99)
    assert {view.version_id for view in active_policies()} == {second.pk}
    assert policy_versions([first.pk])[first.pk].group_interval == timedelta(seconds=30)


# looking again


def test_a_policy_sees_what_was_firing_before_it(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    accept(source, [fires(now, host=str(number)) for number in range(7)], now)
    accept(source, [recovers(now, host="0")], now)
    assert unmatched_events().count() == 6
    make(now, told)
    later = now + timedelta(minutes=1)

    looked = look_again(later, batch=2)

    assert looked == 6
    assert Alert.objects.get().memberships.count() == 6
    assert Alert.objects.get().due_at == later + timedelta(seconds=5)
    assert unmatched_events().count() == 0
    assert Rematch.objects.count() == 0


def test_another_look_tells_nobody_again(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    policy = make(now, told)
    accept(source, [fires(now)], now)
    Alert.objects.update(notified_at=now, due_at=None)

    save_policy(by=SHELL, now=now, policy_id=policy.pk, name="Team", targets=told, group_by=["alertname", "host"])
    look_again(now + timedelta(minutes=1))

    assert Alert.objects.count() == 1
    assert Alert.objects.get().due_at is None


def test_another_look_does_not_reopen_what_was_resolved_by_hand(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told)
    accept(source, [fires(now)], now)
    resolve_alert(by=SHELL, now=now + timedelta(seconds=30), alert_id=Alert.objects.get().pk)
    make(now, told, name="Other", rules=[[when("team", "eq", "none")]])

    look_again(now + timedelta(minutes=1))

    assert Alert.objects.count() == 1


def test_waiting_looks_become_one_and_one_under_way_goes_on(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    accept(source, [fires(now, host=str(number)) for number in range(4)], now)
    first = make(now, told, name="One")
    make(now, told, name="Two")
    assert rematch(now, 2) == 2
    assert Rematch.objects.count() == 1

    disable_policy(by=SHELL, now=now, policy_id=first.pk)
    enable_policy(by=SHELL, now=now, policy_id=first.pk)

    assert look_again(now, batch=2) == 2 + 4
    assert Rematch.objects.count() == 0
    assert AlertEvent.objects.count() == 8


def test_a_new_severity_map_is_seen_in_what_is_firing(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    make(now, told, rules=[[when("__severity__", "eq", "P1")]])
    accept(source, [fires(now, severity="fatal")], now)
    assert look_again(now) == 1
    assert Alert.objects.count() == 0

    update_integration(by=SHELL, now=now, integration_id=source.id, severity_map={"fatal": 1})
    accept(source, [fires(now, severity="fatal", host="b")], now)  # by a door that remembers the old map
    assert look_again(now + timedelta(seconds=5)) == 0
    assert look_again(now + timedelta(seconds=6)) == 2

    assert set(Event.objects.values_list("severity", flat=True)) == {1}
    assert Alert.objects.get().memberships.count() == 2


# explaining


def test_explain_names_the_first_condition_that_failed(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    rules = [
        [when("team", "eq", "db"), when("__severity__", "in", "P1,P2")],
        [when("env", "nre", "dev|test")],
    ]
    make(now, told, name="Databases", rules=rules)
    make(now, told, name="Everything", is_enabled=False)

    databases, everything = explain_policies({"team": "db", "env": "dev"}, source)

    assert (databases.name, databases.is_enabled, databases.is_match) == ("Databases", True, False)
    assert databases.mismatches == (
        Mismatch(1, Condition("__severity__", Operator.IN, "P1,P2"), "P6"),
        Mismatch(2, Condition("env", Operator.NRE, "dev|test"), "dev"),
    )
    assert (everything.is_enabled, everything.is_match, everything.mismatches) == (False, True, ())


def test_the_policies_that_use_an_object_are_named(
    now: datetime, contact: Contact, told: list[tuple[int, list[str]]]
) -> None:
    policy = make(now, told, name="Team")
    gone = make(now, told, name="Gone")
    delete_policy(by=SHELL, now=now, policy_id=gone.pk)
    moved = make(now, told, name="Moved", is_enabled=False)
    save_policy(by=SHELL, now=now, policy_id=moved.pk, name="Moved")

    assert uses_of_objects([contact.pk]) == [Use(contact.pk, "policy", policy.pk, "Team", ("email",))]


# writing


def test_a_policy_groups_by_alertname_unless_told_otherwise(now: datetime, told: list[tuple[int, list[str]]]) -> None:
    assert make(now, told).current.group_by == ["alertname"]  # type: ignore[union-attr]
    [view] = active_policies()
    assert (view.group_wait, view.group_interval) == (timedelta(seconds=5), timedelta(seconds=30))
    assert view.sends_recovery


def test_only_changed_content_makes_a_new_version(now: datetime, told: list[tuple[int, list[str]]]) -> None:
    policy = make(now, told)

    unchanged = save_policy(by=SHELL, now=now, policy_id=policy.pk, version=1, name="Team", targets=told)
    renamed = save_policy(by=SHELL, now=now, policy_id=policy.pk, version=1, name="Squad", targets=told)

    assert (unchanged.version, renamed.version) == (1, 2)
    assert PolicyVersion.objects.count() == 1
    with pytest.raises(ConflictError):
        save_policy(by=SHELL, now=now, policy_id=policy.pk, version=1, name="Team", targets=told)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": " "}, "name"),
        ({"name": "Taken"}, "name"),
        ({"rules": [[]]}, "rules"),
        ({"rules": [[{"key": "a", "operator": "like", "value": "b"}]]}, "rules"),
        ({"rules": [[{"key": "a", "operator": "re", "value": "(b"}]]}, "rules"),
        ({"group_by": [""]}, "group_by"),
        ({"group_wait": timedelta(seconds=-1)}, "group_wait"),
        ({"group_interval": timedelta(0)}, "group_interval"),
        ({"targets": []}, "targets"),
        ({"targets": [(99999, ["email"])]}, "targets"),
    ],
)
def test_a_wrong_field_is_named(
    now: datetime, told: list[tuple[int, list[str]]], fields: dict[str, Any], named: str
) -> None:
    make(now, told, name="Taken")

    with pytest.raises(InvalidInputError) as error:
        create_policy(**{"by": SHELL, "now": now, "name": "New", "targets": told, **fields})

    assert error.value.fields.keys() == {named}
    assert NotificationPolicy.objects.count() == 1


def test_people_need_channels_that_reach_people_and_robots_none(now: datetime, contact: Contact) -> None:
    robot = create_robot(
        by=SHELL, now=now, name="Ops", platform="dingtalk", url="https://127.0.0.1/robot/send?access_token=x"
    )

    for targets in (
        [(contact.pk, [])],
        [(contact.pk, ["dingtalk"])],
        [(robot.pk, ["email"])],
        [(contact.pk, ["email"])] * 2,
    ):
        with pytest.raises(InvalidInputError) as error:
            create_policy(by=SHELL, now=now, name="New", targets=targets)
        assert error.value.fields.keys() == {"targets"}

    create_policy(by=SHELL, now=now, name="New", targets=[(contact.pk, ["email", "phone"]), (robot.pk, [])])
    assert active_policies()[0].targets == ((contact.pk, ("phone", "email")), (robot.pk, ()))


def test_a_policy_is_only_enabled_with_somebody_to_tell(now: datetime, told: list[tuple[int, list[str]]]) -> None:
    policy = create_policy(by=SHELL, now=now, name="Later", is_enabled=False)

    with pytest.raises(InvalidInputError) as error:
        enable_policy(by=SHELL, now=now, policy_id=policy.pk)
    assert error.value.fields.keys() == {"targets"}

    save_policy(by=SHELL, now=now, policy_id=policy.pk, name="Later", targets=told)
    assert enable_policy(by=SHELL, now=now, policy_id=policy.pk).is_enabled


def test_a_copy_is_disabled_and_finds_a_free_name(now: datetime, told: list[tuple[int, list[str]]]) -> None:
    policy = make(now, told, rules=[[when("a", "eq", "b")]])

    first = copy_policy(by=SHELL, now=now, policy_id=policy.pk)
    second = copy_policy(by=SHELL, now=now, policy_id=policy.pk)

    assert (first.name, second.name) == ("Team (copy)", "Team (copy) 2")
    assert not first.is_enabled
    assert policy_versions([first.current_id])[first.current_id].targets == active_policies()[0].targets  # type: ignore[list-item, index]


def test_a_deleted_policy_stays_only_for_its_alerts(
    source: IntegrationKey, now: datetime, told: list[tuple[int, list[str]]]
) -> None:
    used, unused = (
        make(now, told, name="Used", rules=[[when("a", "eq", "1")]]),
        make(now, told, name="Unused", rules=[[when("a", "eq", "2")]]),
    )
    accept(source, [fires(now, a="1")], now)

    delete_policy(by=SHELL, now=now, policy_id=used.pk)
    delete_policy(by=SHELL, now=now, policy_id=unused.pk)

    left = NotificationPolicy.objects.get()
    assert (left.name, left.deleted_at, left.is_enabled) == ("Used", now, False)
    assert Alert.objects.get().policy_version_id in policy_versions([Alert.objects.get().policy_version_id])
    assert active_policies() == []
    make(now, told, name="Used")
    with pytest.raises(NotFoundError):
        delete_policy(by=SHELL, now=now, policy_id=used.pk)


def test_the_first_start_makes_a_disabled_catch_all(now: datetime, told: list[tuple[int, list[str]]]) -> None:
    made = ensure_catch_all(now=now)

    assert made is not None
    assert (made.name, made.is_enabled) == ("Catch-all", False)
    assert ensure_catch_all(now=now) is None
    assert active_policies() == []


def test_every_write_of_a_policy_asks_for_another_look(now: datetime, told: list[tuple[int, list[str]]]) -> None:
    policy = make(now, told)
    disable_policy(by=SHELL, now=now, policy_id=policy.pk)
    enable_policy(by=SHELL, now=now, policy_id=policy.pk)
    save_policy(by=SHELL, now=now, policy_id=policy.pk, name="Team", targets=told, group_by=[])
    copy_policy(by=SHELL, now=now, policy_id=policy.pk)
    delete_policy(by=SHELL, now=now, policy_id=policy.pk)

    assert Rematch.objects.count() == 6
