"""What ARMS's API says, as files: from answers as the vendor documents them, and from our own face of that API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

from tocsin.files.rules.importing.arms import NotOfferedError, draft_of_arms
from tocsin.files.rules.schema import json_schema
from tocsin.policies.rules import GO_MARK

_CONDITION = {"Key": "severity", "Operator": "in", "Value": "critical,error"}
ANSWERS: Mapping[str, tuple[str, list[dict[str, Any]]]] = {
    "DescribeContacts": ("AlertContacts", [
        {"ContactId": 11, "ContactName": "John Doe", "Phone": "13800000001", "Email": "john@example.org",
         "IsVerify": True, "ReissueSendNotice": 2},
        {"ContactId": 12, "ContactName": "Jane", "Phone": "", "Email": "jane@example.org", "ReissueSendNotice": 3},
        {"ContactId": 13, "ContactName": "Robot of old", "Phone": "", "Email": ""},
    ]),
    "DescribeContactGroups": ("AlertContactGroups", [
        {"ContactGroupId": 21.0, "ContactGroupName": "John Doe", "Contacts": [{"ContactId": 11}, {"ContactId": 13}]},
    ]),
    "DescribeIMRobots": ("AlertIMRobots", [
        {"RobotId": 31.0, "RobotName": "Ops", "Type": "dingding", "DailyNoc": True, "DailyNocTime": "09:30,17:00",
         "RobotAddr": "https://oapi.dingtalk.com/robot/send?access_token=t0ken"},
        {"RobotId": 32.0, "RobotName": "Cards", "Type": "carrier_pigeon", "RobotAddr": "https://x"},
    ]),
    "DescribeWebhookContacts": ("WebhookContacts", [
        {"WebhookId": 41.0, "WebhookName": "Tickets", "Webhook": {
            "Url": "https://tickets.example.org/t0ken", "Method": "Post", "Body": "$content",
            "BizHeaders": '[{"Content-Type": "application/json"}]', "BizParams": {}}},
    ]),
    "ListNotificationPolicies": ("NotificationPolicies", [
        {"Id": 51, "Name": "Severe", "State": "enable", "Repeat": True, "RepeatInterval": 600,
         "SendRecoverMessage": True, "MatchingRules": [{"MatchingConditions": [_CONDITION]}],
         "GroupRule": {"GroupWait": 5, "GroupInterval": 30, "GroupingFields": ["alertname"]},
         "NotifyRule": {"NotifyStartTime": "08:00", "NotifyEndTime": "20:00", "NotifyChannels": ["dingTalk", "email"],
                        "NotifyObjects": [
                            {"NotifyObjectType": "CONTACT", "NotifyObjectId": 11, "NotifyObjectName": "John Doe",
                             "NotifyChannels": ["tts", "sms"]},
                            {"NotifyObjectType": "CONTACT_GROUP", "NotifyObjectId": 21, "NotifyObjectName": "John Doe"},
                            {"NotifyObjectType": "DING_ROBOT_GROUP", "NotifyObjectId": 31, "NotifyObjectName": "Ops"},
                            {"NotifyObjectType": "CONTACT", "NotifyObjectId": 41, "NotifyObjectName": "Tickets"},
                            {"NotifyObjectType": "CONTACT_SCHEDULE", "NotifyObjectId": 61, "NotifyObjectName": "Duty"},
                        ]},
         "NotifyTemplate": {"SmsContent": "{{ .level }}", "TtsContent": "{{ if }}", "EmailTitle": ""}},
        {"Id": 52, "Name": "Off", "State": "disable", "NotifyRule": {}, "EscalationPolicyId": 71},
    ]),
    "ListSilencePolicies": ("SilencePolicies", [
        {"Id": 81, "Name": "Nights", "State": "enable", "EffectiveTimeType": "CYCLE_EFFECT", "TimePeriod": "WEEK",
         "TimeSlots": '[{"startWeek":"5","endWeek":"1","startTime":"22:00","endTime":"06:00"}]',
         "MatchingRules": [{"MatchingConditions": [_CONDITION]}]},
        {"Id": 82, "Name": "Move", "EffectiveTimeType": "CUSTOM_TIME",
         "TimeSlots": '[{"startTime":"2026-12-24 18:00","endTime":"2026-12-25 06:00"}]',
         "MatchingRules": [{"MatchingConditions": [_CONDITION]}]},
        {"Id": 83, "Name": "All", "EffectiveTimeType": "PERMANENT", "MatchingRules": []},
    ]),
    "ListOnCallSchedules": ("OnCallSchedules", [{"Id": 61, "Name": "Duty"}]),
}  # fmt: skip


def answer(action: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
    if action not in ANSWERS:
        raise NotOfferedError(action)
    key, rows = ANSWERS[action]
    first = (int(parameters["Page"]) - 1) * int(parameters["Size"])
    page = {key: rows[first : first + int(parameters["Size"])], "Total": len(rows)}
    return json.loads(json.dumps({"PageBean": page, "RequestId": "r"}))  # type: ignore[no-any-return]


def test_what_arms_lists_becomes_files_and_the_rest_is_said() -> None:
    draft = draft_of_arms(answer)

    document = draft.filled()
    assert document["contacts"] == [
        {"name": "John Doe", "phone": "13800000001", "email": "john@example.org", "fallback": "sms",
         "external_id": "arms-11"},
        {"name": "Jane", "email": "jane@example.org", "fallback": "default", "external_id": "arms-12"},
    ]  # fmt: skip
    assert document["groups"] == [{"name": "John Doe", "members": ["John Doe"]}]
    severe, off = document["policies"]
    assert severe["tells"] == {
        "contact:John Doe": ["phone", "sms"], "group:John Doe": ["email"], "Ops": [], "Tickets": []
    }  # fmt: skip
    assert severe["rules"] == [[{"key": "severity", "operator": "in", "value": "critical,error"}]]
    assert severe["sending_window"] == {"start": "08:00", "end": "20:00", "zone": "Asia/Shanghai", "outside": "hold"}
    assert (severe["repeat_minutes"], off["state"]) == (10, "disabled")
    assert severe["templates"] == {"sms_content": GO_MARK + "{{ .level }}"}
    assert any("TtsContent is not carried" in note for note in draft.notes)
    nights, move = document["silences"]
    assert nights["windows"] == [{"start": "22:00", "end": "06:00", "day": 5, "end_day": 1}]
    assert move["ends_at"] == "2026-12-25T06:00:00+08:00"
    assert document["robots"][0]["daily_times"] == ["09:30", "17:00"]
    assert sorted(draft.secrets) == [
        "TOCSIN_ROBOTS_OPS_URL", "TOCSIN_WEBHOOKS_TICKETS_CONTENT_TYPE", "TOCSIN_WEBHOOKS_TICKETS_URL"
    ]  # fmt: skip
    assert not list(Draft202012Validator(json_schema()).iter_errors(document))
    assert [note.partition(": ")[0] for note in draft.notes] == [
        "contact John Doe", "contact Robot of old", "robot Cards", "notification policy Severe",
        "notification policy Severe", "notification policy Off", "silence policy All", "ListEscalationPolicies",
        "on-call schedule Duty",
    ]  # fmt: skip


def test_a_wait_of_no_seconds_stays_none() -> None:
    rows = [{"Id": 1, "Name": "At once", "GroupRule": {"GroupWait": 0, "GroupInterval": 0}, "NotifyRule": {}}]

    def ask(action: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        if action != "ListNotificationPolicies":
            raise NotOfferedError(action)
        return {"PageBean": {"NotificationPolicies": rows, "Total": 1}}

    [policy] = draft_of_arms(ask).document["policies"]

    assert (policy["group_wait_seconds"], policy["group_interval_seconds"]) == (0, 1)


def test_a_hundred_and_one_contacts_are_two_pages() -> None:
    many = [
        {"ContactId": number, "ContactName": f"C{number}", "Email": f"c{number}@example.org"} for number in range(101)
    ]

    def ask(action: str, parameters: Mapping[str, str]) -> Mapping[str, Any]:
        if action != "DescribeContacts":
            raise NotOfferedError(action)
        first = (int(parameters["Page"]) - 1) * 100
        return {"PageBean": {"AlertContacts": many[first : first + 100], "Total": len(many)}}

    assert len(draft_of_arms(ask).document["contacts"]) == 101
