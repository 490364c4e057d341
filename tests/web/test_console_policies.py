"""The pages of notification policies: the matching editor's answers, and what the pages say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from tests.stories.harness import Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role

pytestmark = pytest.mark.django_db
ADD = "console:policies_notificationpolicy_add"


@pytest.fixture
def story(now: datetime) -> Iterator[Story]:
    with time_machine.travel(now, tick=False):
        yield begin(now)


def tried(client: Client, rules: str) -> dict[str, Any]:
    reply = client.post(reverse("console:policies_notificationpolicy_match"), {"rules": rules})
    assert reply.status_code == 200
    answer: dict[str, Any] = reply.json()
    return answer


def test_typed_rules_are_counted_with_the_newest_named(story: Story) -> None:
    story.fires("DiskFull", team="db", severity="critical")
    story.fires("Gone", team="db")
    story.recovers("Gone", team="db")
    story.fires("Other", team="web")

    answer = tried(signed_in(Role.MANAGER), "team = db")

    assert "2 events of the last 7 days match" in answer["html"]
    assert "1 of them active" in answer["html"]
    assert "DiskFull" in answer["html"]
    assert "Gone" in answer["html"]
    assert "Other" not in answer["html"]
    assert answer["rules"] == [[{"key": "team", "operator": "eq", "value": "db"}]]
    assert answer["problems"] == []


def test_nothing_reported_is_said_instead_of_a_zero(story: Story) -> None:
    assert "No event was reported in the last 7 days" in tried(signed_in(Role.MANAGER), "")["html"]


def test_what_others_reported_is_text_and_no_markup(story: Story) -> None:
    story.fires("<img src=x onerror=alert(1)>")

    assert "<img" not in tried(signed_in(Role.MANAGER), "")["html"]


def test_each_problem_is_told_with_its_place(story: Story) -> None:
    answer = tried(signed_in(Role.MANAGER), 'a = b\n"" = c\n\nd =~ (e\nf in')

    places = [(problem["rule"], problem["condition"]) for problem in answer["problems"]]
    assert places == [(1, 2), (2, 1), (2, 2)]
    assert answer["problems"][0]["text"] == "Name a label."
    assert [len(rule) for rule in answer["rules"]] == [2, 2]


def test_a_line_that_cannot_be_read_leaves_the_text_as_it_is(story: Story) -> None:
    answer = tried(signed_in(Role.MANAGER), "severity critical")

    assert answer["rules"] is None
    assert "Line 1" in answer["problems"][0]["text"]


def test_labels_of_the_last_days_are_suggested_with_their_values(story: Story) -> None:
    story.fires("DiskFull", team="db")

    seen = signed_in(Role.MANAGER).get(reverse("console:policies_notificationpolicy_labels")).json()["labels"]

    values = {label["key"]: label["values"] for label in seen}
    assert values["team"] == ["db"]
    assert values["__severity__"] == ["P6"]
    assert {label["key"]: label["hint"] for label in seen}["__severity__"] == "the severity, P1 to P6"


def test_the_form_names_every_wrong_condition(story: Story) -> None:
    wei = story.contact("Wei")
    data = {
        "name": "All", "rules": "a =~ (b\nc in\n", "group_by": "", "group_wait": "5", "group_interval": "30",
        "targets-object": f"contact:{wei.pk}", "targets-email": "0",
    }  # fmt: skip

    reply = signed_in(Role.MANAGER).post(reverse(ADD), data)

    errors = reply.context["adminform"].form.errors["rules"]
    assert [error.partition(":")[0] for error in errors] == ["Rule 1, condition 1", "Rule 1, condition 2"]


def test_a_policy_begins_with_the_labels_of_an_event(story: Story) -> None:
    event = story.fires("DiskFull", team="db", severity="critical")

    page = signed_in(Role.MANAGER).get(reverse(ADD), {"event": event.pk})

    initial = page.context["adminform"].form.initial
    assert initial["rules"] == "alertname = DiskFull\nseverity = critical\nteam = db"
    assert initial["name"] == "DiskFull"
    for wrong in ("x", "987654", "٣", "9" * 40, ""):
        assert signed_in(Role.MANAGER).get(reverse(ADD), {"event": wrong}).status_code == 200


def test_problems_of_rules_are_told_in_the_readers_language(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    client.cookies["django_language"] = "zh-hans"
    user = client.get("/console/").wsgi_request.user
    user.language = "zh-hans"
    user.save(update_fields=["language"])

    [problem] = tried(client, '"" = c')["problems"]

    assert problem["text"] == "请填写标签名。"
