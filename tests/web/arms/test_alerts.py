"""Alerts, events, what was sent, and schedules as programs see them; what they do to alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories.harness import Story, begin
from tests.web.arms.calling import Program, program
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.delivery.models import Delivery

pytestmark = pytest.mark.django_db

PAGE = {"Page": "1", "Size": "20"}


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    """Wei is told of a full disk by email."""
    with time_machine.travel(now + timedelta(seconds=90), tick=False):
        story = begin(now)
        wei = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
        story.policy(
            {wei: ["email"]}, name="Databases", rules=[[{"key": "alertname", "operator": "eq", "value": "DiskFull"}]]
        )
        story.fires("DiskFull", summary="db-7 is full", severity="critical", instance="db-7")
        story.fires("Other", severity="warning")
        story.passes(10)
        story.expect_mail(wei)
        yield story


@pytest.fixture
def api() -> Program:
    return program(Role.RESPONDER)


def test_alerts_are_listed_with_what_was_done_and_sent(story: Story, api: Program) -> None:
    alert = Alert.objects.get()
    api.ok("ClaimAlarm", AlarmId=alert.pk, RegionId="r")

    def found(**filters: object) -> list[dict[str, object]]:
        page = api.ok("ListAlerts", **PAGE, **filters)["PageBean"]
        assert page["Total"] == len(page["ListAlerts"])
        rows: list[dict[str, object]] = page["ListAlerts"]
        return rows

    [shown] = found(ShowActivities="true", ShowEvents="true")
    assert (shown["AlertId"], shown["AlertName"], shown["Severity"], shown["State"]) == (alert.pk, "DiskFull", "P1", 1)
    assert (shown["DispatchRuleId"], shown["DispatchRuleName"]) == (alert.policy_id, "Databases")
    assert (shown["CreateTime"], shown["RecoverTime"]) == ("2026-11-23 12:00:00", -1)
    assert str(shown["Handler"]).startswith("responder")
    activities = shown["Activities"]
    assert isinstance(activities, list)
    assert [(item["Type"], item["HandlerName"].split()[0]) for item in activities] == [(5, "Wei"), (1, "responder")]
    assert "db-7 is full" in activities[0]["Content"]
    events = shown["AlertEvents"]
    assert isinstance(events, list)
    assert (events[0]["AlertName"], events[0]["State"], json.loads(events[0]["Labels"])["instance"]) == (
        "DiskFull", "Active", "db-7",
    )  # fmt: skip
    [brief] = found(AlertName="disk", Severity="P1", State=1, DispatchRuleId=alert.policy_id, Owner="Wei")
    assert (brief["Activities"], brief["AlertEvents"]) == ([], [])
    for none in ({"AlertName": "x"}, {"Severity": "P2"}, {"State": 0}, {"DispatchRuleId": 0}, {"Owner": "Ann"}):
        assert found(**none) == []
    assert len(found(StartTime="2026-11-23 11:59:59", EndTime="2026-11-23 12:00:10")) == 1
    assert found(StartTime="2026-11-23 12:01:00") == []
    assert api.call("ListAlerts", **PAGE, StartTime="noon").code == "InvalidStartTime"
    assert api.call("ListAlerts", **PAGE, Severity="bad").code == "InvalidSeverity"


def test_what_is_done_to_an_alert_is_done_in_the_name_of_its_handler(story: Story, api: Program) -> None:
    alert = Alert.objects.get()
    wei = story.contact("Handy")

    answer = api.ok("ClaimAlarm", AlarmId=alert.pk, HandlerId=wei.pk, RegionId="r")
    assert (answer["Code"], answer["Message"], answer["Result"], answer["Success"]) == (200, "success", True, True)
    alert.refresh_from_db()
    assert (alert.state, alert.claimed_by) == ("handling", "Handy")
    assert api.row is not None
    key = f"{api.row.user} ({api.row.name})"
    [listed] = api.ok("ListAlerts", **PAGE, ShowActivities="true")["PageBean"]["ListAlerts"]
    assert listed["Activities"][-1]["Description"] == f"Handy claimed it (through {key})"
    [entry] = LogEntry.objects.filter(additional_data__note="claimed")
    assert entry.additional_data["by"] == f"Handy, through {key}"
    assert api.call("ClaimAlarm", AlarmId=alert.pk).code == "OperationConflict"
    api.ok("ChangeAlarmSeverity", AlarmId=alert.pk, Severity="P3", RegionId="r")
    api.ok("BlockAlarmNotification", AlarmId=alert.pk, Timeout=600, RegionId="r")
    alert.refresh_from_db()
    assert (alert.severity, alert.muted_until) == (3, story.now + timedelta(seconds=80 + 600))
    api.ok("CloseAlarm", AlarmId=alert.pk, Solution="made room", RegionId="r")
    [shown] = api.ok("ListAlerts", **PAGE, State=2)["PageBean"]["ListAlerts"]
    assert (shown["Solution"], shown["RecoverTime"] > 0) == ("made room", True)
    assert api.call("CloseAlarm", AlarmId=alert.pk).code == "OperationConflict"
    assert api.call("ChangeAlarmSeverity", AlarmId=alert.pk, Severity="P9").code == "InvalidSeverity"
    assert api.call("BlockAlarmNotification", AlarmId=alert.pk).code == "MissingTimeout"
    assert api.call("ClaimAlarm", AlarmId=10**12).code == "404"
    assert api.call("ClaimAlarm", AlarmId=alert.pk, HandlerId=10**12).code == "InvalidHandlerId"
    assert program(Role.VIEWER).call("CloseAlarm", AlarmId=alert.pk).code == "Forbidden.RAM"


def test_events_are_found_by_every_filter(story: Story, api: Program) -> None:
    def found(**filters: object) -> list[str]:
        page = api.ok("ListAlertEvents", **PAGE, **filters)["PageBean"]
        assert page["Total"] == len(page["Events"])
        return [event["AlertName"] for event in page["Events"]]

    assert found() == ["Other", "DiskFull"]
    assert found(AlertName="disk", Status="Active") == ["DiskFull"]
    assert found(Status="Resolved") == []
    assert found(MatchingConditions=[{"key": "instance", "value": "db-.*", "operator": "re"}]) == ["DiskFull"]
    assert found(MatchingConditions=[{"key": "severity", "value": "warning"}]) == ["Other"]
    assert found(StartTime="2026-11-24 00:00:00") == []
    assert found(EndTime="2026-11-24 00:00:00") == ["Other", "DiskFull"]
    events = api.ok("ListAlertEvents", **PAGE, AlertName="DiskFull", ShowNotificationPolicies="true")["PageBean"]
    [event] = events["Events"]
    assert (event["Severity"], event["Status"], event["TriggerCount"], event["Description"]) == (
        "P1", "Active", 1, "db-7 is full",
    )  # fmt: skip
    assert [policy["Name"] for policy in event["NotificationPolicies"]] == ["Databases"]
    assert event["Alarms"][0]["AlarmName"] == "DiskFull"
    assert api.call("ListAlertEvents", **PAGE, Status="Gone").code == "InvalidStatus"
    bad = api.call("ListAlertEvents", **PAGE, MatchingConditions=[{"key": "a", "value": "(", "operator": "re"}])
    assert bad.code == "InvalidMatchingConditions"


def test_what_was_sent_is_listed_message_by_message_with_masked_addresses(story: Story, api: Program) -> None:
    [row] = api.ok("SearchAlertHistories", RegionId="r")["PageBean"]["AlarmHistories"]

    assert (row["Emails"], row["Phones"], row["AlarmResponseCode"], row["Target"]) == (
        "w***@example.org", "", 200, "DiskFull",
    )  # fmt: skip
    assert "db-7 is full" in row["AlarmContent"]
    later = int((story.now + timedelta(hours=1)).timestamp() * 1000)
    assert api.ok("SearchAlertHistories", StartTime=later, EndTime=later)["PageBean"]["TotalCount"] == 0
    assert api.ok("SearchAlertHistories", AlertId=0)["PageBean"]["TotalCount"] == 0
    assert api.call("SearchAlertHistories", StartTime=10**18).code == "InvalidStartTime"


def test_schedules_say_who_is_on_duty_when(story: Story, api: Program) -> None:
    ann, bo = story.contact("Ann"), story.contact("Bo")
    schedule = story.schedule([ann, bo], name="Database on call", tells_by=[])

    [listed] = api.get("ListOnCallSchedules", **PAGE, Name="data").body["PageBean"]["OnCallSchedules"]
    assert listed == {"Id": schedule.pk, "Name": "Database on call", "Description": ""}
    detail = api.get("GetOnCallSchedulesDetail", Id=schedule.pk, StartTime="2026-11-24", EndTime="2026-11-25").body[
        "Data"
    ]

    [layer] = detail["ScheduleLayers"]
    assert layer["ContactIds"] == [ann.pk, bo.pk]
    final = detail["RenderedFinnalEntries"]
    assert final
    assert {entry["SimpleContact"]["Name"] for entry in final} <= {"Ann", "Bo"}
    assert (final[0]["Start"], final[-1]["End"]) == ("2026-11-24 00:00", "2026-11-26 00:00")
    assert detail["RenderedLayerEntries"] == [final]
    assert detail["RenderedSubstitudeEntries"] == []
    assert api.get("GetOnCallSchedulesDetail", Id=10**12).code == "404"
    far = api.get("GetOnCallSchedulesDetail", Id=schedule.pk, StartTime="2026-01-01", EndTime="2027-01-01")
    assert far.code == "InvalidEndTime"


def test_the_days_of_a_schedule_are_those_of_its_own_clocks(story: Story, api: Program) -> None:
    ann = story.contact("Ann")
    schedule = story.schedule([ann], name="New York", tells_by=[], zone="America/New_York")

    asked = {"Id": schedule.pk, "StartTime": "2026-11-24", "EndTime": "2026-11-25"}
    final = api.get("GetOnCallSchedulesDetail", **asked).body["Data"]["RenderedFinnalEntries"]

    assert (final[0]["Start"], final[-1]["End"]) == ("2026-11-24 00:00", "2026-11-26 00:00")


def test_what_was_sent_in_a_time_is_found_by_an_index(story: Story, api: Program) -> None:
    """Among what was sent in two months before."""
    columns = [field.column for field in Delivery._meta.concrete_fields if field.column not in ("id", "planned_at")]
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO delivery_delivery (planned_at, {names}) SELECT planned_at - make_interval(mins => 30 * n), "
            f"{names} FROM delivery_delivery CROSS JOIN generate_series(3000, 1, -1) AS n"
        )
        cursor.execute("SELECT brin_summarize_new_values('delivery_by_time')")
        cursor.execute("ANALYZE delivery_delivery")

    with CaptureQueriesContext(connection) as read:
        for page in (1, 2):
            assert api.ok("SearchAlertHistories", CurrentPage=page)["PageBean"]["TotalCount"] == 1

    statements = [query["sql"] for query in read.captured_queries if "planned_at" in query["sql"].partition("WHERE")[2]]
    assert any("COUNT" in statement for statement in statements)
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "delivery_by_time" in plan, plan
