"""Looking user IDs up: from a contact's page and for a selection, seen before anything changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from simulators.lark_app import LarkAppSimulator, Person
from tests.stories.harness import Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db
LIST = "console:contacts_contact_changelist"
ONE = "console:contacts_contact_look_up_id"


@pytest.fixture
def story() -> Story:
    return begin(utc_now())


@pytest.fixture
def lark() -> Iterator[LarkAppSimulator]:
    people = {"Ann": Person("ou_ann", mobile="+8613800000001"), "Bob": Person("ou_bob", mobile="+8613800000002")}
    with LarkAppSimulator(people=people) as simulator:
        yield simulator


@pytest.fixture
def account(story: Story, lark: LarkAppSimulator) -> ProviderAccount:
    return story.account("lark_app", **lark.config)


def post(url: str, typed: dict[str, Any], role: Role = Role.MANAGER) -> str:
    reply = signed_in(role).post(url, typed)
    assert reply.status_code == 200
    content: str = reply.content.decode()
    return content


def found_in(page: str) -> str:
    held = re.search(r'name="found" value="([^"]+)"', page)
    assert held is not None
    return held[1]


def test_one_contacts_id_is_looked_up_seen_and_filled_in(story: Story, account: ProviderAccount) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    url = reverse(ONE, args=[ann.pk])

    shown = signed_in(Role.MANAGER).get(reverse("console:contacts_contact_overview", args=[ann.pk])).content.decode()
    seen = post(url, {"account": account.pk})
    ann.refresh_from_db()
    assert ann.lark_user_id == ""
    done = post(url, {"found": found_in(seen)})

    assert url in shown
    assert "found: ou_ann" in seen
    assert "13800000001" not in seen
    assert ("filled in: ou_ann" in done, "One user ID was filled in" in done) == (True, True)
    ann.refresh_from_db()
    assert ann.lark_user_id == "ou_ann"


def test_a_selection_is_looked_up_at_once(story: Story, account: ProviderAccount) -> None:
    ann, bob = story.contact("Ann", phone="+8613800000001"), story.contact("Bob", phone="+8613800000002")
    cho = story.contact("Cho", lark_user_id="ou_old")
    carried = {"action": "look_up_ids", "_selected_action": [ann.pk, bob.pk, cho.pk], "select_across": "0"}

    asked = post(reverse(LIST), carried)
    seen = post(reverse(LIST), {**carried, "account": account.pk})
    done = post(reverse(LIST), {**carried, "found": found_in(seen)})

    assert "asked for 3 contacts" in asked
    assert "2 user IDs can be filled in" in seen
    assert "is not known there" in seen
    assert "2 user IDs were filled in" in done
    ids = dict(Contact.objects.values_list("name", "lark_user_id"))
    assert ids == {"Ann": "ou_ann", "Bob": "ou_bob", "Cho": "ou_old"}


def test_what_a_browser_made_up_is_not_filled_in(story: Story, account: ProviderAccount) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    url = reverse(ONE, args=[ann.pk])
    good = found_in(post(url, {"account": account.pk}))

    for made_up in ("x", good[:-2] + "aa", "[]"):
        assert "Look it up again" in post(url, {"found": made_up})

    ann.refresh_from_db()
    assert ann.lark_user_id == ""


def test_without_a_directory_the_page_says_who_adds_one(story: Story) -> None:
    ann = story.contact("Ann", phone="+8613800000001")
    overview = reverse("console:contacts_contact_overview", args=[ann.pk])

    page = signed_in(Role.MANAGER).get(reverse(ONE, args=[ann.pk])).content.decode()

    assert "an administrator adds an account" in page
    assert reverse(ONE, args=[ann.pk]) not in signed_in(Role.MANAGER).get(overview).content.decode()


def test_a_viewer_looks_nobody_up(story: Story, account: ProviderAccount, lark: LarkAppSimulator) -> None:
    ann = story.contact("Ann", phone="+8613800000001")

    reply = signed_in(Role.RESPONDER).post(reverse(ONE, args=[ann.pk]), {"account": account.pk})

    assert (reply.status_code, lark.requests) == (403, 0)
