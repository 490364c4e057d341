"""The picker: names from the server, a few at a time, and a plain select without script."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.stories.harness import Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.web.console.picker import Picker

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(now: datetime) -> Story:
    return begin(now)


def found(client: Client, **asked: Any) -> tuple[list[tuple[str, str]], bool]:
    reply = client.get("/console/picker/", asked).json()
    return [(item["kind"], item["name"]) for item in reply["results"]], reply["more"]


def test_names_are_found_by_any_part_and_by_kind(story: Story) -> None:
    story.contact("Night porter")
    story.group(name="Night shift")
    story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", name="Nightly builds")
    client = signed_in(Role.VIEWER)

    assert found(client, q="night", kinds="group,contact,robot") == (
        [("group", "Night shift"), ("contact", "Night porter"), ("robot", "Nightly builds")],
        False,
    )
    assert found(client, q="port", kinds="group,contact") == ([("contact", "Night porter")], False)
    assert found(client, q="night", kinds="nonsense,group") == ([("group", "Night shift")], False)


def test_a_number_or_an_address_finds_nobody(story: Story) -> None:
    story.contact("Wei", phone="+8613800001234", email="wei@example.org")

    assert found(signed_in(Role.ADMIN), q="138 0000", kinds="contact") == ([], False)
    assert found(signed_in(Role.ADMIN), q="example", kinds="contact") == ([], False)


def test_many_come_page_by_page_in_one_statement_each(story: Story) -> None:
    for number in range(25):
        story.group(name=f"Group {number:02d}")
    client = signed_in(Role.VIEWER)
    client.get("/console/picker/", {"kinds": "group"})

    with CaptureQueriesContext(connection) as read:
        first = found(client, kinds="group")
    statements = [query for query in read.captured_queries if "contactgroup" in query["sql"]]
    second = found(client, kinds="group", page=1)

    assert (len(first[0]), first[1], len(second[0]), second[1]) == (20, True, 5, False)
    assert len(statements) == 1


@pytest.mark.parametrize("asked", [{"page": "x"}, {"page": "99999"}, {"page": "-1"}, {"q": "\0"}, {"q": "x" * 900}, {}])
def test_nonsense_finds_nothing_and_breaks_nothing(story: Story, asked: dict[str, str]) -> None:
    assert signed_in(Role.VIEWER).get("/console/picker/", {"kinds": "contact,group,robot", **asked}).status_code == 200


def test_visitors_are_told_no_names(story: Story) -> None:
    story.group(name="Night shift")

    assert Client().get("/console/picker/", {"kinds": "group"}).status_code == 302


def test_without_script_it_is_a_select_of_what_is_chosen_and_the_first_hundred(story: Story) -> None:
    groups = [story.group(name=f"Group {number:03d}") for number in range(120)]
    chosen = groups[110]
    story.contact("Wei")

    page = Picker("group", "contact", multiple=True).render("told", [chosen.pk, "nonsense", 99999999])

    assert page.count("<option") == 102
    assert f'<option value="{chosen.pk}" data-kind="group" selected>Group 110</option>' in page
    assert "Group 005" in page
    assert "Group 105" not in page
    assert ">Wei<" in page


def test_a_name_cannot_write_into_the_page(story: Story) -> None:
    story.group(name="<img src=x onerror=alert(1)>")

    assert "<img" not in Picker("group").render("told", None)
