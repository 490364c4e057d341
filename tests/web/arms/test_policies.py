"""Notification and silence policies, and the older dispatch rules, as programs manage them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.stories.harness import ADMIN
from tests.web.arms.calling import Program, program
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact
from tocsin.contacts.services import create_contact, create_group, create_robot, create_webhook
from tocsin.core.clock import utc_now
from tocsin.core.errors import ConflictError
from tocsin.policies.models import NotificationPolicy, SilencePolicy
from tocsin.policies.queries import targets_of
from tocsin.policies.services import (
    StepInput,
    create_escalation,
    create_policy,
    save_policy,
    shadow_policy,
    typed_content_of,
)
from tocsin.policies.services.silences import create_silence
from tocsin.web.arms.operation import Caller
from tocsin.web.arms.policies import write_policy

pytestmark = pytest.mark.django_db

GONE = 10**11
PAGE = {"Page": "1", "Size": "20"}
RULES = [{"matchingConditions": [{"key": "team", "operator": "eq", "value": "db"}]}]
_SHOWN = [{"Key": "team", "Operator": "eq", "Value": "db"}]
SHOWN_RULES = [{"MatchingConditions": _SHOWN, "matchingConditions": _SHOWN}]
"""Under both names: SDKs read the first, Terraform's provider the second."""


@pytest.fixture
def api() -> Program:
    return program(Role.MANAGER)


@pytest.fixture
def ann() -> Contact:
    return create_contact(by=ADMIN, now=utc_now(), name="Ann", phone="13800000001", email="ann@example.org")


def rule_for(*objects: tuple[str, int], channels: tuple[str, ...] = ("email", "tts"), **more: Any) -> dict[str, Any]:
    named = [{"notifyObjectType": kind, "notifyObjectId": pk, "notifyObjectName": "x"} for kind, pk in objects]
    return {"notifyObjects": named, "notifyChannels": list(channels), **more}


def test_a_policy_goes_round_with_everybody_whom_it_can_tell(api: Program, ann: Contact) -> None:
    group = create_group(by=ADMIN, now=utc_now(), name="DBA", contact_ids=[ann.pk])
    robot = create_robot(
        by=ADMIN, now=utc_now(), name="Ops", platform="dingtalk", keyword="x",
        url="https://oapi.dingtalk.com/robot/send?access_token=1",
    )  # fmt: skip
    webhook = create_webhook(by=ADMIN, now=utc_now(), name="Tickets", url="https://tickets.example.org/")
    told = rule_for(
        ("CONTACT", ann.pk),
        ("ARMS_CONTACT_GROUP", group.pk),
        ("DING_ROBOT_GROUP", robot.pk),
        ("CONTACT", webhook.pk),
        channels=("dingTalk", "email", "webhook"),
        notifyStartTime="09:00",
        notifyEndTime="18:00",
    )
    told["notifyObjects"][0]["notifyChannels"] = ["tts", "sms"]

    made = api.ok(
        "CreateOrUpdateNotificationPolicy",
        Name="Databases",
        MatchingRules=RULES,
        GroupRule={"groupWait": 10, "groupInterval": 60, "groupingFields": ["alertname", "cluster"]},
        NotifyRule=told,
        RepeatInterval=600,
    )["NotificationPolicy"]

    assert (made["Name"], made["State"], made["Repeat"], made["RepeatInterval"]) == ("Databases", "enable", True, 600)
    assert made["MatchingRules"] == SHOWN_RULES
    assert made["GroupRule"] == {"GroupWait": 10, "GroupInterval": 60, "GroupingFields": ["alertname", "cluster"]}
    assert made["NotifyRule"] == {
        "NotifyStartTime": "09:00",
        "NotifyEndTime": "18:00",
        "NotifyChannels": ["dingTalk", "email", "sms", "tts", "webhook"],
        "NotifyObjects": [
            {"NotifyObjectType": "CONTACT", "NotifyObjectId": ann.pk, "NotifyObjectName": "Ann",
             "NotifyChannels": ["sms", "tts"]},
            {"NotifyObjectType": "CONTACT_GROUP", "NotifyObjectId": group.pk, "NotifyObjectName": "DBA",
             "NotifyChannels": ["email"]},
            {"NotifyObjectType": "DING_ROBOT_GROUP", "NotifyObjectId": robot.pk, "NotifyObjectName": "Ops",
             "NotifyChannels": []},
            {"NotifyObjectType": "CONTACT", "NotifyObjectId": webhook.pk, "NotifyObjectName": "Tickets",
             "NotifyChannels": []},
        ],
    }  # fmt: skip
    [detailed] = api.ok("ListNotificationPolicies", **PAGE, IsDetail="true", Name="data")["PageBean"][
        "NotificationPolicies"
    ]
    assert detailed == made
    [brief] = api.ok("ListNotificationPolicies", **PAGE, Ids=str(made["Id"]))["PageBean"]["NotificationPolicies"]
    assert brief["Name"] == "Databases"
    assert "NotifyRule" not in brief
    assert api.ok("ListNotificationPolicies", **PAGE, Ids=str(GONE))["PageBean"]["Total"] == 0
    api.ok("DeleteNotificationPolicy", Id=made["Id"])
    assert api.call("DeleteNotificationPolicy", Id=made["Id"]).code == "404"


