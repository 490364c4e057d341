"""An integration's page: what to write at the source, and what has come from it."""

from __future__ import annotations

import json
import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from auditlog.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.events.models import Event, Integration
from tocsin.events.recipes import PLACEHOLDER, recipes
from tocsin.events.services import create_integration, disable_integration
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.services import disable_policy

pytestmark = pytest.mark.django_db


def live(client: Client, integration: Integration) -> str:
    reply = client.get(reverse("console:integration_live", args=[integration.pk]))
    assert reply.status_code == 200
    return str(reply.text)


def page(client: Client, integration: Integration) -> Any:
    return client.get(reverse("console:events_integration_change", args=[integration.pk]))


def test_recipes_hold_address_and_token_as_their_readers_want_them() -> None:
    made = {recipe.name: recipe.text for recipe in recipes("https://alerts.example/tocsin/", "tci_x")}

    assert yaml.safe_load(made["prometheus"])["alerting"]["alertmanagers"] == [
        {
            "scheme": "https",
            "path_prefix": "/tocsin",
            "authorization": {"credentials": "tci_x"},
            "static_configs": [{"targets": ["alerts.example"]}],
        }
    ]
    assert len(yaml.safe_load(made["alertmanager"])["alerting"]["alertmanagers"]) == 2
    curl = shlex.split(made["curl"])
    assert curl[:2] == ["curl", "https://alerts.example/tocsin/api/v2/alerts"]
    assert "Authorization: Bearer tci_x" in curl
    assert json.loads(curl[-1])[0]["labels"]["alertname"] == "TryIt"
    assert "--alertmanager.url=https://tocsin:tci_x@alerts.example/tocsin" in shlex.split(made["amtool"])
    hook = yaml.safe_load(made["alertmanager-webhook"])["receivers"][0]["webhook_configs"][0]
    assert hook == {"url": "https://alerts.example/tocsin/integrations/tci_x/alertmanager", "send_resolved": True}
    point = yaml.safe_load(made["grafana"])["contactPoints"][0]["receivers"][0]
    assert point["settings"] == {"url": "https://alerts.example/tocsin/integrations/tci_x/grafana"}
    assert shlex.split(made["arms"])[1] == "https://alerts.example/tocsin/api/v1/events/tci_x"


@pytest.mark.parametrize("name", ["cloudevents", "json", "arms"])
def test_what_a_recipe_posts_is_taken(story: Story, name: str) -> None:
    """The door itself is asked with the command's own words; what comes shows as the first event."""
    _integration, token = create_integration(by=ADMIN, now=story.now, name="Any")
    command = next(recipe.text for recipe in recipes("http://testserver", token) if recipe.name == name)
    _curl, address, _h, kind, _d, body = [word for word in shlex.split(command) if word.strip()]

    reply = Client().post(urlsplit(address).path, body, content_type=kind.partition(": ")[2])

    assert reply.status_code == 200
    assert "Received" in live(signed_in(Role.VIEWER), _integration)


MAPPING = "each = alarms\nlabels.alertname = what\nannotations.summary = text\nstatus = state\nid = key"
DOCUMENT = {"alarms": [{"what": "Hot", "text": "<b>42</b>", "key": 7}, {"what": "Cold", "state": "OK"}, {}]}


def test_a_mapping_is_tried_and_then_saved(story: Story) -> None:
    client, url = signed_in(Role.MANAGER), reverse("console:events_integration_map_json", args=[story.integration.pk])
    typed = {"mapping": MAPPING, "document": json.dumps(DOCUMENT), "version": 1}

    opened = client.get(url)
    tried = client.post(url, {**typed, "try": "on"})

    assert "labels.* = labels" in opened.text
    assert [(event.labels, event.state, event.report_id) for event in tried.context["events"]] == [
        ({"alertname": "Hot"}, "active", "7"), ({"alertname": "Cold"}, "resolved", ""),
    ]  # fmt: skip
    assert tried.context["problems"] == ["events[2].labels: at least one label is needed"]
    assert "&lt;b&gt;42&lt;/b&gt;" in tried.text
    story.integration.refresh_from_db()
    assert (story.integration.mapping, Event.objects.count()) == ("", 0)

    saved = client.post(url, typed)

    assert saved["Location"] == reverse("console:events_integration_change", args=[story.integration.pk])
    story.integration.refresh_from_db()
    assert story.integration.mapping == MAPPING
    again = client.post(url, typed)
    assert "Somebody changed this" in again.text


