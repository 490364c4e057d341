"""Counts: each is of rows that whoever reads it may open, and tells nothing beyond them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape

import pytest
import time_machine
from django.test import Client

from tests.stories.harness import Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.delivery.models import Delivery

pytestmark = pytest.mark.django_db
FIGURE = re.compile(r'class="tc-figure[^"]*" href="([^"]+)"><b>(\d+)</b>')
CONTACTS = "/console/contacts/contact/"


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    """Each figure of the front page is one of its own."""
    with time_machine.travel(now, tick=False):
        story = begin(now)
        wei = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
        story.group(wei, name="Night shift")
        story.policy({wei: ["email"]}, rules=[[{"key": "team", "operator": "eq", "value": "db"}]])
        for number in range(2):
            story.fires("DiskFull", team="db", instance=f"db-{number}")
        for number in range(3):
            story.fires("Unheard", instance=f"web-{number}")
        story.passes(6)
        Delivery.objects.filter(purpose="alert").update(state="failed")
        yield story


def listed(client: Client, address: str) -> int:
    reply = client.get(unescape(address))
    assert reply.status_code == 200, address
    rows: int = reply.context["cl"].result_count
    return rows


@pytest.mark.parametrize("role", Role)
def test_each_figure_and_badge_is_the_length_of_a_list_that_the_role_may_open(story: Story, role: Role) -> None:
    client = signed_in(role)

    home = client.get("/console/")

    figures = FIGURE.findall(home.text)
    assert [int(figure) for _, figure in figures] == [1, 0, 5, 3, 3, 1, 0]
    assert [listed(client, address) for address, _ in figures] == [1, 0, 5, 3, 3, 1, 0]
    items = [item for group in home.context["sidebar_navigation"] for item in group["items"] if item.get("badge")]
    assert [(str(item["link"]), item["badge_callback"]) for item in items] == [("/console/alerts/alert/", "1")]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
@pytest.mark.parametrize("asked", ["13800001234", "1234", "wei@example", "example.org"])
def test_no_count_answers_whose_number_or_address_it_is(story: Story, role: Role, asked: str) -> None:
    client = signed_in(role)
    story.contact("Lin", phone="+8613900005678", email="lin@example.net")

    found, panel = (client.get(CONTACTS, {name: asked}) for name in ("q", "groups"))

    assert found.context["cl"].result_count == 0
    assert found.context["panel"]["everybody"] == "2"
    assert panel.context["panel"]["everybody"] == "2"
    assert listed(signed_in(Role.MANAGER), f"{CONTACTS}?q={asked}") == 1


def test_the_checklist_and_its_counts_are_for_those_who_can_act_on_them(story: Story) -> None:
    shown = {role: signed_in(role).get("/console/").context["checklist"] is not None for role in Role}

    assert shown == {Role.VIEWER: False, Role.RESPONDER: False, Role.MANAGER: True, Role.ADMIN: True}
