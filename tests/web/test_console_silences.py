"""Silence policies in the console: one click from an alert, the whole form, what is hidden, and Explain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.policies.models import Inhibition, SilencePolicy
from tocsin.policies.services.silences import create_silence

pytestmark = pytest.mark.django_db
QUICK = "console:policies_silencepolicy_quick"


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    with time_machine.travel(now, tick=False):
        story = begin(now)
        story.policy({story.contact("Wei", phone=None): ["email"]})
        story.fires("DiskFull", severity="critical", host="db-7")
        story.fires("DiskFull", severity="critical", host="db-8")
        story.passes(5)
        yield story


def text(client: Client, url: str) -> str:
    return str(client.get(url).content.decode())


def silence(client: Client, story: Story, **data: str) -> Any:
    url = f"{reverse(QUICK)}?alert={story.alert().pk}"
    return client.post(url, {"rules": "alertname = DiskFull", "hours": "2", "ends_at": "", "comment": "", **data})


def test_a_responder_silences_an_alert_with_its_labels_for_two_hours(story: Story) -> None:
    client = signed_in(Role.RESPONDER)
    alert_page = reverse("console:alerts_alert_change", args=[story.alert().pk])
    url = f"{reverse(QUICK)}?alert={story.alert().pk}"
    assert url in text(client, alert_page)
    asked = text(client, url)
    assert "alertname = DiskFull\nseverity = critical" in asked
    assert "db-7" not in asked

    reply = silence(client, story, rules="alertname = DiskFull\nseverity = critical", comment="New disk is coming")

    assert reply["Location"] == alert_page
    row = SilencePolicy.objects.get()
    assert (row.name, row.comment, row.created_by) == (story.alert().title, "New disk is coming", "responder")
    assert row.ends_at - row.starts_at == timedelta(hours=2)
    story.passes(0)
    page = text(client, alert_page)
    assert f"Silenced by {story.alert().title}" in page
    silence_page = text(client, reverse("console:policies_silencepolicy_change", args=[row.pk]))
    assert silence_page.count("2 events") == 2


def test_what_is_no_silence_is_refused_at_its_field(story: Story) -> None:
    client = signed_in(Role.RESPONDER)

    no_end = silence(client, story, hours="").content.decode()
    too_much = silence(client, story, rules="# nothing").content.decode()
    in_the_past = silence(client, story, hours="", ends_at="2020-01-01T00:00").content.decode()

    assert "Say until when." in no_end
    assert "everything would be silenced" in too_much
    assert "It must end after it begins." in in_the_past
    assert SilencePolicy.objects.count() == 0


def test_an_event_is_silenced_from_its_page_and_says_by_what(story: Story) -> None:
    client = signed_in(Role.RESPONDER)
    event = story.fires("DiskFull", severity="critical", host="db-7")
    url = f"/console/events/event/{event.pk}/silence/"
    assert "host = db-7" in text(client, url)

    client.post(url, {"rules": "host = db-7", "hours": "1"})
    story.passes(0)

    page = text(client, reverse("console:events_event_change", args=[event.pk]))
    assert reverse("console:policies_silencepolicy_change", args=[SilencePolicy.objects.get().pk]) in page


def test_a_manager_makes_a_weekly_silence_and_edits_it(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    data = {
        "name": "Weekends", "is_enabled": "on", "rules": "team = batch", "effect": "weekly", "comment": "",
        "starts_at": "", "ends_at": "", "time_zone": "Asia/Shanghai",
        "windows-day": ["5", "1"], "windows-start": ["18:00", ""], "windows-end_day": ["1", "1"],
        "windows-end": ["08:00", ""],
    }  # fmt: skip

    made = client.post(reverse("console:policies_silencepolicy_add"), data)

    assert made.status_code == 302, made.content.decode()
    row = SilencePolicy.objects.get()
    assert row.windows == [{"day": 5, "start": "18:00", "end_day": 1, "end": "08:00"}]
    page = text(client, reverse("console:policies_silencepolicy_change", args=[row.pk]))
    assert 'value="18:00"' in page
    changed = {**data, "effect": "daily", "version": "1"}
    client.post(reverse("console:policies_silencepolicy_change", args=[row.pk]), changed)
    row.refresh_from_db()
    assert (row.effect, row.windows) == ("daily", [{"day": 0, "start": "18:00", "end_day": 0, "end": "08:00"}])
    stale = client.post(reverse("console:policies_silencepolicy_change", args=[row.pk]), changed).content.decode()
    assert "Somebody changed this" in stale


def test_the_list_says_what_is_in_force_and_ending_it_tells(story: Story) -> None:
    conditions = [[{"key": "host", "operator": "eq", "value": "db-7"}]]
    row = create_silence(by=ADMIN, now=story.now, name="Maintenance", rules=conditions)
    story.passes(0)
    client = signed_in(Role.RESPONDER)

    assert "Maintenance" in text(client, "/console/policies/silencepolicy/?phase=in_force")
    assert "Maintenance" not in text(client, "/console/policies/silencepolicy/?phase=ended")
    end = f"/console/policies/silencepolicy/{row.pk}/end/"
    assert "It hides 1 event now." in text(client, end)
    client.post(end)

    assert "Maintenance" in text(client, "/console/policies/silencepolicy/?phase=disabled")


def test_explain_names_the_silence_in_force(story: Story) -> None:
    conditions = [[{"key": "host", "operator": "eq", "value": "db-7"}]]
    create_silence(
        by=ADMIN, now=story.now, name="Maintenance", rules=conditions, effect="period",
        ends_at=story.now + timedelta(hours=1),
    )  # fmt: skip
    client = signed_in(Role.VIEWER)

    page = text(client, "/console/explain/?labels=host%3Ddb-7")
    other = text(client, "/console/explain/?labels=host%3Ddb-8")
    never = text(client, "/console/explain/?labels=host%3Ddb-8&at=9999-12-31T23:59")
    assert "Choose a moment between the years 2000 and 2200." in never

    assert "Nobody would be told now" in page
    assert "Maintenance" in page
    assert "silences it until" in page
    assert "Maintenance" not in other


def test_a_manager_makes_an_inhibition_and_events_and_explain_name_it(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    data = {
        "name": "Rack down", "is_enabled": "on", "source_rules": "alertname = RackDown",
        "target_rules": "alertname = DiskFull", "equal": "rack",
    }  # fmt: skip

    made = client.post(reverse("console:policies_inhibition_add"), data)
    story.fires("RackDown")
    story.passes(5)

    assert made.status_code == 302, made.content.decode()
    row = Inhibition.objects.get()
    assert (row.equal, row.created_by) == (["rack"], "manager")
    event = story.fires("DiskFull", severity="critical", host="db-7")
    url = reverse("console:policies_inhibition_change", args=[row.pk])
    assert url in text(client, reverse("console:events_event_change", args=[event.pk]))
    assert url in text(client, f"/console/explain/?event={event.pk}")
    assert "alertname = RackDown" in text(client, "/console/policies/inhibition/")
    refused = client.post(url, {**data, "version": "1", "target_rules": "nonsense"}).content.decode()
    assert "write a label, a sign and a value" in refused