def test_what_is_wrong_with_a_mapping_or_a_document_is_said_in_the_readers_language(story: Story) -> None:
    client, url = signed_in(Role.MANAGER), reverse("console:events_integration_map_json", args=[story.integration.pk])
    client.post(reverse("console:language"), {"language": "zh-hans"})

    wrong = client.post(url, {"mapping": "labels.a = b\nhost = c\nx", "document": "{}", "version": 1, "try": "on"})
    no_json = client.post(url, {"mapping": MAPPING, "document": "{", "version": 1, "try": "on"})

    assert wrong.context["form"].errors["mapping"][0].startswith("第 2 行：没有名为 host 的目标")
    assert wrong.context["form"].errors["mapping"][1].startswith("第 3 行：")
    assert no_json.context["problems"][0].startswith("正文不是 JSON")
    assert signed_in(Role.RESPONDER).get(url).status_code == 403


def test_the_token_stands_in_the_recipes_once_and_then_a_placeholder(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    typed = {"name": "Prometheus", "is_enabled": "on", "auto_resolve_seconds": "300", "severity_map": ""}
    created = client.post(reverse("console:events_integration_add"), typed)

    first, second = (client.get(created["Location"]) for _ in range(2))

    token = first.context["shown_once"]["secret"]
    assert [item["recipe"].text.count(token) for item in first.context["setup"]["recipes"]] == [1] * 9
    assert "https://tocsin.example/api/v2/alerts" in first.text
    assert token not in second.text
    assert PLACEHOLDER in second.text
    assert "Lost it? Make a new token" in second.text


def test_without_a_public_address_the_lines_say_what_is_missing(story: Story, settings: Any) -> None:
    manager = signed_in(Role.MANAGER)

    settings.PUBLIC_URL = ""
    unset = page(manager, story.integration).text
    settings.PUBLIC_URL = "http://10.0.0.5:8000"
    inside = page(manager, story.integration).text

    assert "put the address of this installation where TOCSIN-ADDRESS stands" in unset
    assert "http://10.0.0.5:8000/api/v2/alerts" in inside
    assert "can be reached from inside only" in inside


def test_waiting_turns_into_received_with_what_became_of_the_event(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    before = live(client, story.integration)

    event = story.fires("DiskFull", team="db")
    nobody = live(client, story.integration)
    story.policy({story.contact("Wei"): ["email"]}, name="Databases")
    story.passes(6)
    matched = live(client, story.integration)
    disable_policy(by=ADMIN, now=story.now, policy_id=NotificationPolicy.objects.get().pk)
    disabled = live(client, story.integration)

    assert "Waiting for the first event" in before
    assert "every 3s" in before
    assert "Received" in nobody
    assert "No policy matches it, so nobody is told." in nobody
    assert f"{reverse('console:policies_notificationpolicy_add')}?event={event.pk}" in nobody
    assert "Databases" in matched
    assert "so nobody is told" not in matched
    assert "No enabled policy matches it" in disabled
    assert reverse("console:alerts_alert_change", args=[story.alert().pk]) in matched


def test_a_viewer_sees_what_came_and_is_offered_nothing_to_change(story: Story) -> None:
    story.fires("DiskFull")
    viewer = signed_in(Role.VIEWER)

    shown = page(viewer, story.integration).text

    assert "Received" in shown
    assert "Send a test event" not in shown
    assert "Make a policy from its labels" not in shown
    assert "Lost it?" not in shown


def test_a_test_event_goes_the_way_of_a_real_one_and_resolves_itself(story: Story) -> None:
    wei = story.contact("Wei")
    story.policy({wei: ["email"]}, rules=[[{"key": "severity", "operator": "eq", "value": "warning"}]])
    url = reverse("console:events_integration_send_test_event", args=[story.integration.pk])

    reply = signed_in(Role.MANAGER).post(url, {"labels": "severity=warning"})

    assert reply["Location"] == reverse("console:events_integration_change", args=[story.integration.pk])
    event = Event.objects.get()
    assert event.labels == {"alertname": "TocsinTest", "severity": "warning", "tocsin_test": "yes"}
    assert "Received" in live(signed_in(Role.VIEWER), story.integration)
    story.passes(6)
    story.expect_mail(wei, "Only a test of", "sent by manager", "No action is needed")
    story.passes(200)
    event.refresh_from_db()
    assert event.state == "resolved"
    story.expect_mail(wei, "TocsinTest")
    story.expect_silence()
    entry = LogEntry.objects.get_for_object(story.integration).order_by("-pk").first()
    assert entry is not None
    assert entry.additional_data == {"by": "manager", "kind": "user", "note": "sent a test event"}


def test_a_disabled_integration_takes_no_test_event_either(story: Story) -> None:
    disable_integration(by=ADMIN, now=story.now, integration_id=story.integration.pk)
    url = reverse("console:events_integration_send_test_event", args=[story.integration.pk])

    reply = signed_in(Role.MANAGER).post(url, {"labels": "severity=warning"})

    assert reply.status_code == 200
    assert "The integration is disabled" in reply.text
    assert not Event.objects.exists()
    assert "refused with 403" in live(signed_in(Role.VIEWER), story.integration)


def test_severity_words_that_the_map_does_not_know_are_named(story: Story) -> None:
    for severity in ("critical", "info", "P2", "none"):
        story.fires("DiskFull", severity=severity)

    assert page(signed_in(Role.MANAGER), story.integration).context["setup"]["unknown_words"] == ["info", "none"]


def test_deleting_says_what_goes_what_stays_and_which_policies_name_it(story: Story) -> None:
    name = story.integration.name
    for condition in (("eq", name), ("re", "Source.*")):
        rule = {"key": "__integration__", "operator": condition[0], "value": condition[1]}
        story.policy({story.contact(): ["email"]}, rules=[[rule]], name=f"By {condition[0]}")
    story.policy({story.contact(): ["email"]}, name="Every event")
    story.fires("DiskFull")

    shown = signed_in(Role.MANAGER).get(reverse("console:events_integration_delete", args=[story.integration.pk])).text

    assert "answered with 401" in shown
    assert f"1 events of {name} are active" in shown
    assert "By eq" in shown
    assert "By re" in shown
    assert "Every event" not in shown


def test_the_page_reads_few_statements_however_much_has_come(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    story.fires("First")
    page(client, story.integration)
    with CaptureQueriesContext(connection) as few:
        page(client, story.integration)
    for number in range(10):
        story.fires("DiskFull", instance=f"{number}")

    with CaptureQueriesContext(connection) as many:
        page(client, story.integration)

    assert len(many) <= len(few)
    assert len(many) < 25


def test_a_heartbeat_is_asked_for_and_shown(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    typed = {"name": "Prometheus", "is_enabled": "on", "auto_resolve_seconds": "300", "severity_map": ""}
    client.post(
        reverse("console:events_integration_add"),
        {**typed, "heartbeat_minutes": "5", "heartbeat_rules": "alertname = Watchdog"},
    )

    integration = Integration.objects.get()
    assert integration.heartbeat_seconds == 300
    assert integration.heartbeat_rules == [[{"key": "alertname", "operator": "eq", "value": "Watchdog"}]]
    assert "alertname = Watchdog" in page(client, integration).content.decode()
    story.passes(301)
    assert "heartbeat missed" in client.get(reverse("console:events_integration_changelist")).content.decode()
    client.post(reverse("console:events_integration_change", args=[integration.pk]), {**typed, "version": "1"})
    integration.refresh_from_db()
    assert (integration.heartbeat_seconds, integration.heartbeat_due_at) == (0, None)