def test_what_an_update_omits_stays_also_what_this_api_does_not_know(api: Program, ann: Contact) -> None:
    policy = create_policy(
        by=ADMIN, now=utc_now(), name="Old", rules=[[{"key": "a", "operator": "re", "value": "b.*"}]],
        targets=[(ann.pk, ["sms"])], stops_here=True, severity_limits={"phone": 2},
        sending_window={"start": "08:00", "end": "20:00", "days": [1], "zone": "Asia/Shanghai", "outside": "drop"},
        templates={"sms_content": "{{ title }}", "robot_recover_content": "over"},
    )  # fmt: skip

    api.ok("CreateOrUpdateNotificationPolicy", Id=policy.pk, Name="New", State="disable", SendRecoverMessage="False")

    policy.refresh_from_db()
    version = policy.current
    assert version is not None
    assert (policy.name, policy.is_enabled, version.sends_recovery, version.stops_here) == ("New", False, False, True)
    assert (version.rules[0][0]["value"], version.severity_limits) == ("b.*", {"phone": 2})
    assert version.sending_window["outside"] == "drop"
    assert targets_of([version.pk])[version.pk] == [(ann.pk, ["sms"])]
    api.ok(
        "CreateOrUpdateNotificationPolicy",
        Id=policy.pk,
        Name="New",
        State="enable",
        NotifyRule=rule_for(("CONTACT", ann.pk), notifyStartTime="00:00", notifyEndTime="23:59"),
    )
    policy.refresh_from_db()
    assert policy.current is not None
    assert (policy.is_enabled, policy.current.sending_window) == (True, None)


def test_hours_that_are_sent_back_as_they_were_shown_stay_with_their_days(api: Program, ann: Contact) -> None:
    """Whole working days are shown as 00:00 to 23:59, which otherwise is no window at all."""
    policy = create_policy(
        by=ADMIN, now=utc_now(), name="Working days", targets=[(ann.pk, ["email"])],
        sending_window={"start": "00:00", "end": "24:00", "days": [1, 2, 3, 4, 5], "zone": "UTC", "outside": "drop"},
    )  # fmt: skip
    assert policy.current is not None
    before = policy.current.sending_window

    [shown] = api.ok("ListNotificationPolicies", **PAGE, IsDetail="true")["PageBean"]["NotificationPolicies"]
    hours = {"notifyStartTime": shown["NotifyRule"]["NotifyStartTime"],
             "notifyEndTime": shown["NotifyRule"]["NotifyEndTime"]}  # fmt: skip
    rule = rule_for(("CONTACT", ann.pk), channels=("email",), **hours)
    api.ok("CreateOrUpdateNotificationPolicy", Id=policy.pk, Name="Weekdays", NotifyRule=rule)

    policy.refresh_from_db()
    assert hours == {"notifyStartTime": "00:00", "notifyEndTime": "23:59"}
    assert policy.current.sending_window == before


def test_a_window_until_the_end_of_the_day_is_shown_as_it_was_written(api: Program, ann: Contact) -> None:
    """Terraform would otherwise change it for ever."""
    rule = rule_for(("CONTACT", ann.pk), notifyStartTime="09:00", notifyEndTime="23:59")

    made = api.ok("CreateOrUpdateNotificationPolicy", Name="Late", NotifyRule=rule)["NotificationPolicy"]

    assert (made["NotifyRule"]["NotifyStartTime"], made["NotifyRule"]["NotifyEndTime"]) == ("09:00", "23:59")


