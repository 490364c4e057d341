"""The reading half of /api/v2 and its silences, with answers as Alertmanager 0.25 gives them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
import yaml
from auditlog.models import LogEntry
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.models import ApiToken
from tocsin.accounts.rules import Role
from tocsin.accounts.services import create_token, revoke_token
from tocsin.core.clock import utc_now
from tocsin.events.models import Event
from tocsin.events.services import create_integration, delete_integration
from tocsin.policies.models import SilencePolicy
from tocsin.policies.services.inhibitions import create_inhibition
from tocsin.policies.services.silences import create_silence, end_silence
from tocsin.web.alertmanager.wire import moment

pytestmark = pytest.mark.django_db


def program(role: Role) -> Callable[..., HttpResponse]:
    """Asks as a program whose token has the role; a body is JSON."""
    _row, secret = create_token(by=ADMIN, now=utc_now(), name=f"{role} program", role=role)

    def ask(method: str, path: str, body: Any = None, **query: Any) -> Any:
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        text = json.dumps(body) if body is not None else ""
        return client.generic(
            method,
            f"/api/v2/{path}",
            text,
            "application/json",
            query_params=query,  # type: ignore[arg-type]
        )

    return ask


def told(story: Story, **fields: Any) -> None:
    """A policy that tells somebody."""
    story.policy({story.contact(): ["email"]}, **fields)


def silence(now: datetime, *matchers: tuple[str, str, bool, bool], hours: float = 2, **more: Any) -> dict[str, Any]:
    """As amtool and Grafana post one. Matchers: name, value, isRegex, isEqual."""
    names = ("name", "value", "isRegex", "isEqual")
    return {
        "matchers": [dict(zip(names, matcher, strict=True)) for matcher in matchers or [("host", "db1", False, True)]],
        "startsAt": moment(now),
        "endsAt": moment(now + timedelta(hours=hours)),
        "createdBy": "ann",
        "comment": "planned work",
        **more,
    }


def names(reply: Any) -> list[str]:
    return sorted(alert["labels"]["alertname"] for alert in reply.json())


def test_what_fires_is_listed_as_alertmanager_lists_it(story: Story, now: datetime) -> None:
    told(story, name="Databases", rules=[[{"key": "host", "operator": "re", "value": "db.*"}]])
    event = story.fires("DiskFull", summary="full", host="db1", severity="critical", team="db")

    reply = program(Role.VIEWER)("GET", "alerts")

    event.refresh_from_db()
    assert (reply.status_code, reply["Content-Type"]) == (200, "application/json")
    assert reply.json() == [
        {
            "annotations": {"summary": "full"},
            "endsAt": moment(event.ends_at),
            "fingerprint": "f11ee1d889206642",
            "receivers": [{"name": "Databases"}],
            "startsAt": moment(now),
            "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": moment(now),
            "labels": {"alertname": "DiskFull", "host": "db1", "severity": "critical", "team": "db"},
        }
    ]


def test_lists_are_filtered_by_matchers_receiver_and_state(story: Story, now: datetime) -> None:
    told(story, name="Databases", rules=[[{"key": "host", "operator": "re", "value": "db.*"}]])
    create_silence(by=ADMIN, now=now, name="Old", rules=[[{"key": "host", "operator": "eq", "value": "db2"}]])
    rule = [[{"key": "severity", "operator": "eq", "value": "critical"}]]
    target = [[{"key": "severity", "operator": "eq", "value": "warning"}]]
    create_inhibition(by=ADMIN, now=now, name="Down", source_rules=rule, target_rules=target, equal=["host"])
    story.fires("DiskFull", host="db1", severity="critical")
    story.fires("Slow", host="db1", severity="warning")
    story.fires("Backup", host="db2")
    story.fires("Web", host="web1")
    story.fires("Gone", host="web1")
    story.recovers("Gone", host="web1")
    ask = program(Role.VIEWER)

    def found(**query: Any) -> list[str]:
        return names(ask("GET", "alerts", **query))

    assert found() == ["Backup", "DiskFull", "Slow", "Web"]
    assert found(silenced="false") == ["DiskFull", "Slow", "Web"]
    assert found(inhibited="false") == ["Backup", "DiskFull", "Web"]
    assert found(active="false") == ["Backup", "Slow"]
    assert found(filter=["host=~db.", 'severity!=""']) == ["DiskFull", "Slow"]
    assert found(filter="__severity__=P1") == ["DiskFull"]
    assert found(receiver="Data.*") == ["Backup", "DiskFull", "Slow"]
    assert found(receiver="Data") == []
    slow = next(alert for alert in ask("GET", "alerts").json() if alert["labels"]["alertname"] == "Slow")
    assert slow["status"]["state"] == "suppressed"
    assert slow["status"]["inhibitedBy"] == [
        alert["fingerprint"] for alert in ask("GET", "alerts", filter="alertname=DiskFull").json()
    ]


@pytest.mark.parametrize("path", ["alerts", "alerts/groups", "silences"])
def test_a_filter_that_cannot_be_read_is_a_400_with_a_text(story: Story, path: str) -> None:
    reply = program(Role.VIEWER)("GET", path, filter="bad")

    assert (reply.status_code, reply.json()) == (400, "bad matcher format: bad")


def test_groups_are_what_policies_tell_together(story: Story) -> None:
    told(story, name="By name", group_by=["alertname"])
    told(story, name="All", group_by=[])
    story.fires("DiskFull", host="db1")
    story.fires("DiskFull", host="db2")
    story.fires("Web", host="web1")
    ask = program(Role.VIEWER)

    groups = ask("GET", "alerts/groups").json()

    assert [(group["receiver"]["name"], group["labels"], len(group["alerts"])) for group in groups] == [
        ("All", {}, 3),
        ("By name", {"alertname": "DiskFull"}, 2),
        ("By name", {"alertname": "Web"}, 1),
    ]
    assert ask("GET", "alerts/groups", receiver="By.*", filter="host=web1").json() == [groups[2]]
    assert ask("GET", "receivers").json() == [{"name": "By name"}, {"name": "All"}]


def test_the_status_shows_policies_as_a_configuration(story: Story) -> None:
    listed = {"key": "team", "operator": "in", "value": "db, web.eu"}
    rules = [
        [listed, {"key": "severity", "operator": "neq", "value": 'a"b'}],
        [{"key": "host", "operator": "re", "value": "db.*"}],
    ]
    told(story, name="Databases", rules=rules, group_by=["alertname"], stops_here=True)

    status = program(Role.VIEWER)("GET", "status").json()

    assert set(status) == {"cluster", "config", "uptime", "versionInfo"}
    assert status["cluster"] == {"peers": [], "status": "disabled"}
    content = yaml.safe_load(status["config"]["original"])
    assert content["receivers"] == [{"name": "no notification policy"}, {"name": "Databases"}]
    assert [(route["receiver"], route["continue"]) for route in content["route"]["routes"]] == [
        ("Databases", False)
    ] * 2
    assert content["route"]["routes"][0]["matchers"] == ['team=~"db|web\\\\.eu"', 'severity!="a\\"b"']


def test_the_status_shows_no_route_for_everything_where_a_source_was_deleted(story: Story) -> None:
    """An empty pattern would match what has no such label."""
    gone, _token = create_integration(by=ADMIN, now=story.now, name="Old")
    told(story, name="Databases", sources=[gone.pk])
    pk = gone.pk
    delete_integration(by=ADMIN, now=story.now, integration_id=pk)

    content = yaml.safe_load(program(Role.VIEWER)("GET", "status").json()["config"]["original"])

    [matcher] = content["route"]["routes"][0]["matchers"]
    assert matcher.startswith("__integration__=~")
    assert "deleted" in matcher


def test_a_silence_made_there_is_a_silence_policy_here(story: Story, now: datetime) -> None:
    event = story.fires("DiskFull", host="db1")
    ask = program(Role.RESPONDER)

    made = ask("POST", "silences", {**silence(now - timedelta(minutes=1)), "duration": "2h"})

    row = SilencePolicy.objects.get()
    assert (made.status_code, made.json()) == (200, {"silenceID": str(row.uuid)})
    assert (row.name, row.comment, row.created_by, row.effect) == ("planned work", "planned work", "ann", "period")
    assert row.rules == [[{"key": "host", "operator": "eq", "value": "db1"}]]
    assert (row.starts_at, row.ends_at) == (now, now + timedelta(minutes=119))
    assert LogEntry.objects.get_for_object(row).get().additional_data["by"] == "responder program"
    story.passes()
    event.refresh_from_db()
    assert event.state == "silenced"
    assert ask("GET", "alerts").json()[0]["status"] == {
        "inhibitedBy": [], "mutedBy": [], "silencedBy": [str(row.uuid)], "state": "suppressed",
    }  # fmt: skip
    shown = {
        "id": str(row.uuid),
        "status": {"state": "active"},
        "updatedAt": moment(now),
        "comment": "planned work",
        "createdBy": "ann",
        "endsAt": moment(now + timedelta(minutes=119)),
        "matchers": [{"isEqual": True, "isRegex": False, "name": "host", "value": "db1"}],
        "startsAt": moment(now),
    }
    assert ask("GET", f"silence/{row.uuid}").json() == shown
    assert ask("GET", "silences", filter="host=db1").json() == [shown]
    assert ask("GET", "silences", filter="host=db2").json() == []

    expired = ask("DELETE", f"silence/{row.uuid}")

    assert (expired.status_code, expired.content) == (200, b"")
    assert ask("DELETE", f"silence/{row.uuid}").status_code == 200
    assert ask("GET", f"silence/{row.uuid}").json()["status"] == {"state": "expired"}
    story.passes()
    event.refresh_from_db()
    assert event.state == "active"


def test_every_kind_of_matcher_goes_there_and_back(story: Story, now: datetime) -> None:
    ask = program(Role.RESPONDER)
    kinds = [("a", "1", False, True), ("b", "2", False, False), ("c", "3|4", True, True), ("d", "5", True, False)]

    made = ask("POST", "silences", silence(now, *kinds)).json()["silenceID"]

    operators = [condition["operator"] for condition in SilencePolicy.objects.get().rules[0]]
    assert operators == ["eq", "neq", "re", "nre"]
    shown = ask("GET", f"silence/{made}").json()["matchers"]
    assert [(each["name"], each["value"], each["isRegex"], each["isEqual"]) for each in shown] == kinds


def test_changing_a_silence_keeps_its_id_while_it_hides_the_same(story: Story, now: datetime) -> None:
    ask = program(Role.RESPONDER)
    first = ask("POST", "silences", silence(now)).json()["silenceID"]

    longer = ask("POST", "silences", silence(now, hours=9, id=first, comment="takes longer"))

    assert longer.json() == {"silenceID": first}
    row = SilencePolicy.objects.get()
    assert (row.name, row.comment, row.ends_at) == ("takes longer", "takes longer", now + timedelta(hours=9))

    other = ask("POST", "silences", silence(now, ("host", "db2", False, True), id=first))

    second = other.json()["silenceID"]
    assert second != first
    states = {each["id"]: each["status"]["state"] for each in ask("GET", "silences").json()}
    assert states == {second: "active", first: "expired"}


def test_changing_an_expired_silence_makes_another(story: Story, now: datetime) -> None:
    ask = program(Role.RESPONDER)
    first = ask("POST", "silences", silence(now)).json()["silenceID"]
    ask("DELETE", f"silence/{first}")

    second = ask("POST", "silences", silence(now, id=first)).json()["silenceID"]

    assert second != first
    assert SilencePolicy.objects.count() == 2


def test_a_silence_that_begins_later_is_pending(story: Story, now: datetime) -> None:
    ask = program(Role.RESPONDER)
    later = now + timedelta(hours=1)
    made = ask("POST", "silences", silence(later)).json()["silenceID"]

    moved = ask("POST", "silences", silence(later + timedelta(hours=1), id=made))

    assert moved.json() == {"silenceID": made}
    shown = ask("GET", f"silence/{made}").json()
    assert (shown["status"], shown["startsAt"]) == ({"state": "pending"}, moment(later + timedelta(hours=1)))


def test_a_silence_that_never_ends_is_shown_so_here_too(story: Story, settings: Any) -> None:
    """Grafana and amtool write year 9999, which other zones' clocks cannot show."""
    settings.TIME_ZONE = "Asia/Shanghai"
    ask = program(Role.RESPONDER)
    never = "9999-12-31T23:59:59.000Z"
    made = ask("POST", "silences", silence(story.now, endsAt=never)).json()["silenceID"]

    shown = ask("GET", f"silence/{made}").json()
    again = ask("POST", "silences", {name: shown[name] for name in ("id", *silence(story.now))})
    pages = [
        signed_in(Role.MANAGER).get(f"/console/policies/silencepolicy/{page}")
        for page in ("", f"{SilencePolicy.objects.get().pk}/change/")
    ]

    assert (shown["endsAt"], again.json()) == (never, {"silenceID": made})
    assert [page.status_code for page in pages] == [200, 200]


