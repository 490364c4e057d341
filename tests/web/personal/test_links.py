"""A personal link: what it opens, once and for how long, and how the page behind it closes."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from tests.stories.harness import Story
from tests.web.personal.own import come_in, details, link_for, newest_path
from tests.web.personal.pages import Clock, heading, press
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.contacts.services import delete_contacts, update_contact
from tocsin.core.actors import SHELL
from tocsin.delivery.models import Attempt, Delivery
from tocsin.delivery.queries import outbox_messages
from tocsin.delivery.rules import DeliveryState, Purpose, Reason
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db
UNKNOWN = "/c/" + "A" * 22


def test_a_link_goes_out_by_mail_and_its_token_is_stored_nowhere(ann: Contact, story: Story, clock: Clock) -> None:
    path = link_for(ann, clock)
    token = path.removeprefix("/c/")

    run_due(clock.now)

    (message,) = outbox_messages()
    assert f"https://tocsin.example{path}" in message.text
    assert message.delivery.address_masked == "a***@example.org"
    assert (message.delivery.purpose, message.delivery.state) == (Purpose.LINK, DeliveryState.ACCEPTED)
    link = PersonalLink.objects.get()
    assert token not in {str(value) for value in vars(link).values()}
    assert message.delivery.content is None


def test_opening_shows_masked_data_only_and_uses_nothing_up(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    for _ in range(2):
        page = browser.get(path)
        browser.head(path)

    text = page.content.decode()
    assert heading(page) == "Your page"
    assert "Ann &lt;b&gt;" in text
    assert "a***@example.org" in text
    assert "ann@example.org" not in text
    assert "5678" not in text
    assert re.findall(r"<button[^>]*>(.*?)</button>", text) == ["Continue"]
    assert PersonalLink.objects.get().opened_at is None
    assert "tocsin_contact" not in browser.cookies


def test_continuing_opens_the_page_with_a_short_cookie_of_its_own(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)

    page = come_in(browser, path)

    cookie = browser.cookies["tocsin_contact"]
    assert heading(page) == "How alerts reach you"
    assert "+86 138 1234 5678" in page.content.decode()
    assert "ann@example.org" in page.content.decode()
    assert (cookie["path"], cookie["httponly"], cookie["samesite"], cookie["max-age"]) == ("/c/", True, "Lax", 1800)
    assert cookie["secure"]
    assert PersonalLink.objects.get().session_digest != cookie.value
    assert browser.get("/console/").status_code == 302


@pytest.mark.parametrize("path", ["/c/", UNKNOWN, "/c/my/"])
def test_every_page_keeps_its_address_to_itself_and_loads_nothing_foreign(browser: Client, path: str) -> None:
    page = browser.get(path)

    assert page["Referrer-Policy"] == "no-referrer"
    assert page["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "<script" not in page.content.decode()
    assert "//" not in page.content.decode().replace("http://www.w3.org", "")


def test_the_page_itself_has_those_headers(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))

    assert page["Referrer-Policy"] == "no-referrer"
    assert "script-src" not in page["Content-Security-Policy"]
    assert "<script" not in page.content.decode()


def test_a_link_works_once(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    come_in(browser, path)
    other = Client(enforce_csrf_checks=True)

    page = other.get(path)

    assert heading(page) == "This link was used already"
    assert heading(press(other, page, path, "continue")) == "This link was used already"
    assert "tocsin_contact" not in other.cookies


def test_pressing_twice_leads_to_the_page_that_is_open(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    before = browser.get(path)
    press(browser, before, path, "continue")

    again = press(browser, before, path, "continue")

    assert again["Location"] == "/c/my/"


def test_a_link_expires_after_a_day_and_another_goes_to_the_same_address(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(hours=24))

    page = browser.get(path)
    sent = press(browser, page, path, "send")

    assert heading(page) == "This link has expired"
    assert heading(sent) == "A new message is on its way"
    assert newest_path(ann) != path
    assert heading(browser.get(path)) == "There is a newer message"
    assert heading(browser.get(newest_path(ann))) == "Your page"


def test_a_newer_link_replaces_an_older_one(browser: Client, ann: Contact, clock: Clock) -> None:
    older = link_for(ann, clock)
    clock.passes(timedelta(minutes=2))
    link_for(ann, clock)

    run_due(clock.now)

    assert heading(browser.get(older)) == "There is a newer message"
    states = Delivery.objects.order_by("pk").values_list("state", "reason")
    assert list(states) == [(DeliveryState.CANCELLED, Reason.REPLACED), (DeliveryState.ACCEPTED, "")]


def test_a_link_is_worth_nothing_once_its_address_is_somebody_elses(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    path = link_for(ann, clock)
    clock.passes(timedelta(minutes=2))
    used = Client(enforce_csrf_checks=True)
    update_contact(by=SHELL, now=clock.now, contact_id=ann.pk, version=None, email="new@example.org")

    page = browser.get(path)

    assert heading(page) == "This link is not valid"
    assert "Ann" not in page.content.decode()
    assert used.get("/c/my/").status_code == 200
    run_due(clock.now)
    assert not Attempt.objects.exists()


def test_a_change_by_a_manager_of_the_address_ends_the_session_that_came_by_it(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    come_in(browser, link_for(ann, clock))

    update_contact(by=SHELL, now=clock.now, contact_id=ann.pk, version=None, email="new@example.org")

    assert "Your page was closed" in browser.get("/c/my/").content.decode()


def test_an_unknown_link_and_that_of_a_deleted_contact_are_alike(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    delete_contacts(by=SHELL, now=clock.now, ids=[ann.pk])

    bodies = {re.sub(r'nonce="[^"]+"', "", browser.get(each).content.decode()) for each in (path, UNKNOWN, path + "x")}

    assert len(bodies) == 1


def test_the_page_closes_after_half_an_hour(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    clock.passes(timedelta(minutes=30))

    saved = press(browser, page, "/c/my/", "save", **details(ann, user_id="ann"))

    assert "Your page was closed" in saved.content.decode()
    ann.refresh_from_db()
    assert ann.user_id == ""


def test_closing_it_ends_the_session_everywhere(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    secret = browser.cookies["tocsin_contact"].value

    closed = press(browser, page, "/c/my/", "close")

    assert heading(closed) == "Your page is closed"
    thief = Client(headers={"cookie": f"tocsin_contact={secret}"})
    assert "Your page was closed" in thief.get("/c/my/").content.decode()


@pytest.mark.parametrize("cookie", ["", "x", "ä", "A" * 43])
def test_a_made_up_cookie_opens_nothing(ann: Contact, clock: Clock, cookie: str) -> None:
    link_for(ann, clock)

    page = Client(headers={"cookie": f"tocsin_contact={cookie}"}).get("/c/my/")

    assert "Ann" not in page.content.decode()
    assert heading(page) == "Your page"