def test_a_policy_in_shadow_stays_there_when_its_state_is_sent_back(api: Program, ann: Contact) -> None:
    policy = create_policy(by=ADMIN, now=utc_now(), name="Trial", targets=[(ann.pk, ["email"])])
    shadow_policy(by=ADMIN, now=utc_now(), policy_id=policy.pk)

    [shown] = api.ok("ListNotificationPolicies", **PAGE)["PageBean"]["NotificationPolicies"]
    api.ok("CreateOrUpdateNotificationPolicy", Id=policy.pk, Name="Trial run", State=shown["State"])

    policy.refresh_from_db()
    assert (policy.name, policy.is_enabled, policy.is_shadow) == ("Trial run", False, True)


def test_templates_of_this_api_are_its_own_language_and_return_unchanged(api: Program, ann: Contact) -> None:
    source = "{{ .level }} {{ .commonLabels.alertname }}\n{{ for .alerts }}{{ .annotations.message }} {{ end }}\n"
    made = api.ok(
        "CreateOrUpdateNotificationPolicy",
        Name="Texts",
        NotifyRule=rule_for(("CONTACT", ann.pk)),
        NotifyTemplate={"smsContent": source, "emailTitle": "{{ .commonLabels.alertname }}", "ttsContent": ""},
    )["NotificationPolicy"]

    assert made["NotifyTemplate"]["SmsContent"] == source
    assert made["NotifyTemplate"]["TtsContent"] == ""
    stored = NotificationPolicy.objects.get()
    assert stored.current is not None
    assert stored.current.templates["sms_content"] == "{{/* go */}}" + source
    shown = {name[0].lower() + name[1:]: text for name, text in made["NotifyTemplate"].items()}
    api.ok("CreateOrUpdateNotificationPolicy", Id=made["Id"], Name="Texts", NotifyTemplate=shown)
    stored.refresh_from_db()
    assert stored.current.number == 1
    wrong = api.call(
        "CreateOrUpdateNotificationPolicy",
        Name="Wrong",
        NotifyRule=rule_for(("CONTACT", ann.pk)),
        NotifyTemplate={"smsContent": "a\n{{ if }}"},
    )
    assert (wrong.status, wrong.code) == (400, "InvalidNotifyTemplate")
    assert "Line 2" in wrong.body["Message"]


def test_a_template_of_tocsins_own_language_that_is_sent_back_stays_one(api: Program, ann: Contact) -> None:
    policy = create_policy(
        by=ADMIN, now=utc_now(), name="Own", targets=[(ann.pk, ["sms"])],
        templates={"sms_content": "{{ title }}", "robot_recover_content": "over"},
    )  # fmt: skip

    api.ok(
        "CreateOrUpdateNotificationPolicy",
        Id=policy.pk,
        Name="Own",
        NotifyTemplate={"smsContent": "{{ title }}", "emailTitle": "{{ .level }}"},
    )

    policy.refresh_from_db()
    assert policy.current is not None
    assert policy.current.templates == {
        "email_title": "{{/* go */}}{{ .level }}",
        "sms_content": "{{ title }}",
        "robot_recover_content": "over",
    }


def test_a_policy_repeats_or_escalates(api: Program, ann: Contact) -> None:
    chain = create_escalation(by=ADMIN, now=utc_now(), name="Chain", steps=[StepInput(targets=[(ann.pk, ["sms"])])])
    told = rule_for(("CONTACT", ann.pk))

    made = api.ok(
        "CreateOrUpdateNotificationPolicy", Name="E", NotifyRule=told, Repeat="False", EscalationPolicyId=chain.pk
    )["NotificationPolicy"]
    assert (made["Repeat"], made["EscalationPolicyId"]) == (False, chain.pk)
    back = api.ok("CreateOrUpdateNotificationPolicy", Id=made["Id"], Name="E", Repeat="true", RepeatInterval=3600)[
        "NotificationPolicy"
    ]
    assert (back["Repeat"], back["RepeatInterval"], back["EscalationPolicyId"]) == (True, 3600, None)
    taken = {"Id": made["Id"], "Name": "E", "EscalationPolicyId": chain.pk}
    assert api.ok("CreateOrUpdateNotificationPolicy", **taken)["NotificationPolicy"]["EscalationPolicyId"] == chain.pk
    once = api.ok("CreateOrUpdateNotificationPolicy", **{**taken, "EscalationPolicyId": 0})["NotificationPolicy"]
    assert (once["Repeat"], once["EscalationPolicyId"]) == (False, None)
    [listed] = api.get("ListEscalationPolicies", **PAGE, Name="cha").body["PageBean"]["EscalationPolicies"]
    assert listed == {"Id": chain.pk, "Name": "Chain"}


