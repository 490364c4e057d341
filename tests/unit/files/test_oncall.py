"""Grafana OnCall's answers, in the form that its public API documents, as files; and who would be on duty by them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jsonschema import Draft202012Validator

from tocsin.files.rules.importing.oncall import draft_of_oncall
from tocsin.files.rules.importing.oncall_answers import resource_of, rows_by_resource, rows_in
from tocsin.files.rules.importing.oncall_routes import rules_of_route
from tocsin.files.rules.schema import json_schema
from tocsin.oncall.rules import Rota, compiled, on_duty, stored_restrictions
from tocsin.oncall.rules.typed import parse_time

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
ALEX, BOB, CAM, DEE = "U4DNY931HHJS5", "U6RV9WPSL6DFW", "UWRWIFTGIV2NG", "UVIEWER"


def _user(key: str, name: str, teams: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {"id": key, "email": f"{name}@example.org", "slack": [{"user_id": "UALEXSLACKDJPK", "team_id": "TALEX"}],
            "username": name, "role": "admin", "is_phone_number_verified": True, "timezone": "Europe/Berlin",
            "teams": list(teams), **more}  # fmt: skip


def _rule(user: str, position: int, kind: str, important: bool = False, **more: Any) -> dict[str, Any]:
    return {"id": f"N{user}{position}{important}", "user_id": user, "position": position, "important": important,
            "type": kind, **more}  # fmt: skip


def _shift(key: str, **more: Any) -> dict[str, Any]:
    return {"id": key, "name": f"Shift {key}", "team_id": None, "time_zone": None, "level": 1,
            "start": "2026-11-02T08:00:00", "rotation_start": "2026-11-02T08:00:00", "duration": 86_400,
            "until": None, "by_day": None, "by_month": None, "by_monthday": None, **more}  # fmt: skip


def _step(chain: str, position: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": f"E{chain}{position}", "escalation_chain_id": chain, "position": position, "type": kind, **more}


def _route(key: str, position: int, chain: str | None, text: str, kind: str = "regex", last: bool = False,
           slack: str | None = None) -> dict[str, Any]:  # fmt: skip
    return {"id": key, "integration_id": "CFRPV98RPR1U8", "escalation_chain_id": chain, "routing_type": kind,
            "routing_regex": text, "position": position, "is_the_last_route": last,
            "slack": {"channel_id": slack, "enabled": bool(slack)},
            "telegram": {"id": None, "enabled": False}}  # fmt: skip


ANSWERS: Mapping[str, list[dict[str, Any]]] = {
    "users": [
        _user(ALEX, "alex", ("TDBA",)),
        _user(BOB, "bob", ("TDBA",), verified_phone_number="+14155550123"),
        _user(CAM, "cam", (), timezone=None),
        {**_user(DEE, "dee"), "email": ""},
    ],
    "teams": [{"id": "TDBA", "name": "Databases", "email": None, "avatar_url": "/avatar/3f"}],
    "personal_notification_rules": [
        _rule(ALEX, 0, "notify_by_sms"),
        _rule(ALEX, 1, "wait", duration=300),
        _rule(ALEX, 2, "notify_by_phone_call"),
        _rule(ALEX, 0, "notify_by_phone_call", important=True),
        _rule(BOB, 0, "notify_by_slack"),
        _rule(BOB, 0, "notify_by_phone_call", important=True),
    ],
    "on_call_shifts": [
        _shift("OWEEK", type="rolling_users", frequency="weekly", interval=1, week_start="MO", duration=604_800,
               rolling_users=[[ALEX], [BOB]], start_rotation_from_user_index=1),
        _shift("ONIGHT", type="recurrent_event", frequency="weekly", interval=1, week_start="MO", level=2,
               start="2026-11-02T22:00:00", duration=28_800, by_day=["MO", "FR"], users=[CAM]),
        _shift("OSINGLE", type="single_event", duration=10_800, users=[ALEX]),
        _shift("OAHEAD", type="override", start="2026-12-24T08:00:00", duration=10_800, users=[BOB]),
        _shift("OOLD", type="rolling_users", frequency="daily", interval=1, rolling_users=[[CAM]],
               start_rotation_from_user_index=0, until="2026-11-01T00:00:00"),
    ],
    "schedules": [
        {"id": "SBM7DV7BKFUYU", "name": "Demo schedule iCal", "type": "ical", "team_id": None,
         "ical_url_primary": "https://example.com/meow_calendar.ics", "ical_url_overrides": None,
         "on_call_now": [ALEX], "slack": {"channel_id": "MEOW_SLACK_ID", "user_group_id": "MEOW_SLACK_ID"}},
        {"id": "S3Z477AHDXTMF", "name": "Primary", "type": "calendar", "team_id": None,
         "time_zone": "America/New_York", "on_call_now": [ALEX], "ical_url_overrides": None,
         "shifts": ["OWEEK", "ONIGHT", "OSINGLE", "OAHEAD", "OOLD"], "slack": {"channel_id": None}},
    ],
    "webhooks": [
        {"id": "WHJIRA", "name": "Ticket", "is_webhook_enabled": True, "team": None, "data": "{{ alert_payload }}",
         "username": None, "password": None, "authorization_header": "****************", "trigger_template": None,
         "headers": None, "url": "https://tickets.example.org/hook", "forward_all": False, "http_method": "POST",
         "trigger_type": "escalation", "integration_filter": None},
        {"id": "WHACK", "name": "On acknowledge", "url": "https://example.com", "http_method": "POST",
         "trigger_type": "acknowledge"},
    ],
    "escalation_chains": [{"id": "F5JU6KJET33FE", "name": "Severe", "team_id": None},
                          {"id": "FEMPTY", "name": "Empty", "team_id": None}],
    "escalation_policies": [
        _step("F5JU6KJET33FE", 4, "repeat_escalation"),
        _step("F5JU6KJET33FE", 0, "notify_on_call_from_schedule", notify_on_call_from_schedule="S3Z477AHDXTMF",
              important=True),
        _step("F5JU6KJET33FE", 1, "wait", duration=900),
        _step("F5JU6KJET33FE", 2, "notify_team_members", team_to_notify="TDBA", important=False),
        _step("F5JU6KJET33FE", 3, "trigger_webhook", action_to_trigger="WHJIRA"),
        _step("FEMPTY", 0, "notify_whole_channel"),
    ],
    "integrations": [
        {"id": "CFRPV98RPR1U8", "name": "Grafana :blush:", "team_id": None, "type": "alertmanager",
         "link": "https://oncall.example.org/integrations/v1/alertmanager/mReAoNwDm0eMwKo1mTeTwYo/",
         "inbound_email": None, "default_route": {"id": "RVBE4RKQSCGJ2", "escalation_chain_id": "F5JU6KJET33FE"},
         "templates": {"grouping_key": None, "slack": {"title": None, "message": "{{ payload }}"}}},
    ],
    "routes": [
        _route("RVBE4RKQSCGJ2", 2, "F5JU6KJET33FE", ".*", last=True, slack="CH23212D"),
        _route("RIYGUJXCPFHXY", 0, "F5JU6KJET33FE",
               '{{ payload.commonLabels.severity == "critical" and payload.commonLabels.team in ["db", "net"] }}',
               "jinja2"),
        _route("RHAND", 1, "FEMPTY", "us-(east|west)"),
    ],
}  # fmt: skip


def test_what_oncall_answers_becomes_files_and_the_rest_is_said() -> None:
    draft = draft_of_oncall(ANSWERS, now=NOW)

    document = draft.filled()
    assert document["contacts"] == [
        {"name": "alex", "external_id": f"oncall-{ALEX}", "email": "alex@example.org", "time_zone": "Europe/Berlin"},
        {"name": "bob", "external_id": f"oncall-{BOB}", "phone": "+14155550123", "email": "bob@example.org",
         "time_zone": "Europe/Berlin"},
        {"name": "cam", "external_id": f"oncall-{CAM}", "email": "cam@example.org"},
    ]  # fmt: skip
    assert document["groups"] == [{"name": "Databases", "members": ["alex", "bob"]}]
    ical, primary = document["schedules"]
    assert (ical["name"], ical["layers"]) == ("Demo schedule iCal", [])
    assert (primary["time_zone"], [layer["people"] for layer in primary["layers"]]) == (
        "America/New_York", [["bob", "alex"], ["cam"]]
    )  # fmt: skip
    assert primary["layers"][1]["restrictions"] == [{"days": [1, 5], "from": "22:00", "until": "06:00"}]
    assert document["integrations"] == [{"name": "Grafana :blush:"}]
    [severe] = document["escalations"]
    assert severe == {"name": "Severe", "rounds": 5, "steps": [
        {"after_minutes": 15, "tells": {"Databases": ["phone", "sms", "email"], "Ticket": []}},
        {"after_minutes": 15, "tells": {"Primary": ["phone", "email"]}},
    ]}  # fmt: skip
    critical, hand, rest = document["policies"]
    assert critical == {
        "name": "Grafana :blush:: Severe", "sources": ["Grafana :blush:"], "stops_here": True, "escalation": "Severe",
        "tells": {"Primary": ["phone", "email"]},
        "rules": [[{"key": "severity", "operator": "eq", "value": "critical"},
                   {"key": "team", "operator": "in", "value": "db,net"}]],
    }  # fmt: skip
    assert (hand["state"], hand["tells"]) == ("disabled", {})
    assert (rest["name"], "stops_here" in rest, "rules" in rest) == ("Grafana :blush:", False, False)
    assert sorted(draft.secrets.items()) == [
        ("TOCSIN_WEBHOOKS_TICKET_AUTHORIZATION", ""),
        ("TOCSIN_WEBHOOKS_TICKET_URL", "https://tickets.example.org/hook"),
    ]
    assert not list(Draft202012Validator(json_schema()).iter_errors(document))
    assert [note.partition(": ")[0] for note in draft.notes] == [
        "user alex", "user alex", "user bob", "user bob", "user dee", "webhook Ticket", "webhook On acknowledge",
        "schedule Demo schedule iCal", "schedule Demo schedule iCal", "schedule Primary",
        "escalation chain Severe, step 1", "escalation chain Severe, step 3", "escalation chain Severe",
        "escalation chain Empty, step 1", "integration Grafana :blush:", "integration Grafana :blush:, route 2",
        "integration Grafana :blush:, route 3",
    ]  # fmt: skip
    assert any("the API does not tell the number: add it" in note for note in draft.notes)


def test_what_is_missing_is_said_and_nothing_at_all_is_refused() -> None:
    draft = draft_of_oncall({"users": ANSWERS["users"]}, now=NOW)

    missing = [note for note in draft.notes if "is not there" in note]
    assert missing[0] == "teams: is not there; what it lists is not carried"
    with pytest.raises(ValueError, match="nothing of Grafana OnCall's"):
        draft_of_oncall({}, now=NOW)
    with pytest.raises(ValueError, match="has not the form of OnCall's API: KeyError 'name'"):
        draft_of_oncall({"teams": [{"id": "T"}]}, now=NOW)


@pytest.mark.parametrize(
    ("text", "kind", "rules"),
    [
        (".*", "regex", []),
        ('"severity": "critical"', "regex", [[("severity", "eq", "critical")]]),
        ("us-(east|west)", "regex", None),
        ("{{ True }}", "jinja2", []),
        ('{{ payload.labels.team == "a" or payload["labels"]["team"] != \'b\' }}', "jinja2",
         [[("team", "eq", "a")], [("team", "neq", "b")]]),
        ('{{ payload.get("commonLabels", {}).get("team", "") not in ("a", "b") }}', "jinja2",
         [[("team", "nin", "a,b")]]),
        ('{{ (payload.alerts[0].labels.team == "a") }}', "jinja2", [[("team", "eq", "a")]]),
        ('{{ "db" in payload.groupLabels.instance }}', "jinja2", [[("instance", "re", "(?s:.*db.*)")]]),
        ('{{ payload.labels.team in ["a,b", "c"] }}', "jinja2", [[("team", "re", "a,b|c")]]),
        ('{{ payload.labels.a == "x" and (payload.labels.b == "y" or payload.labels.c == "z") }}', "jinja2", None),
        ('{{ payload.labels.team == "a or b" }}', "jinja2", None),
        ("{{ payload.severity_level > 3 }}", "jinja2", None),
        ("", "labels", None),
    ],
)  # fmt: skip
def test_routes_that_compare_labels_become_rules(
    text: str, kind: str, rules: list[list[tuple[str, str, str]]] | None
) -> None:
    found = rules_of_route({"routing_regex": text, "routing_type": kind})

    triples = None if found is None else [[(c["key"], c["operator"], c["value"]) for c in rule] for rule in found]
    assert triples == rules


def people_on_duty(document: Mapping[str, list[dict[str, Any]]], at: datetime) -> set[str]:
    """The people of all schedules together, by the rules that the product itself goes by."""
    names = [contact["name"] for contact in document["contacts"]]
    found = set()
    for schedule in document["schedules"]:
        layers = tuple(
            compiled(
                people=[names.index(name) for name in layer["people"]], unit=layer["unit"], every=layer["every"],
                starts_on=date.fromisoformat(layer["starts_on"]), handover_time=parse_time(layer["handover_time"]),
                restrictions=stored_restrictions(
                    {**one, "days": [day - 1 for day in one["days"]],
                     "until_day": one["until_day"] - 1 if "until_day" in one else None}
                    for one in layer.get("restrictions", ())
                ),
            )
            for layer in schedule["layers"]
        )  # fmt: skip
        person = on_duty(Rota(1, "", ZoneInfo(schedule["time_zone"]), layers), at)
        found |= {names[person]} if person is not None else set()
    return found


def _imported(*shifts: dict[str, Any], kind: str = "web") -> Mapping[str, list[dict[str, Any]]]:
    schedule = {"id": "S", "name": "S", "type": kind, "time_zone": "Europe/Berlin",
                "shifts": [shift["id"] for shift in shifts]}  # fmt: skip
    return draft_of_oncall({**ANSWERS, "schedules": [schedule], "on_call_shifts": list(shifts)}, now=NOW).document


def test_two_lists_of_people_are_on_duty_together_and_a_higher_level_instead_of_them() -> None:
    document = _imported(
        _shift("O1", type="rolling_users", frequency="daily", interval=1, start_rotation_from_user_index=0,
               rolling_users=[[ALEX, BOB], [CAM]]),
        _shift("O2", type="recurrent_event", frequency="weekly", interval=1, level=5, week_start="MO",
               start="2026-11-07T12:00:00", duration=3_600, users=[CAM]),
    )  # fmt: skip

    monday = datetime(2026, 11, 2, 9, tzinfo=UTC)
    assert [people_on_duty(document, monday + timedelta(days=day)) for day in range(3)] == [
        {"alex", "bob"}, {"cam"}, {"alex", "bob"}
    ]  # fmt: skip
    saturday = datetime(2026, 11, 14, 12, 30, tzinfo=UTC)
    assert (people_on_duty(document, saturday), people_on_duty(document, saturday + timedelta(hours=1))) == (
        {"cam"}, {"alex", "bob"}
    )  # fmt: skip


def test_turns_by_weekdays_pass_when_a_week_begins_and_go_by_the_shifts_clock() -> None:
    document = _imported(
        _shift("O1", type="rolling_users", frequency="weekly", interval=1, start_rotation_from_user_index=0,
               start="2026-11-04T09:00:00", duration=28_800, by_day=["WE", "FR"], week_start="MO",
               rolling_users=[[ALEX], [BOB]]),
        kind="calendar",
    )  # fmt: skip

    berlin = ZoneInfo("Europe/Berlin")
    days = [datetime(2026, 11, day, 10, tzinfo=berlin) for day in (4, 5, 6, 11, 13, 18)]
    assert [people_on_duty(document, day) for day in days] == [{"alex"}, set(), {"alex"}, {"bob"}, {"bob"}, {"alex"}]
    assert people_on_duty(document, datetime(2026, 11, 4, 17, 30, tzinfo=berlin)) == set()


def test_a_shift_of_two_days_each_week_ends_on_another_day() -> None:
    document = _imported(
        _shift("O1", type="recurrent_event", frequency="weekly", interval=1, week_start="MO", users=[ALEX],
               start="2026-11-07T18:00:00", duration=2 * 86_400 - 3_600),
    )  # fmt: skip

    begins = datetime(2026, 11, 14, 18, tzinfo=UTC)
    assert [people_on_duty(document, begins + timedelta(hours=hours)) for hours in (-1, 0, 46, 47)] == [
        set(), {"alex"}, {"alex"}, set()
    ]  # fmt: skip


def test_pages_of_an_answer_are_read_in_their_order_and_counted() -> None:
    page = {"count": 3, "next": "https://oncall.example.org/api/v1/users/?page=2", "results": [{"id": "U1"}]}

    assert rows_in(page, "users") == ([{"id": "U1"}], 3)
    assert rows_in([page, {"count": 3, "next": None, "results": [{"id": "U2"}, {"id": "U3"}]}], "users") == (
        [{"id": "U1"}, {"id": "U2"}, {"id": "U3"}], 3
    )  # fmt: skip
    assert rows_by_resource({"users": [{"id": "U1"}], "other": 1}) == {"users": ([{"id": "U1"}], 1)}
    assert (resource_of("users-2.json"), resource_of("on_call_shifts.json")) == (("users", 2), ("on_call_shifts", 1))
    assert (resource_of("notes.json"), resource_of("users.txt")) == (None, None)
    with pytest.raises(ValueError, match=r"users\[1\] is no object with an id"):
        rows_in(["alex"], "users")