@pytest.mark.parametrize(
    ("starts_at", "status"), [("0001-01-01T00:00:00+10:00", 200), ("9999-12-31T22:59:59-10:00", 400)]
)
def test_a_silence_is_not_lost_over_a_start_at_the_end_of_the_calendar(
    story: Story, starts_at: str, status: int
) -> None:
    ask = program(Role.RESPONDER)
    made = ask("POST", "silences", silence(story.now)).json()["silenceID"]

    body = silence(story.now, id=made, startsAt=starts_at, endsAt="9999-12-31T23:59:59-10:00")
    changed = ask("POST", "silences", body)

    assert changed.status_code == status
    assert ask("GET", "silences").status_code == 200


HOST = {"key": "host", "operator": "eq", "value": "db1"}
LIST = {"key": "team", "operator": "in", "value": "a.b, c"}
NIGHT = {"effect": "daily", "windows": [{"start": "11:00", "end": "13:00"}], "time_zone": "UTC"}
NOON = {"effect": "daily", "windows": [{"start": "13:00", "end": "14:00"}], "time_zone": "UTC"}
FOR_NOW: dict[str, Any] = {"effect": "period", "hours": 1}


@pytest.mark.parametrize(
    ("rules", "times", "states", "why"),
    [
        ([[HOST]], {}, ["active"], "it has no end"),
        ([[HOST]], NIGHT, ["active"], "it recurs"),
        ([[HOST]], NOON, ["pending"], "it recurs"),
        ([[HOST], [LIST]], FOR_NOW, ["active", "active"], "it has several rules, of which this is one"),
        ([[LIST]], FOR_NOW, ["active"], "it lists values with in or nin"),
    ],
)
def test_what_has_no_form_there_is_shown_and_not_changed(
    story: Story, now: datetime, rules: Any, times: dict[str, Any], states: list[str], why: str
) -> None:
    now = now.replace(hour=12)
    with time_machine.travel(now, tick=False):
        times = dict(times)
        if hours := times.pop("hours", 0):
            times["ends_at"] = now + timedelta(hours=hours)
        row = create_silence(by=ADMIN, now=now, name="Fixed", rules=rules, **times)
        ask = program(Role.ADMIN)

        shown = ask("GET", "silences").json()

        assert [each["status"]["state"] for each in shown] == states
        assert len({each["id"] for each in shown}) == len(rules)
        for each in shown:
            assert ask("GET", f"silence/{each['id']}").json() == each
            refused = ask("DELETE", f"silence/{each['id']}")
            assert refused.status_code == 400
            told_why = f"because {why}: change the silence policy 'Fixed' in Tocsin's console."
            assert refused.json() == f"This silence cannot be changed here, {told_why}"
            changed = ask("POST", "silences", silence(now, id=each["id"]))
            assert (changed.status_code, changed.json()) == (400, refused.json())
        row.refresh_from_db()
        assert (row.version, SilencePolicy.objects.count()) == (1, 1)


