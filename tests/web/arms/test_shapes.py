"""What every action answers, beside the models that the vendor's own SDK reads it into: nothing lacks, none is lost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from alibabacloud_arms20190808 import models as arms
from darabonba.model import DaraModel

from tests.stories.harness import Story, begin
from tests.web.arms.calling import Program, program
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.web.arms.operations import OPERATIONS

pytestmark = pytest.mark.django_db

PAGE = {"Page": "1", "Size": "20"}
MAY_BE_NOTHING = {"escalation_policy_id", "integration_id", "alert_robot_id"}
"""An id of something that there may not be."""
BESIDE = {"matchingConditions"}
"""What Terraform's provider reads."""
RULES = [{"matchingConditions": [{"key": "alertname", "operator": "eq", "value": "DiskFull"}]}]
SLOTS = [{"startTime": "22:00", "endTime": "23:00"}]


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    with time_machine.travel(now + timedelta(seconds=90), tick=False):
        story = begin(now)
        wei = story.contact("Wei", email="wei@example.org")
        story.policy({wei: ["email"]}, name="Databases")
        story.schedule([wei], name="On call", tells_by=[])
        story.group(wei, name="Team")
        story.fires("DiskFull", summary="full", severity="critical")
        story.passes(10)
        story.expect_mail(wei)
        yield story


def test_every_answer_is_what_the_sdk_reads(story: Story) -> None:
    api, alert = program(Role.ADMIN), Alert.objects.get()
    seen: set[str] = set()

    def call(action: str, **parameters: Any) -> dict[str, Any]:
        answer = api.ok(action, **parameters)
        model = getattr(arms, f"{action}ResponseBody")().from_map(answer)
        assert lost(answer, model.to_map()) == [], action
        assert lacking(model) == [], action
        seen.add(action)
        return answer

    contact = call("CreateOrUpdateContact", ContactName="Ann", Email="ann@example.org")["AlertContact"]["ContactId"]
    call("DescribeContacts", **PAGE)
    call("SendTTSVerifyLink", ContactId=_with_phone(api), Phone="13800000009")
    group = call("CreateOrUpdateContactGroup", ContactGroupName="G", ContactIds=str(contact))["AlertContactGroup"]
    call("DescribeContactGroups", **PAGE, IsDetail="true")
    call("DeleteContactGroup", ContactGroupId=group["ContactGroupId"])
    robot = call(
        "CreateOrUpdateIMRobot",
        RobotName="R",
        Type="dingding",
        RobotAddress="https://oapi.dingtalk.com/robot/send?access_token=1",
    )["AlertRobot"]["RobotId"]
    webhook = call("CreateOrUpdateWebhookContact", WebhookName="W", Method="Get", Url="https://x.example.org/",
                   BizHeaders='[{"a":"b"}]', BizParams='[{"c":"d"}]')["WebhookContact"]["WebhookId"]  # fmt: skip
    call("DescribeWebhookContacts", **PAGE)
    told = {"notifyChannels": ["email"], "notifyObjects": [
        {"notifyObjectType": "CONTACT", "notifyObjectId": contact},
        {"notifyObjectType": "DING_ROBOT_GROUP", "notifyObjectId": robot},
    ]}  # fmt: skip
    policy = call("CreateOrUpdateNotificationPolicy", Name="P", MatchingRules=RULES, NotifyRule=told,
                  NotifyTemplate={"smsContent": "{{ .level }}"})["NotificationPolicy"]["Id"]  # fmt: skip
    call("ListNotificationPolicies", **PAGE, IsDetail="true", Ids=str(policy))
    call("DescribeIMRobots", **PAGE)
    silence = call("CreateOrUpdateSilencePolicy", Name="S", MatchingRules=RULES, EffectiveTimeType="CYCLE_EFFECT",
                   TimePeriod="DAY", TimeSlots=SLOTS)["SilencePolicy"]["Id"]  # fmt: skip
    call("ListSilencePolicies", **PAGE, IsDetail="true")
    call("ListEscalationPolicies", **PAGE)
    schedule = call("ListOnCallSchedules", **PAGE)["PageBean"]["OnCallSchedules"][0]["Id"]
    call("GetOnCallSchedulesDetail", Id=schedule)
    acting = {"AlarmId": alert.pk, "RegionId": "r"}
    call("ClaimAlarm", **acting)
    call("ChangeAlarmSeverity", **acting, Severity="P2")
    call("BlockAlarmNotification", **acting, Timeout=600)
    call("CloseAlarm", **acting, Solution="done")
    call("ListAlerts", **PAGE, ShowActivities="true", ShowEvents="true")
    call("ListAlertEvents", **PAGE, ShowNotificationPolicies="true")
    call("SearchAlertHistories", RegionId="r")
    old = call("CreateAlertContact", ContactName="Bo", Email="bo@example.org")["ContactId"]
    call("UpdateAlertContact", ContactId=old, Email="bo@example.org")
    call("SearchAlertContact")
    call("DeleteAlertContact", ContactId=old)
    old_group = call("CreateAlertContactGroup", ContactGroupName="O", ContactIds=str(contact))["ContactGroupId"]
    call("UpdateAlertContactGroup", ContactGroupId=old_group, ContactGroupName="O", ContactIds=str(contact))
    call("SearchAlertContactGroup", IsDetail="true")
    call("DeleteAlertContactGroup", ContactGroupId=old_group)
    rule = {
        "name": "D",
        "groupRules": [{"groupingFields": ["alertname"]}],
        "labelMatchExpressionGrid": {
            "labelMatchExpressionGroups": [{"labelMatchExpressions": [{"key": "a", "operator": "eq", "value": "b"}]}]
        },
        "notifyRules": [
            {"notifyChannels": ["email"], "notifyObjects": [{"notifyType": "ARMS_CONTACT", "notifyObjectId": contact}]}
        ],
    }
    made = call("CreateDispatchRule", DispatchRule=rule)["DispatchRuleId"]
    call("DescribeDispatchRule", Id=made)
    call("UpdateDispatchRule", DispatchRule={**rule, "id": made})
    call("ListDispatchRule")
    call("DeleteDispatchRule", Id=made)
    call("DeleteSilencePolicy", Id=silence)
    call("DeleteNotificationPolicy", Id=policy)
    call("CreateWebhook", ContactName="V", Method="Get", Url="https://x.example.org/", Body="x")
    call("UpdateWebhook", ContactId=webhook, ContactName="W", Method="Get", Url="https://x.example.org/", Body="x")
    call("DeleteWebhookContact", WebhookId=webhook)
    call("DeleteIMRobot", RobotId=robot)
    call("DeleteContact", ContactId=contact)

    assert seen == set(OPERATIONS)


