"""The official SDKs against a real server: what they send is taken, and what is answered they can read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_arms20190808 import models as arms
from alibabacloud_arms20190808.client import Client
from alibabacloud_tea_openapi.utils_models import Config

from tests.stories.harness import ADMIN, begin
from tests.stories.programs import web_server
from tests.web.arms.calling import program
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.channels.services import ensure_outbox_accounts
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.services import create_contact, create_group
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[3]
RULES = '[{"matchingConditions":[{"key":"team","operator":"eq","value":"db"}]}]'


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any) -> Iterator[int]:
    with django_db_blocker.unblock(), web_server(tmp_path_factory.mktemp("arms"), faces="api,operator") as port:
        yield port


def client_of(port: int, role: Role = Role.MANAGER, **more: Any) -> Client:
    key = program(role)
    config = Config(access_key_id=key.key_id, access_key_secret=key.secret, endpoint=f"127.0.0.1:{port}", **more)
    config.protocol = "HTTP"
    return Client(config)


def test_the_newest_sdk_manages_everything_that_is_told(port: int) -> None:
    client = client_of(port, Role.ADMIN)

    made = client.create_or_update_contact(
        arms.CreateOrUpdateContactRequest(contact_name="李 & Söhne", phone="13800000000", email="li@example.org")
    ).body.alert_contact
    found = client.describe_contacts(arms.DescribeContactsRequest(page=1, size=20, contact_name="söhne")).body.page_bean
    [contact] = found.alert_contacts
    assert (found.total, contact.contact_id, contact.contact_name) == (1, made.contact_id, "李 & Söhne")
    assert (contact.phone, contact.email, contact.is_verify, contact.reissue_send_notice) == (
        "13800000000", "li@example.org", False, 3,
    )  # fmt: skip
    assert Contact.objects.get().phone == "+8613800000000"
    ensure_outbox_accounts(now=utc_now())
    asked = arms.SendTTSVerifyLinkRequest(contact_id=made.contact_id, phone="13800000000")
    assert client.send_ttsverify_link(asked).body.is_success is True

    group = client.create_or_update_contact_group(
        arms.CreateOrUpdateContactGroupRequest(contact_group_name="DBA", contact_ids=f"[{made.contact_id}]")
    ).body.alert_contact_group
    groups = client.describe_contact_groups(arms.DescribeContactGroupsRequest(page=1, size=20, is_detail=True))
    [member] = groups.body.page_bean.alert_contact_groups[0].contacts
    assert (group.contact_ids, member.contact_id) == (str(made.contact_id), made.contact_id)

    address = "https://oapi.dingtalk.com/robot/send?access_token=secret"
    client.create_or_update_imrobot(
        arms.CreateOrUpdateIMRobotRequest(robot_name="Ops", robot_address=address, type="dingding", daily_noc=False)
    )
    [robot] = client.describe_imrobots(arms.DescribeIMRobotsRequest(page=1, size=20)).body.page_bean.alert_imrobots
    assert (robot.robot_addr, robot.type, robot.daily_noc) == (address, "dingding", False)

    client.create_or_update_webhook_contact(
        arms.CreateOrUpdateWebhookContactRequest(
            webhook_name="Tickets",
            method="Post",
            url="https://tickets.example.org/",
            body="$content",
            biz_headers='[{"Content-Type":"application/json"}]',
        )
    )
    webhooks = client.describe_webhook_contacts(arms.DescribeWebhookContactsRequest(page=1, size=20)).body.page_bean
    assert webhooks.webhook_contacts[0].webhook.biz_headers == {"Content-Type": "application/json"}

    template = "{{ .level }} {{ .commonLabels.alertname }}\n"
    told = {"notifyObjects": [{"notifyObjectType": "CONTACT_GROUP", "notifyObjectId": group.contact_group_id}],
            "notifyChannels": ["email"]}  # fmt: skip
    policy = client.create_or_update_notification_policy(
        arms.CreateOrUpdateNotificationPolicyRequest(
            name="Databases",
            matching_rules=RULES,
            notify_rule=json.dumps(told),
            repeat=True,
            repeat_interval=600,
            notify_template=json.dumps({"smsContent": template}),
        )
    ).body.notification_policy
    listed = client.list_notification_policies(
        arms.ListNotificationPoliciesRequest(page=1, size=20, is_detail=True)
    ).body.page_bean.notification_policies[0]
    assert (listed.id, listed.repeat, listed.repeat_interval) == (policy.id, True, 600)
    assert listed.matching_rules[0].matching_conditions[0].value == "db"
    assert listed.notify_rule.notify_objects[0].notify_object_name == "DBA"
    assert listed.notify_template.sms_content == template

    client.create_or_update_silence_policy(
        arms.CreateOrUpdateSilencePolicyRequest(
            name="Night",
            matching_rules=RULES,
            effective_time_type="CYCLE_EFFECT",
            time_period="DAY",
            time_slots='[{"startTime":"22:00","endTime":"06:00"}]',
        )
    )
    silences = client.list_silence_policies(arms.ListSilencePoliciesRequest(page=1, size=20, is_detail=True))
    assert silences.body.page_bean.silence_policies[0].time_period == "DAY"
    assert client.list_escalation_policies(arms.ListEscalationPoliciesRequest(page=1, size=5)).body.page_bean.total == 0
    assert client.list_on_call_schedules(arms.ListOnCallSchedulesRequest(page=1, size=5)).body.page_bean.total == 0
    assert client.delete_notification_policy(arms.DeleteNotificationPolicyRequest(id=policy.id)).body.is_success
    with pytest.raises(Exception, match="There is no such") as caught:
        client.delete_notification_policy(arms.DeleteNotificationPolicyRequest(id=policy.id))
    assert (caught.value.code, caught.value.data["statusCode"]) == ("404", 404)  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="mandatory") as caught:
        client.create_or_update_contact(arms.CreateOrUpdateContactRequest(email="x@example.org"))
    assert caught.value.code == "MissingContactName"  # type: ignore[attr-defined]


def test_the_newest_sdk_lists_alerts_and_acts_on_them(port: int) -> None:
    story = begin(utc_now() - timedelta(minutes=1))
    wei = story.contact("Wei", email="wei@example.org")
    schedule = story.schedule([wei], name="On call", tells_by=[])
    story.policy({wei: ["email"]}, name="Databases")
    story.fires("DiskFull", summary="db-7 is full", severity="critical")
    story.passes(10)
    alert = Alert.objects.get()
    client = client_of(port, Role.RESPONDER)

    claimed = client.claim_alarm(arms.ClaimAlarmRequest(alarm_id=alert.pk, handler_id=wei.pk, region_id="r")).body
    assert (claimed.code, claimed.success, claimed.result) == (200, True, True)
    client.change_alarm_severity(arms.ChangeAlarmSeverityRequest(alarm_id=alert.pk, severity="P3", region_id="r"))
    client.block_alarm_notification(arms.BlockAlarmNotificationRequest(alarm_id=alert.pk, timeout=600, region_id="r"))
    client.close_alarm(arms.CloseAlarmRequest(alarm_id=alert.pk, solution="made room", region_id="r"))
    [shown] = client.list_alerts(
        arms.ListAlertsRequest(page=1, size=20, show_activities=True, show_events=True, state=2)
    ).body.page_bean.list_alerts
    assert (shown.alert_id, shown.severity, shown.solution, shown.handler) == (alert.pk, "P3", "made room", "Wei")
    assert [item.type for item in shown.activities] == [5, 1, 4]
    assert json.loads(shown.alert_events[0].labels)["alertname"] == "DiskFull"
    events = client.list_alert_events(arms.ListAlertEventsRequest(page=1, size=20, status="Active")).body.page_bean
    assert (events.total, events.events[0].alarms[0].alarm_id) == (1, alert.pk)
    sent = client.search_alert_histories(arms.SearchAlertHistoriesRequest(region_id="r")).body.page_bean
    assert (sent.total_count, sent.alarm_histories[0].emails) == (1, "w***@example.org")
    detail = client.get_on_call_schedules_detail(arms.GetOnCallSchedulesDetailRequest(id=schedule.pk)).body.data
    assert detail.rendered_finnal_entries[0].simple_contact.name == "Wei"
    assert detail.rendered_layer_entries[0][0].simple_contact.id == wei.pk


def test_the_newest_sdk_signs_the_older_way_too(port: int) -> None:
    client = client_of(port, signature_algorithm="v2")

    made = client.create_alert_contact(
        arms.CreateAlertContactRequest(contact_name="Tf +*~", email="tf@example.org", region_id="cn-hangzhou")
    ).body

    assert str(Contact.objects.get().pk) == made.contact_id


def test_the_older_sdk_works_unchanged(port: int) -> None:
    key = program()
    ann = create_contact(by=ADMIN, now=utc_now(), name="Ann", email="ann@example.org")
    group = create_group(by=ADMIN, now=utc_now(), name="Tfs", contact_ids=[ann.pk])
    rule = {
        "name": "tf",
        "dispatchType": "DISCARD_ALERT",
        "labelMatchExpressionGrid": {
            "labelMatchExpressionGroups": [{"labelMatchExpressions": [{"key": "a", "value": "b", "operator": "eq"}]}]
        },
    }
    folder = subprocess.run(
        [str(ROOT / "tools/old-arms-sdk.sh")], capture_output=True, text=True, check=True, timeout=170
    ).stdout.strip()
    calls = [
        ["create_or_update_contact", "CreateOrUpdateContactRequest",
         {"contact_name": "李 + *~", "phone": "13800000000", "email": "li@example.org"}],
        ["describe_contacts", "DescribeContactsRequest", {"page": 1, "size": 20, "contact_name": "李 +"}],
        ["create_alert_contact", "CreateAlertContactRequest",
         {"contact_name": "Bo", "phone_num": "13800000000", "region_id": "cn-hangzhou"}],
        ["search_alert_contact", "SearchAlertContactRequest", {"region_id": "cn-hangzhou", "page_size": "5"}],
        ["create_dispatch_rule", "CreateDispatchRuleRequest",
         {"region_id": "cn-hangzhou", "dispatch_rule": json.dumps(rule)}],
        ["list_dispatch_rule", "ListDispatchRuleRequest", {"region_id": "cn-hangzhou", "system": False}],
        ["update_alert_contact_group", "UpdateAlertContactGroupRequest",
         {"region_id": "cn-hangzhou", "contact_group_id": group.pk, "contact_group_name": "Tf2"}],
        ["search_alert_contact_group", "SearchAlertContactGroupRequest",
         {"region_id": "cn-hangzhou", "is_detail": True, "contact_group_ids": json.dumps([str(group.pk)])}],
        ["update_alert_contact", "UpdateAlertContactRequest",
         {"region_id": "cn-hangzhou", "contact_id": ann.pk, "contact_name": "Ann", "phone_num": "13800000002"}],
        ["delete_alert_contact_group", "DeleteAlertContactGroupRequest",
         {"region_id": "cn-hangzhou", "contact_group_id": group.pk}],
    ]  # fmt: skip

    found = subprocess.run(
        [sys.executable, "-S", str(Path(__file__).with_name("old_sdk.py"))],
        input=json.dumps(
            {"endpoint": f"127.0.0.1:{port}", "key": key.key_id, "secret": key.secret, "calls": calls}
        ),
        env={"PYTHONPATH": folder}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    made, listed, doubled, searched, created, rules, *updates = json.loads(found.stdout)
    assert made["AlertContact"]["ContactName"] == "李 + *~"
    assert [row["ContactName"] for row in listed["PageBean"]["AlertContacts"]] == ["李 + *~"]
    assert doubled == {"error": "InvalidPhoneNum.Duplicate"}
    assert {row["Phone"] for row in searched["PageBean"]["Contacts"]} == {"", "13800000000"}
    assert rules["DispatchRules"] == [{"RuleId": created["DispatchRuleId"], "Name": "tf", "State": "true"}]
    renamed, regrouped, cleared, deleted = updates
    assert (renamed["IsSuccess"], cleared["IsSuccess"], deleted["IsSuccess"]) == (True, True, True)
    assert regrouped["ContactGroups"][0]["Contacts"] == []
    ann.refresh_from_db()
    assert (ann.email, ann.phone) == (None, "+8613800000002")
    assert not ContactGroup.objects.exists()
