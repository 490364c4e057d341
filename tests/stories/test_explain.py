"""Who would be told, and why not: the planner's own answer, before anything happens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import mute_alert
from tocsin.cli.explain import show
from tocsin.contacts.rules import Fallback
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.explaining import explain
from tocsin.delivery.models import Notification
from tocsin.events.queries import key_of
from tocsin.policies.services import StepInput, create_escalation, save_policy
from tocsin.policies.services.silences import create_silence

DISK = [[{"key": "alertname", "operator": "eq", "value": "Disk full"}]]


def test_explain_names_who_would_be_told_and_who_not_and_why(story: Story) -> None:
    ann = story.contact("Ann", phone="+8613800001234")
    bob = story.contact("Bob", verified=False)
    story.policy({story.group(ann, bob): ["phone"]}, name="Storage", rules=DISK)
    story.policy({ann: ["email"]}, name="Network", rules=[[{"key": "team", "operator": "in", "value": "net,dns"}]])

    found = explain({"alertname": "Disk full", "severity": "critical"}, story.now)

    network, storage = sorted(found.policies, key=lambda policy: policy.name)
    assert found.severity == 1
    assert network.why_not == ('rule 1: team in "net,dns", but team is ""',)
    assert [(item.name, item.channel, item.address_masked) for item in storage.deliveries] == [
        ("Ann", "phone", "+86 138 **** 1234")
    ]
    assert [(lack.name, lack.reason) for lack in storage.shortfalls] == [("Bob", "unverified_phone")]
    assert not Notification.objects.exists()


def test_explain_says_the_same_as_what_then_happens(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", phone=None)
    story.policy({ann: ["sms"], bob: ["sms", "email"]})

    [policy] = explain({"alertname": "Disk full"}, story.now).policies
    story.fires("Disk full")
    story.passes(5)

    assert {(item.name, item.channel) for item in policy.deliveries} == {("Ann", "sms"), ("Bob", "email")}
    story.expect_text(ann)
    story.expect_mail(bob)
    assert [(lack.name, lack.channel, lack.reason) for lack in policy.shortfalls] == [("Bob", "sms", "no_phone")]
    assert story.alert().reasons == [{"id": bob.pk, "name": "Bob", "channel": "sms", "reason": "no_phone"}]


def test_explain_reads_no_alert_of_other_groups(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    for number in range(3):
        story.fires(f"Disk {number} full")

    with CaptureQueriesContext(connection) as asked:
        [policy] = explain({"alertname": "Disk 1 full"}, story.now).policies

    assert policy.open_alert_id == Alert.objects.get(title__contains="Disk 1").pk
    [found, known] = [query["sql"] for query in asked if 'FROM "alerts_alert"' in query["sql"]]
    assert '"group_key" IN' in found
    assert f'"alerts_alert"."id" IN ({policy.open_alert_id})' in known


def test_explain_knows_the_open_alert_that_an_event_would_join(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full", instance="db1")

    [policy] = explain({"alertname": "Disk full", "instance": "db2"}, story.now).policies

    assert policy.open_alert_id == story.alert().pk
    assert policy.group_labels == {"alertname": "Disk full"}


def test_a_policy_in_shadow_is_explained_as_such_whether_it_matches_or_not(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]}, name="Disks", rules=DISK, is_shadow=True)

    [disk] = explain({"alertname": "Disk full"}, story.now).policies
    [other] = explain({"alertname": "Host down"}, story.now).policies

    assert (disk.is_match, disk.is_shadow) == (True, True)
    assert (other.is_match, other.is_shadow) == (False, True)


def test_a_disabled_policy_is_explained_as_such(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]}, is_enabled=False)

    found = explain({"alertname": "Disk full"}, story.now)

    assert [(policy.is_match, policy.is_enabled) for policy in found.policies] == [(True, False)]
    assert not found.is_anybody_told


def test_the_command_exits_with_3_when_nobody_would_be_told(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.policy({story.contact("Ann", verified=False): ["phone"]}, name="Storage", rules=DISK)

    with pytest.raises(SystemExit) as stopped:
        show(label=["alertname=Disk full"])

    said = capsys.readouterr().out
    assert stopped.value.code == 3
    assert "Storage: matches" in said
    assert "not Ann (phone): the phone number is not verified" in said
    assert "Nobody would be told." in said


def test_the_command_speaks_json(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann = story.contact("Ann", email="ann@example.org")
    story.policy({ann: ["email"]}, name="Storage")

    with pytest.raises(SystemExit) as stopped:
        show(label=["alertname=Disk full"], json=True)

    told = json.loads(capsys.readouterr().out)
    assert stopped.value.code == 0
    assert told["policies"][0]["tells"] == [{"id": ann.pk, "name": "Ann", "channel": "email", "to": "a***@example.org"}]


@pytest.mark.parametrize(
    ("label", "field", "problem"),
    [
        ("a=\udcff", "labels.a", "holds half of a surrogate pair; send valid Unicode"),
        ("a=" + "x" * 4097, "labels.a", "has 4097 characters, at most 4096 are allowed"),
    ],
)
def test_a_label_that_no_event_can_have_is_named(story: Story, label: str, field: str, problem: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        show(label=[label])

    assert refusal.value.fields == {field: problem}


def test_a_moment_to_come_is_explained_with_whoever_is_on_duty_then(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], name="Primary", tells_by=[])
    escalation = create_escalation(
        by=ADMIN, now=story.now, name="Ladder", rounds=2,
        steps=[
            StepInput(after_minutes=10, targets=[(rota.pk, ["phone"])], repetitions=1),
            StepInput(after_minutes=30, until="resolved", targets=[(bob.pk, ["sms"])]),
        ],
    )  # fmt: skip
    story.policy({rota: ["sms"]}, escalation_id=escalation.pk)
    later = story.now + timedelta(days=7)

    [policy] = explain({"alertname": "Disk full"}, later, is_now=False).policies

    first, second = policy.steps
    assert policy.on_duty == (("Primary", ("Bob",)),)
    assert [(item.name, item.channel) for item in policy.deliveries] == [("Bob", "sms")]
    assert (first.at, first.until, first.repetitions) == (later + timedelta(seconds=5, minutes=10), "claimed", 1)
    assert [(item.name, item.channel) for item in first.deliveries] == [("Bob", "phone")]
    assert [(item.name, item.channel) for item in second.deliveries] == [("Bob", "sms")]
    assert (policy.escalation, policy.rounds) == ("Ladder", 2)


def test_a_hand_over_between_two_steps_is_seen(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], handover_time="09:00", tells_by=[])
    escalation = create_escalation(
        by=ADMIN, now=story.now, name="Ladder",
        steps=[StepInput(after_minutes=minutes, targets=[(rota.pk, ["sms"])]) for minutes in (5, 60)],
    )  # fmt: skip
    story.policy({ann: ["sms"]}, escalation_id=escalation.pk)
    before = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)

    [policy] = explain({"alertname": "Disk full"}, before, is_now=False).policies

    assert [step.on_duty[0][1] for step in policy.steps] == [("Ann",), ("Bob",)]


def test_what_fires_now_says_nothing_of_another_moment(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    story.fires("Disk full")

    [now] = explain({"alertname": "Disk full"}, story.now).policies
    [then] = explain({"alertname": "Disk full"}, story.now + timedelta(hours=5), is_now=False).policies

    assert now.open_alert_id == story.alert().pk
    assert then.open_alert_id is None


def test_the_command_takes_a_moment_and_says_what_follows(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    escalation = create_escalation(
        by=ADMIN, now=story.now, name="Ladder", rounds=1,
        steps=[StepInput(after_minutes=10, targets=[(bob.pk, ["phone"])])],
    )  # fmt: skip
    story.policy({ann: ["sms"]}, escalation_id=escalation.pk)

    with pytest.raises(SystemExit) as stopped:
        show(label=["alertname=Disk full"], at="2026-12-24T18:00+01:00")

    said = capsys.readouterr().out
    assert stopped.value.code == 0
    assert "at 2026-12-24T18:00:00+01:00, as policies and contacts are now" in said
    assert "2026-12-24T18:10:05+01:00 unless claimed: Ladder, step 1" in said
    assert "tells Bob by phone" in said
    assert "then from the first step, 1 more times" in said


def test_a_moment_that_is_none_is_refused(story: Story) -> None:
    with pytest.raises(InvalidInputError, match="2026-12-24T18:00"):
        show(label=["alertname=Disk full"], at="tomorrow")


def test_the_silence_of_a_moment_past_or_to_come_is_named(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    host = [[{"key": "host", "operator": "eq", "value": "db1"}]]
    made = story.now
    create_silence(by=ADMIN, now=made, name="Past", rules=host, effect="period", ends_at=made + timedelta(hours=1))
    create_silence(by=ADMIN, now=made, name="Nights", rules=host, effect="daily",
                   windows=[{"start": "22:00", "end": "06:00"}], time_zone="UTC")  # fmt: skip
    story.passes(2 * 24 * 3600)

    def silenced(at: datetime) -> str:
        found = explain({"alertname": "Disk full", "host": "db1"}, at, is_now=False)
        return found.silence.name if found.silence is not None else ""

    assert silenced(made + timedelta(minutes=59)) == "Past"
    assert silenced(made + timedelta(minutes=61)) == ""
    assert silenced(made - timedelta(minutes=1)) == ""  # it was not made yet
    assert silenced(made + timedelta(hours=11)) == "Nights"
    assert silenced(story.now + timedelta(hours=11)) == "Nights"


def test_explain_groups_by_severity_and_integration_as_what_is_reported(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, group_by=["__severity__", "__integration__"])
    story.fires("Disk full", severity="critical")
    labels = {"alertname": "Link down", "severity": "critical"}

    [policy] = explain(labels, story.now, integration=key_of(story.integration)).policies
    story.fires("Link down", severity="critical")

    assert policy.open_alert_id == Alert.objects.get().pk
    assert policy.group_labels == story.alert().group_labels
    assert policy.group_labels == {"__severity__": "P1", "__integration__": story.integration.name}


def test_explain_names_whoever_is_on_duty_when_the_message_goes_out(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], name="Primary", handover_time="09:00", tells_by=[])
    story.policy({rota: ["sms"]}, name="Gathers", group_wait=120)
    office = {"start": "09:30", "end": "18:00", "days": [1, 2, 3, 4, 5], "zone": "UTC"}
    story.policy({rota: ["email"]}, name="Waits", sending_window=office)
    story.now = datetime(2026, 11, 24, 8, 59, tzinfo=UTC)

    gathers, waits = explain({"alertname": "Disk full"}, story.now).policies
    story.fires("Disk full")
    story.passes(3600)

    assert [policy.on_duty for policy in (gathers, waits)] == [(("Primary", ("Bob",)),)] * 2
    assert waits.moment.at == datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    assert [item.name for policy in (gathers, waits) for item in policy.deliveries] == ["Bob", "Bob"]
    story.expect_text(bob, "Disk full")
    story.expect_mail(bob, "Disk full")


def test_of_an_open_alert_explain_names_whom_its_own_version_of_the_policy_tells(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    policy = story.policy({ann: ["email"]}, name="Team")
    story.fires("Disk full", instance="db1")
    story.passes(60)
    story.expect_mail(ann)
    save_policy(by=ADMIN, now=story.now, policy_id=policy.pk, name="Team", targets=[(bob.pk, ["email"])])

    [joins] = explain({"alertname": "Disk full", "instance": "db2"}, story.now).policies
    [opens] = explain({"alertname": "Fan broken"}, story.now).policies
    story.fires("Disk full", instance="db2")
    story.passes(60)

    assert [[item.name for item in policy.deliveries] for policy in (joins, opens)] == [["Ann"], ["Bob"]]
    story.expect_mail(ann, "2 are active now")


def test_of_an_open_alert_explain_goes_by_its_severity_and_by_when_it_may_speak(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob", fallback=Fallback.NONE)
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="14:00", tells_by=[])
    story.now = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
    story.policy({rota: ["phone"]}, severity_limits={"phone": 2})
    story.fires("Disk full", severity="critical")
    story.passes(5)
    story.expect_call(ann).answer()
    mute_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, lasts=timedelta(hours=1))

    [policy] = explain({"alertname": "Disk full", "severity": "warning"}, story.now).policies
    story.fires("Disk full", severity="warning")
    story.passes(2 * 3600)

    assert [(item.name, item.channel) for item in policy.deliveries] == [("Bob", "phone")]
    assert policy.on_duty == ((rota.name, ("Bob",)),)
    story.expect_call(bob, "Disk full")
