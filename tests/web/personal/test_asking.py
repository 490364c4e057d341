"""A contact asks for a link to its own page, and learns nothing about others by asking."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.stories.harness import Story
from tests.web.personal.own import link_for, newest_path
from tests.web.personal.pages import Clock, heading, press
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.delivery.models import Attempt
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("typed", ["ANN@example.org", "138-1234-5678"])
def test_a_contact_asks_for_its_own_link(browser: Client, ann: Contact, typed: str, clock: Clock) -> None:
    page = press(browser, browser.get("/c/"), "/c/", "", address=typed)
    run_due(clock.now)

    assert heading(page) == "Look into your messages"
    assert heading(browser.get(newest_path(ann))) == "Your page"
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize(
    "typed",
    [
        "nobody@example.org",
        "139 0000 0000",
        "x",
        "",
        "\x00@x",
        "138 7777 7777",
    ],
)
def test_the_answer_is_the_same_whoevers_the_address_is(
    browser: Client, ann: Contact, story: Story, typed: str
) -> None:
    story.contact("Not verified", phone="138 7777 7777", verified=False)
    form = browser.get("/c/")

    known, unknown = (press(browser, form, "/c/", "", address=address) for address in ("ann@example.org", typed))

    nonce = re.compile(r'nonce="[^"]+"|value="\w{64}"')
    assert nonce.sub("", known.content.decode()) == nonce.sub("", unknown.content.decode())
    assert (known.status_code, unknown.status_code) == (200, 200)
    assert PersonalLink.objects.count() == 1


def test_one_network_asks_a_few_times_only(browser: Client, clock: Clock) -> None:
    form = browser.get("/c/")

    replies = [press(browser, form, "/c/", "", address="nobody@example.org") for _ in range(31)]

    assert [reply.status_code for reply in replies] == [200] * 30 + [429]
    assert replies[30]["Retry-After"] == "600"


def test_without_the_forms_token_nothing_happens(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    refused = [browser.post(each, {"do": "continue", "address": "ann@example.org"}) for each in (path, "/c/", "/c/my/")]

    assert [page.status_code for page in refused] == [403, 403, 403]
    assert PersonalLink.objects.get().opened_at is None