def test_a_list_of_values_is_shown_as_a_regular_expression(story: Story, now: datetime) -> None:
    create_silence(by=ADMIN, now=now, name="List", rules=[[LIST]])

    (shown,) = program(Role.VIEWER)("GET", "silences").json()

    assert shown["matchers"] == [{"isEqual": True, "isRegex": True, "name": "team", "value": "a\\.b|c"}]
    assert shown["endsAt"] == "9999-12-31T23:59:59.000Z"


def test_what_ended_is_listed_for_five_days(story: Story, now: datetime) -> None:
    row = create_silence(by=ADMIN, now=now, name="A", rules=[[HOST]], effect="period", ends_at=now + timedelta(hours=1))
    end_silence(by=ADMIN, now=now, silence_id=row.pk)
    ask = program(Role.VIEWER)

    with time_machine.travel(now + timedelta(hours=119), tick=False):
        assert len(ask("GET", "silences").json()) == 1
    with time_machine.travel(now + timedelta(hours=121), tick=False):
        assert ask("GET", "silences").json() == []
        assert ask("GET", f"silence/{row.uuid}").status_code == 200


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"comment": None}, 422, {"code": 602, "message": "comment in body is required"}),
        ({"matchers": []}, 422, {"code": 612, "message": "matchers in body should have at least 1 items"}),
        (
            {"matchers": [{"name": "a", "value": "b"}]},
            422,
            {"code": 602, "message": "matchers.0.isRegex in body is required"},
        ),
        ({"endsAt": "2020-01-01T00:00:00Z"}, 400, "Failed to create silence: start time must be before end time"),
        (
            {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2020-02-01T00:00:00Z"},
            400,
            "Failed to create silence: end time can't be in the past",
        ),
        (
            {"matchers": [{"name": "a", "value": "", "isRegex": False}]},
            400,
            "silence invalid: at least one matcher must not match the empty string",
        ),
        ({"id": "11111111-1111-1111-1111-111111111111"}, 404, "silence not found"),
        ({"id": "x"}, 404, "silence not found"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_in_the_same_words(
    story: Story, now: datetime, change: dict[str, Any], status: int, told: Any
) -> None:
    reply = program(Role.RESPONDER)("POST", "silences", {**silence(now), **change})

    assert (reply.status_code, reply.json()) == (status, told)
    assert SilencePolicy.objects.count() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"matchers": [{"name": "a", "value": "[", "isRegex": True}]},
        {"startsAt": "x"},
        {"matchers": "x"},
        {"comment": "\0"},
        {"comment": "x" * 2001},
    ],
)
def test_what_cannot_be_read_or_kept_is_a_400(story: Story, now: datetime, change: dict[str, Any]) -> None:
    assert program(Role.RESPONDER)("POST", "silences", {**silence(now), **change}).status_code == 400
    assert SilencePolicy.objects.count() == 0


