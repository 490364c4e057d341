"""A fire drill from the console to the page that confirms, and back to the report."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from tests.stories.harness import Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.cli.drills import list_drills, show_drill, start
from tocsin.delivery.drill_models import Drill, DrillMember
from tocsin.delivery.queries import outbox_messages

pytestmark = pytest.mark.django_db


def test_a_manager_starts_one_and_the_button_behind_the_link_confirms(story: Story) -> None:
    ann = story.contact("Ann <a>", phone="+8613800001234")
    group = story.group(ann, story.contact("Bob", verified=False, email=None), name="Night shift")
    manager, address = signed_in(Role.MANAGER), f"/console/drills/new/?object={group.pk}"
    browser = Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.9")

    refused = signed_in(Role.RESPONDER).post(address, {"channels": ["sms"], "lasts": "30"})
    started = manager.post(address, {"channels": ["sms"], "lasts": "30"})
    waiting = manager.get(started["Location"]).text
    story.passes(5)
    link = re.search(r"https://tocsin\.example(/d/\w{22})", outbox_messages()[0].text)
    assert link
    page = browser.get(link[1])
    opened = DrillMember.objects.filter(confirmed_at__isnull=False).count()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert token
    unchecked = browser.post(link[1])
    pressed = [browser.post(link[1], {"csrfmiddlewaretoken": token[1]}).text for _ in range(2)]
    report = signed_in(Role.VIEWER).get(f"/console/drills/{Drill.objects.get().pk}/").text

    assert (refused.status_code, started.status_code, unchecked.status_code) == (403, 302, 403)
    assert "Ann &lt;a&gt;" in page.text
    assert (page["Referrer-Policy"], page["Cache-Control"]) == ("no-referrer", "no-store")
    assert opened == 0
    assert all("Confirmed, thank you" in text for text in pressed)
    assert "This link is not valid" in browser.get("/d/" + "x" * 22).text
    assert "Text message: waits to be sent" in waiting
    assert "1 of 2 confirmed" in report
    assert "the phone number is not verified" in report
    assert "13800001234" not in report
    assert "Night shift" in signed_in(Role.VIEWER).get("/console/drills/").text


def test_the_selected_contacts_of_the_list_are_asked(story: Story) -> None:
    people = [story.contact(name) for name in ("Ann", "Bob")]
    manager = signed_in(Role.MANAGER)
    chosen = {"action": "drill_selected", "_selected_action": [str(person.pk) for person in people], "index": "0"}

    asked = manager.post("/console/contacts/contact/", chosen)
    nobody = manager.post("/console/drills/new/", {"channels": ["email"], "lasts": "30"})
    manager.post(asked["Location"], {"channels": ["email"], "lasts": "30"})

    assert "Choose somebody to ask." in nobody.text
    assert sorted(DrillMember.objects.values_list("name", flat=True)) == ["Ann", "Bob"]


def test_the_command_starts_lists_and_shows(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    story.group(story.contact("Ann"), name="Night shift")

    start("Night shift", channel=["email"], minutes=5, json=True)
    number = json.loads(capsys.readouterr().out)["id"]
    list_drills(json=True)
    (row,) = json.loads(capsys.readouterr().out)
    show_drill(number)

    assert (row["who"], row["asked"], row["confirmed"]) == ("Night shift", 1, 0)
    assert "Night shift: 0 of 1 confirmed" in capsys.readouterr().out
