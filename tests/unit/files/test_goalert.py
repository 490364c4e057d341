"""GoAlert's answer to our query as files; and who would be on duty by them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jsonschema import Draft202012Validator

from tests.unit.files.test_oncall import people_on_duty
from tocsin.files.rules.importing.goalert import draft_of_goalert
from tocsin.files.rules.importing.goalert_query import CONNECTIONS, QUERY, Pages
from tocsin.files.rules.schema import json_schema

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
JANE, JOE, ADMIN = (f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3))
_WEEKDAYS = [False, True, True, True, True, True, False]
_ALL = [True] * 7


def _method(key: str, kind: str, value: str, disabled: bool = False) -> dict[str, Any]:
    return {"id": key, "type": kind, "value": value, "disabled": disabled}


def _rule(method: str, delay: int = 0) -> dict[str, Any]:
    return {"delayMinutes": delay, "contactMethodID": method}


def _target(kind: str, key: str, name: str) -> dict[str, Any]:
    return {"id": key, "type": kind, "name": name}


def _page(*nodes: dict[str, Any], more: str = "") -> dict[str, Any]:
    return {"nodes": list(nodes), "pageInfo": {"hasNextPage": bool(more), "endCursor": more or None}}


DATA: Mapping[str, Any] = {
    "users": _page(
        {"id": JANE, "name": "Jane", "email": "jane@example.org",
         "contactMethods": [_method("s", "SMS", "+14155550100"), _method("v", "VOICE", "+14155550101"),
                            _method("d", "SLACK_DM", "U02"), _method("x", "EMAIL", "old@example.org", True)],
         "notificationRules": [_rule("v", 5), _rule("s"), _rule("d")]},
        {"id": JOE, "name": "Joe", "email": "", "contactMethods": [_method("e", "EMAIL", "joe@example.org")],
         "notificationRules": [_rule("e")]},
        {"id": ADMIN, "name": "admin", "email": "", "contactMethods": [], "notificationRules": []},
    ),
    "rotations": _page(
        {"id": "R1", "name": "Database rotation", "type": "weekly", "shiftLength": 1,
         "start": "2026-11-02T08:00:00Z", "timeZone": "Europe/Berlin", "activeUserIndex": 1,
         "userIDs": [JANE, JOE], "nextHandoffTimes": ["2026-11-30T08:00:00Z"]},
        {"id": "R2", "name": "Monthly", "type": "monthly", "shiftLength": 1, "start": "2026-11-02T08:00:00Z",
         "timeZone": "UTC", "activeUserIndex": 0, "userIDs": [JANE], "nextHandoffTimes": []},
    ),
    "schedules": _page(
        {"id": "S1", "name": "Office", "timeZone": "Europe/Berlin",
         "targets": [
             {"target": _target("rotation", "R1", "Database rotation"),
              "rules": [{"start": "00:00", "end": "00:00", "weekdayFilter": _ALL}]},
             {"target": _target("user", JOE, "Joe"),
              "rules": [{"start": "22:00", "end": "06:00", "weekdayFilter": _WEEKDAYS}]},
         ],
         "temporarySchedules": [{"start": "2026-12-24T00:00:00Z", "end": "2026-12-26T00:00:00Z"}],
         "onCallNotificationRules": [{"id": "n"}]},
    ),
    "escalationPolicies": _page(
        {"id": "E1", "name": "Databases", "repeat": 3, "steps": [
            {"stepNumber": 1, "delayMinutes": 10, "targets": [
                _target("rotation", "R1", "Database rotation"), _target("slackChannel", "C1", "#ops"),
                _target("chanWebhook", "https://hooks.example.org/t0ken", "hooks.example.org")]},
            {"stepNumber": 0, "delayMinutes": 5, "targets": [_target("schedule", "S1", "Office"),
                                                             _target("user", JANE, "Jane")]},
        ]},
        {"id": "E2", "name": "Empty", "repeat": 0, "steps": []},
        {"id": "E3", "name": "Only one", "repeat": -1, "steps": [
            {"stepNumber": 0, "delayMinutes": 30, "targets": [_target("user", JOE, "Joe")]}]},
    ),
    "services": _page(
        {"id": "V1", "name": "Billing", "escalationPolicyID": "E1", "maintenanceExpiresAt": None,
         "labels": [{"key": "team/name", "value": "db"}],
         "integrationKeys": [{"name": "Prometheus", "type": "prometheusAlertmanager"},
                             {"name": "Mail", "type": "email"}],
         "heartbeatMonitors": [{"name": "Backup", "timeoutMinutes": 60}, {"name": "Cron", "timeoutMinutes": 5}]},
        {"id": "V2", "name": "Web", "escalationPolicyID": "E2", "maintenanceExpiresAt": "2026-11-28T12:00:00Z",
         "labels": [], "integrationKeys": [], "heartbeatMonitors": []},
        {"id": "V3", "name": "Mail", "escalationPolicyID": "E3", "maintenanceExpiresAt": None, "labels": [],
         "integrationKeys": [], "heartbeatMonitors": []},
    ),
    "userOverrides": {"nodes": [{"end": "2026-11-01T00:00:00Z"}, {"end": "2026-12-01T00:00:00Z"}]},
}  # fmt: skip


def _nodes() -> dict[str, list[Mapping[str, Any]]]:
    pages = Pages()
    pages.add({"data": DATA})
    return pages.nodes


def test_what_goalert_answers_becomes_files_and_the_rest_is_said() -> None:
    draft = draft_of_goalert(_nodes(), now=NOW)

    document = draft.filled()
    assert document["contacts"] == [
        {"name": "Jane", "external_id": f"goalert-{JANE}", "phone": "+14155550100", "email": "jane@example.org"},
        {"name": "Joe", "external_id": f"goalert-{JOE}", "email": "joe@example.org"},
    ]
    assert [(one["name"], len(one["layers"])) for one in document["schedules"]] == [
        ("Office", 2), ("Office (2)", 2), ("Database rotation", 1)
    ]  # fmt: skip
    [rotation] = document["schedules"][2]["layers"]
    assert rotation == {"name": "Database rotation", "people": ["Jane", "Joe"], "unit": "weeks", "every": 1,
                        "starts_on": "2026-11-02", "handover_time": "09:00"}  # fmt: skip
    both = ["phone", "sms", "email"]
    assert document["escalations"] == [
        {"name": "Databases", "rounds": 3, "steps": [
            {"after_minutes": 5, "tells": {"Database rotation": both, "hooks.example.org": []}},
            {"after_minutes": 15, "tells": {"Office": both, "Office (2)": both, "Jane": ["sms", "phone"]}}]},
        {"name": "Only one", "rounds": 8, "steps": [{"after_minutes": 30, "tells": {"Joe": ["email"]}}]},
    ]  # fmt: skip
    billing, web, mail = document["policies"]
    assert billing == {"name": "Billing", "sources": ["Billing"], "escalation": "Databases",
                       "tells": {"Office": both, "Office (2)": both, "Jane": ["sms", "phone"]}}  # fmt: skip
    assert (web["state"], mail["tells"], mail["escalation"]) == ("disabled", {"Joe": ["email"]}, "Only one")
    assert document["integrations"][0] == {"name": "Billing", "heartbeat_seconds": 3600}
    assert draft.secrets == {"TOCSIN_WEBHOOKS_HOOKS_EXAMPLE_ORG_URL": "https://hooks.example.org/t0ken"}
    assert not list(Draft202012Validator(json_schema()).iter_errors(document))
    said = "\n".join(draft.notes)
    for wanted in (
        "user Jane: +14155550101 is a second number", "SLACK_DM", "by one way after the other",
        "user admin: has neither",
        "schedule Office: 1 temporary schedules", "schedule Office: whom it tells of hand-overs",
        "overrides: 1 are not",
        "schedule Office: has up to 2 people on duty at once", "step 2: slackChannel #ops is not carried",
        "service Billing: its key Mail takes email", "its heartbeat Cron is not carried", "its labels (team/name=db)",
        "service Web: is in maintenance", "service Web: tells nobody", "begins again for ever; here 9 times",
    ):  # fmt: skip
        assert wanted in said


def test_whoever_is_on_duty_there_is_on_duty_here() -> None:
    document = draft_of_goalert(_nodes(), now=NOW).document
    office = {**document, "schedules": [one for one in document["schedules"] if one["name"].startswith("Office")]}
    berlin = ZoneInfo("Europe/Berlin")

    assert people_on_duty(office, NOW) == {"Joe"}  # the active one, and by himself at this hour
    next_week = datetime(2026, 12, 1, 12, tzinfo=berlin)
    assert people_on_duty(office, next_week) == {"Jane"}
    assert people_on_duty(office, next_week.replace(hour=23)) == {"Jane", "Joe"}
    saturday = datetime(2026, 12, 5, 5, 59, tzinfo=berlin)
    assert people_on_duty(office, saturday) == {"Jane", "Joe"}  # Friday's night
    assert people_on_duty(office, saturday + timedelta(minutes=1)) == {"Jane"}


def test_pages_follow_their_cursors_and_what_is_whole_is_not_read_again() -> None:
    pages = Pages()

    pages.add(
        {"data": {"users": _page({"id": "1", "name": "A"}, more="c1"), "services": _page({"id": "2", "name": "S"})}}
    )
    assert pages.cursors == {"users": "c1"}
    pages.add({"data": {"users": _page({"id": "3", "name": "B"}), "services": _page({"id": "2", "name": "S"})}})

    assert pages.cursors == {}
    assert [node["id"] for node in pages.nodes["users"]] == ["1", "3"]
    assert [node["id"] for node in pages.nodes["services"]] == ["2"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"errors": [{"message": "wrong query for API key"}]}, "GoAlert says: wrong query for API key"),
        ({"data": {"me": 1}}, "nothing of GoAlert's in it"),
        ([], "an object with data is wanted"),
        ({"data": {"users": {"nodes": [{"id": "1"}]}}}, r"users.nodes\[1\] has no id or no name"),
    ],
)
def test_another_answer_is_refused_with_what_is_wrong(answer: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Pages().add(answer)


def test_the_query_asks_for_every_connection_with_a_cursor_of_its_own() -> None:
    for name in CONNECTIONS:
        assert re.search(rf"^  {name}\(input: {{ first: 100, after: \${name} }}\)", QUERY, re.MULTILINE)
    assert QUERY.count("{") == QUERY.count("}")