def test_what_is_not_there_is_404_and_other_methods_are_405(story: Story) -> None:
    ask = program(Role.ADMIN)

    assert ask("GET", "silence/11111111-1111-1111-1111-111111111111").status_code == 404
    assert ask("DELETE", "silence/11111111-1111-1111-1111-111111111111").status_code == 404
    bad = ask("GET", "silence/x")
    assert (bad.status_code, bad.json()["code"]) == (422, 601)
    assert ask("GET", "nothing").json() == {"code": 404, "message": "path /api/v2/nothing was not found"}
    assert ask("GET", "").json() == {"code": 404, "message": "path /api/v2/ was not found"}
    put = ask("PUT", "silences")
    assert (put.status_code, put.json()["message"]) == (405, "method PUT is not allowed, but [POST,GET] are")


READING = ["alerts", "alerts/groups", "silences", "silence/11111111-1111-1111-1111-111111111111", "status", "receivers"]


@pytest.mark.parametrize("role", list(Role))
def test_every_role_reads_and_responders_silence(story: Story, now: datetime, role: Role) -> None:
    row = create_silence(by=ADMIN, now=now, name="A", rules=[[HOST]], effect="period", ends_at=now + timedelta(hours=1))
    ask = program(role)

    read = [ask("GET", path).status_code for path in READING]
    wrote = [ask("POST", "silences", silence(now)).status_code, ask("DELETE", f"silence/{row.uuid}").status_code]

    assert read == [200, 200, 200, 404, 200, 200]
    assert wrote == ([403, 403] if role is Role.VIEWER else [200, 200])
    assert SilencePolicy.objects.count() == (1 if role is Role.VIEWER else 2)