@pytest.mark.parametrize("is_enabled", [None, True, False])
def test_what_somebody_else_changed_meanwhile_is_not_written_over(ann: Contact, is_enabled: bool | None) -> None:
    made = create_policy(by=ADMIN, now=utc_now(), name="Shared", is_enabled=False, targets=[(ann.pk, ["sms"])])
    read_before = NotificationPolicy.objects.get(pk=made.pk)
    content = typed_content_of(read_before.current)
    save_policy(by=ADMIN, now=utc_now(), policy_id=made.pk, name="Shared", targets=[(ann.pk, ["phone"])])

    with pytest.raises(ConflictError):
        write_policy(Caller(ADMIN, Role.MANAGER, utc_now()), read_before, "Shared", is_enabled, content)

    made.refresh_from_db()
    assert targets_of([made.current_id or 0])[made.current_id or 0] == [(ann.pk, ["phone"])]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"NotifyRule": "not json"}, "InvalidNotifyRule"),
        ({"NotifyRule": {"notifyObjects": [{"notifyObjectType": "CONTACT", "notifyObjectId": GONE}]}},
         "InvalidNotifyRule"),
        ({"NotifyRule": {"notifyObjects": [], "notifyChannels": ["fax"]}}, "InvalidNotifyRule"),
        ({"MatchingRules": [{"matchingConditions": [{"key": "a", "value": "(", "operator": "re"}]}]},
         "InvalidMatchingRules"),
        ({"MatchingRules": {"key": "a"}}, "InvalidMatchingRules"),
        ({"GroupRule": {"groupWait": -5}}, "InvalidGroupRule"),
        ({"Repeat": "true"}, "MissingRepeatInterval"),
        ({"RepeatInterval": "5"}, "InvalidRepeatInterval"),
        ({"Repeat": "false", "EscalationPolicyId": GONE}, "InvalidEscalationPolicyId"),
        ({"State": "maybe"}, "InvalidState"),
        ({"Name": " "}, "InvalidName"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_policy_names_its_parameter(
    api: Program, ann: Contact, change: dict[str, Any], code: str
) -> None:
    right = {"Name": "P", "NotifyRule": rule_for(("CONTACT", ann.pk))}

    answer = api.call("CreateOrUpdateNotificationPolicy", **{**right, **change})

    assert (answer.status, answer.code) == (400, code)
    assert not NotificationPolicy.objects.exists()


def test_a_silence_goes_round_in_each_of_its_forms(api: Program) -> None:
    def write(**more: Any) -> dict[str, Any]:
        shown: dict[str, Any] = api.ok("CreateOrUpdateSilencePolicy", **more)["SilencePolicy"]
        return shown

    made = write(Name="Always", MatchingRules=RULES, EffectiveTimeType="PERMANENT")
    assert (made["State"], made["EffectiveTimeType"], made["MatchingRules"]) == ("enable", "PERMANENT", SHOWN_RULES)

    slots = [{"startTime": "2027-01-01 00:00", "endTime": "2027-01-02 12:30"}]
    period = write(Id=made["Id"], Name="Period", EffectiveTimeType="CUSTOM_TIME", TimeSlots=slots)
    assert json.loads(period["TimeSlots"]) == slots
    assert SilencePolicy.objects.get().ends_at == datetime(2027, 1, 2, 12, 30, tzinfo=UTC)
    assert period["MatchingRules"] == SHOWN_RULES

    daily = write(
        Id=made["Id"], Name="Daily", EffectiveTimeType="CYCLE_EFFECT", TimePeriod="DAY",
        TimeSlots=[{"startTime": "22:00", "endTime": "06:00"}],
    )  # fmt: skip
    assert (daily["TimePeriod"], json.loads(daily["TimeSlots"])) == (
        "DAY",
        [{"startTime": "22:00", "endTime": "06:00"}],
    )
    week = [{"startWeek": "6", "endWeek": "7", "startTime": "00:00", "endTime": "23:59"}]
    weekly = write(Id=made["Id"], Name="Weekly", TimePeriod="WEEK", TimeSlots=week)
    assert (weekly["EffectiveTimeType"], json.loads(weekly["TimeSlots"])) == ("CYCLE_EFFECT", week)
    off = write(Id=made["Id"], Name="Off", State="disable")
    assert (off["State"], json.loads(off["TimeSlots"])) == ("disable", week)

    [brief] = api.ok("ListSilencePolicies", **PAGE, Name="off")["PageBean"]["SilencePolicies"]
    assert (brief["Id"], "MatchingRules" in brief) == (made["Id"], False)
    [whole] = api.ok("ListSilencePolicies", **PAGE, IsDetail="true")["PageBean"]["SilencePolicies"]
    assert whole == off
    api.ok("DeleteSilencePolicy", Id=made["Id"])
    assert api.call("DeleteSilencePolicy", Id=made["Id"]).code == "404"


def test_a_period_that_is_sent_back_as_it_was_shown_stays_to_the_second(api: Program) -> None:
    """Alertmanager's silences begin and end at any second, and here they are shown in minutes."""
    starts_at, ends_at = datetime(2027, 1, 1, 9, 0, 41, tzinfo=UTC), datetime(2027, 1, 1, 11, 0, 41, tzinfo=UTC)
    silence = create_silence(
        by=ADMIN, now=utc_now(), name="Deploy", rules=[[{"key": "team", "operator": "eq", "value": "db"}]],
        effect="period", starts_at=starts_at, ends_at=ends_at,
    )  # fmt: skip

    [shown] = api.ok("ListSilencePolicies", **PAGE, IsDetail="true")["PageBean"]["SilencePolicies"]
    api.ok(
        "CreateOrUpdateSilencePolicy", Id=silence.pk, Name="Release", EffectiveTimeType=shown["EffectiveTimeType"],
        TimeSlots=shown["TimeSlots"],
    )  # fmt: skip

    silence.refresh_from_db()
    assert (silence.name, silence.starts_at, silence.ends_at) == ("Release", starts_at, ends_at)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"MatchingRules": []}, "InvalidMatchingRules"),
        ({"EffectiveTimeType": "SOMETIMES"}, "InvalidEffectiveTimeType"),
        ({"EffectiveTimeType": "CUSTOM_TIME"}, "MissingTimeSlots"),
        ({"EffectiveTimeType": "CUSTOM_TIME", "TimeSlots": [{"startTime": "x", "endTime": "y"}]}, "InvalidTimeSlots"),
        ({"EffectiveTimeType": "CUSTOM_TIME", "TimeSlots": [
            {"startTime": "0001-01-01 00:00", "endTime": "2027-01-01 00:00"}]}, "InvalidTimeSlots"),
        ({"EffectiveTimeType": "CYCLE_EFFECT", "TimeSlots": []}, "MissingTimePeriod"),
        ({"EffectiveTimeType": "CYCLE_EFFECT", "TimePeriod": "DAY", "TimeSlots": []}, "InvalidTimeSlots"),
        ({"EffectiveTimeType": "CYCLE_EFFECT", "TimePeriod": "DAY", "TimeSlots": [{"startTime": "25:00"}]},
         "InvalidTimeSlots"),
        ({"EffectiveTimeType": "CYCLE_EFFECT", "TimePeriod": "WEEK", "TimeSlots": [{"startWeek": "Monday"}]},
         "InvalidTimeSlots"),
        ({"Id": GONE}, "404"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_silence_names_its_parameter(api: Program, change: dict[str, Any], code: str) -> None:
    answer = api.call("CreateOrUpdateSilencePolicy", **{"Name": "S", "MatchingRules": RULES, **change})

    assert answer.code == code


def dispatch_rule(ann: Contact, **more: Any) -> dict[str, Any]:
    """As Terraform's provider writes it."""
    return {
        "system": False,
        "name": "tf",
        "dispatchType": "CREATE_ALERT",
        "isRecover": True,
        "labelMatchExpressionGrid": {
            "labelMatchExpressionGroups": [
                {
                    "labelMatchExpressions": [
                        {"key": "_aliyun_arms_involvedObject_kind", "value": "app", "operator": "eq"}
                    ]
                }
            ]
        },
        "groupRules": [{"groupWait": 5, "groupInterval": 15, "repeatInterval": 100, "groupingFields": ["alertname"]}],
        "notifyRules": [
            {
                "notifyObjects": [{"notifyType": "ARMS_CONTACT", "name": "Ann", "notifyObjectId": str(ann.pk)}],
                "notifyChannels": ["dingTalk", "wechat", "email"],
            }
        ],
        **more,
    }


def test_terraforms_dispatch_rule_is_a_policy(api: Program, ann: Contact) -> None:
    rule_id = api.ok("CreateDispatchRule", DispatchRule=dispatch_rule(ann), RegionId="r")["DispatchRuleId"]

    shown = api.ok("DescribeDispatchRule", Id=str(rule_id), RegionId="r")["DispatchRule"]
    assert (shown["RuleId"], shown["Name"], shown["State"], shown["IsRecover"]) == (rule_id, "tf", "true", True)
    assert shown["DispatchType"] == "CREATE_ALERT"
    [group] = shown["GroupRules"]
    assert (group["GroupWaitTime"], group["GroupInterval"], group["RepeatInterval"], group["GroupingFields"]) == (
        5, 15, 100, ["alertname"],
    )  # fmt: skip
    assert shown["NotifyRules"] == [
        {
            "NotifyChannels": ["email"],
            "NotifyObjects": [{"NotifyType": "CONTACT", "NotifyObjectId": str(ann.pk), "Name": "Ann"}],
        }
    ]
    [expressions] = shown["LabelMatchExpressionGrid"]["LabelMatchExpressionGroups"]
    assert expressions["LabelMatchExpressions"][0]["Value"] == "app"

    changed = dispatch_rule(ann, name="tf2", id=rule_id, isRecover=False)
    grouped = {**changed, "groupRules": [{"groupWait": 60, "groupInterval": 900, "groupingFields": ["cluster"]}]}
    api.ok("UpdateDispatchRule", DispatchRule=grouped, RegionId="r")
    del changed["groupRules"]
    assert api.ok("UpdateDispatchRule", DispatchRule=changed, RegionId="r")["Success"] is True
    policy = NotificationPolicy.objects.get()
    assert policy.current is not None
    assert (policy.current.group_by, policy.current.group_wait_seconds, policy.current.group_interval_seconds) == (
        ["alertname"], 5, 30,
    )  # fmt: skip
    assert (policy.name, policy.current.sends_recovery, policy.current.repeat_seconds) == ("tf2", False, 0)
    assert api.ok("ListDispatchRule", Name="tf")["DispatchRules"] == [
        {"RuleId": rule_id, "Name": "tf2", "State": "true"}
    ]
    assert api.ok("DeleteDispatchRule", Id=str(rule_id), RegionId="r")["Success"] is True
    assert api.call("DescribeDispatchRule", Id=str(rule_id), RegionId="r").code == "404"


def test_a_rule_that_discards_alerts_is_a_silence(api: Program, ann: Contact) -> None:
    discards = dispatch_rule(ann, dispatchType="DISCARD_ALERT", notifyRules=[])
    rule_id = api.ok("CreateDispatchRule", DispatchRule=discards)["DispatchRuleId"]

    silence = SilencePolicy.objects.get()
    assert (silence.name, silence.effect, silence.rules[0][0]["value"]) == ("tf", "always", "app")
    shown = api.ok("DescribeDispatchRule", Id=rule_id)["DispatchRule"]
    assert (shown["RuleId"], shown["DispatchType"], shown["NotifyRules"]) == (rule_id, "DISCARD_ALERT", [])
    api.ok("UpdateDispatchRule", DispatchRule={**discards, "ruleid": rule_id, "name": "tf3"})
    assert SilencePolicy.objects.get().name == "tf3"
    other = api.call("UpdateDispatchRule", DispatchRule={**dispatch_rule(ann), "id": rule_id})
    assert other.code == "InvalidDispatchRule"
    nameless = api.call("UpdateDispatchRule", DispatchRule=discards)
    assert nameless.code == "InvalidDispatchRule"
    api.ok("DeleteDispatchRule", Id=rule_id)
    assert not SilencePolicy.objects.exists()
    assert api.call("CreateDispatchRule", DispatchRule={**discards, "dispatchType": "X"}).code == "InvalidDispatchRule"
    assert api.call("CreateDispatchRule").code == "MissingDispatchRule"


def test_what_is_shown_of_a_rule_can_be_sent_back_as_it_stands(api: Program, ann: Contact) -> None:
    rule_id = api.ok("CreateDispatchRule", DispatchRule=dispatch_rule(ann))["DispatchRuleId"]
    shown = api.ok("DescribeDispatchRule", Id=rule_id)["DispatchRule"]
    policy = api.ok("ListNotificationPolicies", **PAGE, IsDetail="true")["PageBean"]["NotificationPolicies"][0]

    api.ok("UpdateDispatchRule", DispatchRule=shown)
    parts = {name: policy[name] for name in ("MatchingRules", "GroupRule", "NotifyRule", "NotifyTemplate")}
    api.ok("CreateOrUpdateNotificationPolicy", Id=rule_id, Name="tf", **parts)

    assert api.ok("DescribeDispatchRule", Id=rule_id)["DispatchRule"] == shown
    [again] = api.ok("ListNotificationPolicies", **PAGE, IsDetail="true")["PageBean"]["NotificationPolicies"]
    assert again == policy


def test_a_name_that_no_part_has_is_refused_by_name(api: Program, ann: Contact) -> None:
    told = rule_for(("CONTACT", ann.pk))
    misspelt = dispatch_rule(ann)
    misspelt["labelMatchExpressionGird"] = misspelt.pop("labelMatchExpressionGrid")
    condition = {"key": "a", "operator": "eq", "value": "b"}
    period = {"EffectiveTimeType": "CYCLE_EFFECT", "TimePeriod": "DAY"}

    def refused(action: str, code: str, unknown: str, **parameters: Any) -> None:
        answer = api.call(action, **parameters)
        assert (answer.status, answer.code) == (400, code), answer.body
        assert unknown in answer.body["Message"]

    refused("CreateDispatchRule", "InvalidDispatchRule", "labelMatchExpressionGird", DispatchRule=misspelt)
    twice = json.dumps(dispatch_rule(ann))[:-1] + ', "Name": "other"}'
    refused("CreateDispatchRule", "InvalidDispatchRule", "Name", DispatchRule=twice)
    for parameter, unknown, value in (
        ("MatchingRules", "conditions", [{"matchingConditions": [condition], "conditions": []}]),
        ("MatchingRules", "operater", [{"matchingConditions": [{"key": "a", "value": "b", "operater": "re"}]}]),
        ("GroupRule", "groupwait", {"groupwait": 60}),
        ("NotifyRule", "notifyStart", {**told, "notifyStart": "09:00"}),
        ("NotifyTemplate", "smsText", {"smsText": "x"}),
    ):
        asked = {"Name": "P", "NotifyRule": told, parameter: value}
        refused("CreateOrUpdateNotificationPolicy", f"Invalid{parameter}", unknown, **asked)
    slots = [{"startTime": "22:00", "endTime": "06:00", "endDay": 1}]
    refused("CreateOrUpdateSilencePolicy", "InvalidTimeSlots", "endDay", Name="S",
            MatchingRules=RULES, TimeSlots=slots, **period)  # fmt: skip
    assert not NotificationPolicy.objects.exists()
    assert not SilencePolicy.objects.exists()


def test_a_rule_tells_each_part_over_its_own_channels_and_says_so_again(api: Program, ann: Contact) -> None:
    bo = create_contact(by=ADMIN, now=utc_now(), name="Bo", phone="13800000002", email="bo@example.org")
    robot = create_robot(
        by=ADMIN, now=utc_now(), name="Ops", platform="dingtalk", keyword="x",
        url="https://oapi.dingtalk.com/robot/send?access_token=1",
    )  # fmt: skip
    parts = [
        {"notifyChannels": ["email", "dingTalk"], "notifyObjects": [
            {"notifyType": "ARMS_CONTACT", "notifyObjectId": str(ann.pk)},
            {"notifyType": "DING_ROBOT_GROUP", "notifyObjectId": str(robot.pk)}]},
        {"notifyChannels": ["sms", "tts"], "notifyObjects": [
            {"notifyType": "ARMS_CONTACT", "notifyObjectId": str(bo.pk)}]},
    ]  # fmt: skip
    rule_id = api.ok("CreateDispatchRule", DispatchRule=dispatch_rule(ann, notifyRules=parts))["DispatchRuleId"]

    shown = api.ok("DescribeDispatchRule", Id=rule_id)["DispatchRule"]
    assert [
        (part["NotifyChannels"], [(item["NotifyType"], item["Name"]) for item in part["NotifyObjects"]])
        for part in shown["NotifyRules"]
    ] == [
        (["dingTalk", "email"], [("CONTACT", "Ann"), ("DING_ROBOT_GROUP", "Ops")]),
        (["sms", "tts"], [("CONTACT", "Bo")]),
    ]
    api.ok("UpdateDispatchRule", DispatchRule=shown)
    version = NotificationPolicy.objects.get().current
    assert version is not None
    assert sorted(targets_of([version.pk])[version.pk]) == sorted(
        [(ann.pk, ["email"]), (bo.pk, ["phone", "sms"]), (robot.pk, [])]
    )


def test_the_hours_and_texts_of_terraforms_rule_are_the_policys(api: Program, ann: Contact) -> None:
    rule = dispatch_rule(ann, notifyTemplate={"smsContent": "{{ .level }}", "dingContent": "{{ .status }}"})
    rule["notifyRules"][0] |= {"notifyStartTime": "10:00", "notifyEndTime": "23:00"}

    rule_id = api.ok("CreateDispatchRule", DispatchRule=rule)["DispatchRuleId"]

    [shown] = api.ok("ListNotificationPolicies", **PAGE, IsDetail="true")["PageBean"]["NotificationPolicies"]
    assert shown["Id"] == rule_id
    assert (shown["NotifyRule"]["NotifyStartTime"], shown["NotifyRule"]["NotifyEndTime"]) == ("10:00", "23:00")
    texts = shown["NotifyTemplate"]
    assert (texts["SmsContent"], texts["RobotContent"], texts["EmailTitle"]) == ("{{ .level }}", "{{ .status }}", "")

    # an older provider, which knows neither, leaves both as they are
    api.ok("UpdateDispatchRule", DispatchRule=dispatch_rule(ann, id=rule_id))
    assert api.ok("ListNotificationPolicies", **PAGE, IsDetail="true")["PageBean"]["NotificationPolicies"] == [shown]

    other_hours = {**rule["notifyRules"][0], "notifyStartTime": "08:00"}
    for wrong in (
        {"notifyRules": [*rule["notifyRules"], other_hours]},
        {"notifyRules": [*rule["notifyRules"], *dispatch_rule(ann)["notifyRules"]]},
        {"notifyRules": [{**other_hours, "notifyStartTime": "noon"}]},
        {"notifyTemplate": {"smsContent": "{{ if }}"}},
        {"notifyTemplate": {"smsText": "x"}},
    ):
        answer = api.call("UpdateDispatchRule", DispatchRule={**rule, "id": rule_id, **wrong})
        assert (answer.status, answer.code) == (400, "InvalidDispatchRule"), answer.body


def test_a_policy_without_texts_of_its_own_shows_none_and_can_be_sent_back(api: Program, ann: Contact) -> None:
    made = api.ok("CreateOrUpdateNotificationPolicy", Name="P", NotifyRule=rule_for(("CONTACT", ann.pk)))

    shown = made["NotificationPolicy"]
    assert shown["NotifyTemplate"] is None
    api.ok("CreateOrUpdateNotificationPolicy", Id=shown["Id"], Name="P", NotifyTemplate="null")
    assert api.ok("ListNotificationPolicies", **PAGE, DirectedMode="true")["PageBean"]["Total"] == 0


def test_null_within_json_says_nothing_and_never_widens_a_condition(api: Program, ann: Contact) -> None:
    told = rule_for(("CONTACT", ann.pk), notifyStartTime=None)
    told["notifyObjects"][0]["notifyChannels"] = None
    group = {"groupWait": 7, "groupInterval": None, "groupingFields": None}

    made = api.ok("CreateOrUpdateNotificationPolicy", Name="P", NotifyRule=told, GroupRule=group)["NotificationPolicy"]

    assert made["NotifyRule"]["NotifyObjects"][0]["NotifyChannels"] == ["email", "tts"]
    assert made["GroupRule"] == {"GroupWait": 7, "GroupInterval": 30, "GroupingFields": ["alertname"]}
    for rules in ([{"matchingConditions": None}], [{"matchingConditions": [{"key": "a", "value": None}]}], [None]):
        answer = api.call("CreateOrUpdateNotificationPolicy", Name="Q", NotifyRule=told, MatchingRules=rules)
        assert (answer.status, answer.code) == (400, "InvalidMatchingRules"), answer.body