def _with_phone(api: Program) -> int:
    made = api.ok("CreateOrUpdateContact", ContactName="Di", Phone="13800000009")
    return int(made["AlertContact"]["ContactId"])


def lost(answer: Any, kept: Any, place: str = "") -> list[str]:
    """What stands in the answer and not in what the SDK keeps of it."""
    if isinstance(answer, dict) and isinstance(kept, dict):
        found = [f"{place}.{name}" for name, value in answer.items()
                 if name not in kept and value is not None and name not in BESIDE]  # fmt: skip
        return found + [each for name in answer.keys() & kept.keys()
                        for each in lost(answer[name], kept[name], f"{place}.{name}")]  # fmt: skip
    if isinstance(answer, list) and isinstance(kept, list):
        return [each for one, two in zip(answer, kept, strict=True) for each in lost(one, two, place)]
    return [] if answer == kept else [place]


def lacking(model: Any, place: str = "") -> list[str]:
    """Fields of the SDK's that the answer does not fill, and lists that this test leaves empty."""
    if isinstance(model, list):
        return [each for item in model for each in lacking(item, place)]
    if not isinstance(model, DaraModel):
        return []
    found = []
    for name, value in vars(model).items():
        if value is None and name not in MAY_BE_NOTHING:
            found.append(f"{place}.{name}")
        found += lacking(value, f"{place}.{name}")
    return found