def test_nobody_else_reads_or_silences(story: Story, now: datetime) -> None:
    _integration, posting = create_integration(by=ADMIN, now=now, name="Prometheus")
    row, revoked = create_token(by=ADMIN, now=now, name="old", role=Role.ADMIN)
    revoke_token(by=ADMIN, now=now, token_id=row.pk)
    authorizations = {"": 401, "Bearer wrong": 401, f"Bearer {revoked}": 401, f"Bearer {posting}": 403}

    for said, status in authorizations.items():
        client = Client(headers={"Authorization": said} if said else {})
        assert [client.get(f"/api/v2/{path}").status_code for path in READING] == [status] * len(READING)
        reply = client.post("/api/v2/silences", silence(now), content_type="application/json")
        assert reply.status_code == status
    assert [signed_in(Role.ADMIN).get(f"/api/v2/{path}").status_code for path in READING] == [401] * len(READING)
    assert (SilencePolicy.objects.count(), Event.objects.count()) == (0, 0)


def test_a_token_is_also_the_password_of_basic_and_its_use_is_noted(story: Story, now: datetime) -> None:
    row, secret = create_token(by=ADMIN, now=now, name="grafana", role=Role.VIEWER)
    pair = base64.b64encode(f"any:{secret}".encode()).decode()

    reply = Client(headers={"Authorization": f"Basic {pair}"}).get("/api/v2/alerts")

    assert reply.status_code == 200
    assert ApiToken.objects.get(pk=row.pk).last_used_at == now


@pytest.mark.django_db(transaction=True)  # the door closes the connection, and with it a transaction of the test
def test_a_database_that_does_not_answer_is_a_503(story: Story) -> None:
    ask = program(Role.VIEWER)

    with connection.execute_wrapper(_gone):
        reply = ask("GET", "silences")

    assert (reply.status_code, reply["Retry-After"]) == (503, "5")


def _gone(*_arguments: Any) -> None:
    raise OperationalError("the connection is lost")


def test_silences_are_found_by_who_made_them(story: Story, now: datetime) -> None:
    ask = program(Role.RESPONDER)
    for author in ("ann", "bo", "li"):
        assert ask("POST", "silences", silence(now, createdBy=author)).status_code == 200

    def authors(**query: Any) -> list[str]:
        return sorted(each["createdBy"] for each in ask("GET", "silences", **query).json())

    assert authors(creator="bo") == ["bo"]
    assert authors(creator=["bo", "li"]) == ["bo", "li"]
    assert authors(creator="nobody") == []
    assert authors(creator="bo", filter="host=db2") == []
