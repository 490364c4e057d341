"""The Coverage page and its command: each dead end leads to where it is mended."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from tests.stories.harness import ADMIN, Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.cli.coverage import show
from tocsin.policies.models import NotificationPolicy
from tocsin.policies.services import disable_policy

pytestmark = pytest.mark.django_db


@pytest.fixture
def story(now: datetime) -> Story:
    story = begin(now)
    bob = story.contact("Bob", verified=False)
    story.policy({story.group(name="Nobody yet"): ["phone"], bob: ["phone"]}, name="Nights")
    return story


def test_each_dead_end_leads_to_where_it_is_mended_and_the_front_page_counts_them(story: Story) -> None:
    manager = signed_in(Role.MANAGER)
    bob = story.contact("Bob 2", verified=False)

    page, home = manager.get("/console/coverage/").text, manager.get("/console/").text

    assert "3 dead ends were found before they hurt" in page
    for row in ("policies/notificationpolicy", "contacts/contactgroup"):
        assert f'href="/console/{row}/' in page
    assert page.count("/verify/") == 1
    assert f"/console/contacts/contact/{bob.pk}/overview/" in page
    assert "3 dead ends: somebody would not be told" in home
    assert "/verify/" not in signed_in(Role.VIEWER).get("/console/coverage/").text


def test_the_page_says_when_no_policy_is_enabled(story: Story) -> None:
    for policy in NotificationPolicy.objects.all():
        disable_policy(by=ADMIN, now=story.now, policy_id=policy.pk)

    page = signed_in(Role.VIEWER).get("/console/coverage/").text

    assert "No notification policy is enabled, so nobody is told of anything" in page
    assert "every enabled policy reaches somebody" not in page


def test_the_command_ends_with_3_when_something_is_broken(story: Story, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        show(json=True)
    found = json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit):
        show()

    assert ended.value.code == 3
    assert [(section["dead_end"], section["total"]) for section in found if section["total"]] == [
        ("policy", 1),
        ("group", 1),
        ("unverified", 1),
        ("unproved", 1),
    ]
    assert "Policies that reach nobody: 1. Name somebody who can be reached" in capsys.readouterr().out
