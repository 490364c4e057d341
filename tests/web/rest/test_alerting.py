"""What `/api/v1` says and does when something fires: policies, silences, schedules, alerts, deliveries, explain."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.stories.harness import ADMIN, Story
from tests.web.rest.asking import Api, api_as
from tocsin.accounts.rules import Role
from tocsin.policies.services import StepInput, create_escalation

CRITICAL = [[{"key": "severity", "operator": "eq", "value": "critical"}]]


@pytest.fixture
def api(story: Story) -> Api:
    return api_as(Role.MANAGER)


def test_a_policy_made_here_tells_and_a_change_keeps_the_rest(story: Story, api: Api) -> None:
    wei = story.contact("Wei")
    typed = {"name": "Databases", "rules": CRITICAL, "tells": [{"object_id": wei.pk, "channels": ["sms"]}]}

    made = api("POST", "/policies", {**typed, "group_wait_seconds": 1, "repeat_minutes": 30})
    pk = made.body["id"]
    changed = api("PATCH", f"/policies/{pk}", {"group_by": ["alertname", "team"]}, If_Match='"1"')
    stale = api("PATCH", f"/policies/{pk}", {"name": "X"}, If_Match='"1"')
    story.fires("DiskFull", severity="critical")
    story.passes(2)

    assert made.status == 201
    assert (changed.body["tells"], changed.body["repeat_minutes"]) == (made.body["tells"], 30)
    assert (changed.body["group_by"], changed.body["rules"]) == (["alertname", "team"], CRITICAL)
    assert stale.status == 412
    story.expect_text(wei, "DiskFull")


def test_what_is_wrong_with_a_policy_has_the_name_that_was_sent(api: Api) -> None:
    wrong = api("POST", "/policies", {"name": "X", "tells": [{"object_id": 999, "channels": ["sms"]}]})
    window = {"start": "25:00", "end": "20:00", "zone": "UTC"}

    assert wrong.wrong == ["tells"]
    assert api("POST", "/policies", {"name": "X", "sending_window": window}).wrong == ["sending_window.start"]
    assert api("POST", "/policies", {"name": "X", "rules": [[{"key": "a", "operator": "is", "value": ""}]]}).wrong == [
        "rules.0.0.operator"
    ]


def test_policies_are_switched_copied_put_in_order_and_deleted(story: Story, api: Api) -> None:
    wei = story.contact("Wei")
    tells = [{"object_id": wei.pk, "channels": ["sms"]}]
    first = api("POST", "/policies", {"name": "First", "tells": tells}).body["id"]

    off = api("POST", f"/policies/{first}/disable").body
    shadow = api("POST", f"/policies/{first}/shadow").body
    on = api("POST", f"/policies/{first}/enable").body
    copy = api("POST", f"/policies/{first}/copy", {"name": "Second"}).body
    ordered = api("PUT", "/policies/order", {"ids": [copy["id"], first]})

    assert [each["state"] for each in (off, shadow, on)] == ["disabled", "shadow", "enabled"]
    assert (copy["state"], ordered.status) == ("disabled", 200)
    assert api("PUT", "/policies/order", {"ids": [first]}).status == 409
    assert api("GET", f"/policies/{copy['id']}").body["position"] < api("GET", f"/policies/{first}").body["position"]
    assert api("GET", f"/policies/{first}/shortfalls").body == {"shortfalls": []}
    assert api("DELETE", f"/policies/{copy['id']}").status == 204
    assert [each["name"] for each in api("GET", "/policies").body["items"]] == ["First"]


def test_a_policy_in_shadow_says_whom_it_would_have_told(story: Story, api: Api) -> None:
    wei = story.contact("Wei")
    policy = story.policy({wei: ["sms"]}, is_shadow=True)
    story.fires("DiskFull", severity="critical")
    story.passes(10)

    report = api("GET", f"/policies/{policy.pk}/shadow-report?days=1").body

    assert (report["alerts"], report["alerts_unheard"]) == (1, 0)
    assert [(each["name"], each["channel"], each["messages"]) for each in report["told"]] == [("Wei", "sms", 1)]
    assert api("GET", f"/policies/{policy.pk}/shadow-report?days=0").status == 422


def test_an_escalation_policy_is_made_changed_and_kept_while_it_is_used(story: Story, api: Api) -> None:
    wei, lead = story.contact("Wei"), story.contact("Lead")
    step = {"after_minutes": 10, "tells": [{"object_id": lead.pk, "channels": ["phone"]}]}

    made = api("POST", "/escalation-policies", {"name": "Then the lead", "steps": [step]})
    pk = made.body["id"]
    changed = api("PATCH", f"/escalation-policies/{pk}", {"rounds": 2}, If_Match='"1"')
    typed = {"name": "Databases", "tells": [{"object_id": wei.pk, "channels": ["sms"]}], "escalation_id": pk}
    api("POST", "/policies", typed)

    assert (made.status, changed.body["rounds"]) == (201, 2)
    assert changed.body["steps"] == made.body["steps"]
    assert api("DELETE", f"/escalation-policies/{pk}").status == 409
    assert api("POST", "/escalation-policies", {"name": "X", "steps": []}).status == 422


def test_responders_silence_for_a_period_and_managers_for_ever(story: Story, api: Api, now: datetime) -> None:
    responder = api_as(Role.RESPONDER)
    until = (now + timedelta(hours=1)).isoformat()

    made = responder("POST", "/silences", {"name": "Maintenance", "rules": CRITICAL, "ends_at": until})
    pk = made.body["id"]
    for_ever = {"name": "For ever", "rules": CRITICAL, "effect": "always"}

    assert (made.status, made.body["is_in_force"]) == (201, True)
    assert (responder("POST", "/silences", for_ever).status, api("POST", "/silences", for_ever).status) == (403, 201)
    assert api("PATCH", f"/silences/{pk}", {"comment": "Disks"}, If_Match='"1"').body["ends_at"] == made.body["ends_at"]
    assert responder("POST", f"/silences/{pk}/end").body["is_in_force"] is False
    assert [each["name"] for each in api("GET", "/silences").body["items"]] == ["For ever", "Maintenance"]
    assert api("DELETE", f"/silences/{pk}").status == 204


NEVER, ALWAYS = "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/silences", {"name": "S", "rules": CRITICAL, "ends_at": NEVER}),
        ("/silences", {"name": "S", "rules": CRITICAL, "ends_at": "2027-01-01T00:00:00Z", "starts_at": ALWAYS}),
        ("/tokens", {"name": "T", "role": "viewer", "scopes": ["contacts:read"], "expires_at": NEVER}),
        ("/explain", {"labels": {"alertname": "A"}, "at": NEVER}),
    ],
)
def test_a_moment_that_could_not_be_kept_is_refused_by_its_name(story: Story, path: str, body: dict[str, Any]) -> None:
    refused = api_as(Role.ADMIN)("POST", path, body)

    assert refused.status == 422
    (error,) = refused.body["errors"]
    assert body[error["field"]] in (NEVER, ALWAYS)


def test_an_inhibition_is_made_and_changed(api: Api) -> None:
    made = api("POST", "/inhibitions", {"name": "Down", "source_rules": CRITICAL, "target_rules": CRITICAL})
    changed = api("PATCH", f"/inhibitions/{made.body['id']}", {"equal": ["instance"]}, If_Match='"1"')

    assert (made.status, changed.body["equal"], changed.body["source_rules"]) == (201, ["instance"], CRITICAL)
    assert api("DELETE", f"/inhibitions/{made.body['id']}").status == 204


def test_a_schedule_says_who_is_on_duty_and_who_stands_in(story: Story, api: Api, now: datetime) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    layer = {"people": [ann.pk, bob.pk], "unit": "days", "starts_on": "2026-11-23", "handover_time": "09:00"}
    office = {"days": [1, 2, 3, 4, 5, 6, 7], "from": "08:00", "until": "20:00"}

    layers = [{**layer, "restrictions": [office]}]
    made = api("POST", "/schedules", {"name": "Rota", "time_zone": "UTC", "layers": layers})
    pk = made.body["id"]
    stand = {"contact_id": bob.pk, "starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=2)).isoformat()}
    before = api("GET", f"/schedules/{pk}/on-duty").body["contact"]
    substitute = api("POST", f"/schedules/{pk}/substitutes", stand)
    during = api("GET", "/schedules/on-duty").body["on_duty"][0]["contact"]
    later = api("GET", f"/schedules/{pk}/on-duty?at=2026-11-24T12:00:00Z").body["contact"]
    shifts = api("GET", f"/schedules/{pk}/shifts").body["shifts"]
    renamed = api("PATCH", f"/schedules/{pk}", {"name": "Rota 2", "tells_by": []})

    assert made.status == 201
    assert [each["name"] for each in (before, during, later)] == ["Ann", "Bob", "Bob"]
    assert (shifts[0]["is_substitute"], shifts[1]["contact"]["name"]) == (True, "Ann")
    assert renamed.body["layers"] == made.body["layers"]
    assert api("DELETE", f"/schedules/{pk}/substitutes/{substitute.body['id']}").status == 204
    assert "/calendar/" in api("POST", f"/schedules/{pk}/feed").body["url"]
    assert api("DELETE", f"/schedules/{pk}/feed").status == 204
    assert api("GET", f"/schedules/{pk}/on-duty?at=0001-01-01T00:00:00Z").status == 422
    assert api("DELETE", f"/schedules/{pk}").body["names"] == ["Rota 2"]


def test_an_alert_is_acted_on_and_its_messages_are_seen(story: Story, api: Api) -> None:
    wei = story.contact("Wei")
    story.policy({wei: ["sms"]}, name="Databases")
    story.fires("DiskFull", severity="critical", instance="db-7")
    story.passes(6)
    story.expect_text(wei, "DiskFull")
    responder = api_as(Role.RESPONDER)
    (alert,) = api("GET", "/alerts?state=open&severity=1&text=disk").body["items"]
    at = f"/alerts/{alert['id']}"

    claimed = responder("POST", f"{at}/claim", {"minutes": 60}).body
    again = responder("POST", f"{at}/claim", {})
    acts: list[tuple[str, Any]] = [
        ("comment", {"text": "On it"}),
        ("severity", {"severity": 2}),
        ("mute", {"minutes": 30}),
        ("unmute", None),
        ("unclaim", None),
    ]
    statuses = [responder("POST", f"{at}/{name}", body).status for name, body in acts]
    resolved = responder("POST", f"{at}/resolve", {"text": "Extended"}).body
    timeline = api("GET", f"{at}/timeline").body["entries"]
    (delivery,) = api("GET", f"/deliveries?alert_id={alert['id']}&channel=sms").body["items"]
    told = api("GET", f"/deliveries/{delivery['id']}").body

    assert (alert["policy"]["name"], alert["active_count"]) == ("Databases", 1)
    assert (claimed["state"], again.status, statuses) == ("handling", 409, [200] * 5)
    assert (resolved["state"], resolved["severity"]) == ("resolved", 2)
    assert {"claimed", "commented", "resolved", "delivery"} <= {entry["kind"] for entry in timeline}
    assert ("DiskFull" in told["text"], told["attempts"][0]["outcome"]) == (True, "accepted")
    assert wei.phone not in str(told)
    (event,) = api("GET", f"/events?alert_id={alert['id']}&label=instance=db-7&state=active").body["items"]
    assert event["labels"]["instance"] == "db-7"
    assert api("GET", "/alerts?state=open").body["items"] == []


def test_two_who_ask_for_the_same_step_of_the_escalation_take_one(story: Story, api: Api) -> None:
    wei, bob = story.contact("Wei"), story.contact("Bob")
    steps = [StepInput(targets=[(bob.pk, ["email"])], after_minutes=minutes) for minutes in (30, 60)]
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=steps, rounds=0)
    story.policy({wei: ["sms"]}, name="Databases", escalation_id=nights.pk)
    story.fires("DiskFull", severity="critical")
    story.passes(6)
    story.expect_text(wei, "DiskFull")
    (alert,) = api("GET", "/alerts?state=open").body["items"]
    at = f"/alerts/{alert['id']}/escalate"

    seen = {"escalated_count": alert["escalated_count"]}
    first = api("POST", at, seen)
    at_once = api("POST", at, seen)
    story.passes()
    later = api("POST", at, seen)
    ahead = api("POST", at, {"escalated_count": 7})
    then = api("GET", f"/alerts/{alert['id']}").body
    second = api("POST", at, {"escalated_count": then["escalated_count"]})
    story.passes()

    assert [alert["escalated_count"], then["escalated_count"]] == [0, 1]
    assert [each.status for each in (first, at_once, later, ahead, second)] == [200, 409, 409, 409, 200]
    assert "That step was taken already" in later.body["detail"]
    assert [story.expect_mail(bob) for _step in steps]
    assert api("POST", at, {"escalated_count": -1}).wrong == ["escalated_count"]
    assert api("POST", at).status == 409


def test_explain_coverage_and_drills_are_asked_here_too(story: Story, api: Api) -> None:
    wei = story.contact("Wei")
    nobody = story.contact("Nobody", verified=False)
    story.policy({wei: ["sms"], nobody: ["sms"]}, name="Databases")

    explained = api_as(Role.VIEWER)("POST", "/explain", {"labels": {"alertname": "DiskFull"}})
    later = api("POST", "/explain", {"labels": {"alertname": "X"}, "at": "2026-12-24T18:00:00+01:00"})
    coverage = api("GET", "/coverage").body
    drill = api("POST", "/drills", {"object_ids": [wei.pk, nobody.pk], "channels": ["sms"], "minutes": 30})

    (policy,) = explained.body["policies"]
    assert (explained.body["is_anybody_told"], policy["tells"][0]["name"]) == (True, "Wei")
    assert policy["does_not_tell"][0]["reason"] == "unverified_phone"
    assert later.body["at"].startswith("2026-12-24T17:00:00")
    assert api("POST", "/explain", {"labels": {"": "x"}}).status == 422
    assert coverage["sections"]
    assert (drill.status, drill.body["total"], drill.body["confirmed"]) == (201, 2, 0)
    assert api("GET", "/drills").body["items"][0]["about"] == drill.body["about"]
    story.passes(1)
    story.expect_text(wei, "drill")


def test_events_with_a_label_are_found_by_an_index(story: Story, api: Api) -> None:
    story.fires("DiskFull", instance="db-7")
    with CaptureQueriesContext(connection) as read:
        (event,) = api("GET", "/events?label=instance=db-7").body["items"]

    assert event["labels"]["instance"] == "db-7"
    [statement] = [query["sql"] for query in read.captured_queries if '"labels" @>' in query["sql"]]
    with connection.cursor() as cursor:
        for way in ("enable_seqscan", "enable_indexscan"):  # so few rows would be read whole, by their keys even
            cursor.execute(f"SET LOCAL {way} = off")
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "event_by_label" in plan
