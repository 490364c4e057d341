"""What else a contact does and sees on its own page: verifying, testing, its messages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from auditlog.models import LogEntry
from django.test import Client

from tests.stories.harness import Story
from tests.web.personal.own import come_in, details, link_for, told
from tests.web.personal.pages import Clock, heading, press
from tocsin.contacts.models import Contact
from tocsin.delivery.models import Delivery
from tocsin.delivery.rules import Purpose
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db


def test_an_unverified_number_is_verified_from_the_page(browser: Client, story: Story, clock: Clock) -> None:
    bob = story.contact("Bob", phone="139 0000 0000", email="bob@example.org", verified=False)
    page = come_in(browser, link_for(bob, clock))

    press(browser, page, "/c/my/", "verify")
    again = press(browser, page, "/c/my/", "verify")

    assert again.status_code == 302
    assert Delivery.objects.filter(purpose=Purpose.VERIFICATION).count() == 1
    first, second = told(browser.get("/c/my/"))
    assert first.startswith("A message with a link is on its way to +86 139 **** 0000")
    assert second.startswith("No message was sent: this number got too many of them.")


def test_whoever_gets_no_texts_asks_to_be_called(browser: Client, story: Story, clock: Clock) -> None:
    bob = story.contact("Bob", phone="+86 10 6222 1234", email="bob@example.org", verified=False)
    page = come_in(browser, link_for(bob, clock))

    press(browser, page, "/c/my/", "call")

    assert Delivery.objects.get(purpose=Purpose.VERIFICATION).channel == "phone"
    [first] = told(browser.get("/c/my/"))
    assert first.startswith("We are calling +86 106 *** 1234. Enter the code that you hear at https://")


def test_a_test_is_sent_and_followed_on_the_page(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))

    reply = press(browser, page, "/c/my/", "test", channel="email")
    before = browser.get(reply["Location"])
    run_due(clock.now)
    after = browser.get(reply["Location"])

    test = Delivery.objects.get(purpose=Purpose.TEST)
    assert test.recipient_id == ann.pk
    assert before["Refresh"] == "3"
    assert "waits to be sent" in before.content.decode()
    assert "Refresh" not in after
    assert "arrived" in after.content.decode()
    assert "asked for by Ann" in (test.content.text if test.content else "")


def test_tests_are_limited_by_channel_and_need_a_channel_that_is_ready(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    page = come_in(browser, link_for(ann, clock))

    for channel in ("email",) * 4 + ("sms", "lark", "nonsense"):
        press(browser, page, "/c/my/", "test", channel=channel)

    tests = Delivery.objects.filter(purpose=Purpose.TEST).order_by("pk").values_list("channel", flat=True)
    assert list(tests) == ["email", "email", "email", "sms"]
    assert told(browser.get("/c/my/")) == [
        "These were several tests in a short time. Try again in 10 min.",
        "Nothing can be sent to you this way yet.",
    ]


def test_own_deliveries_of_thirty_days_and_nobody_elses(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    wei = story.contact("Wei Secret")
    story.policy({ann: ["email"], wei: ["email"]})
    story.fires("Disk full")
    story.passes(5)
    old = Delivery.objects.filter(recipient_id=ann.pk).latest("pk")
    others = Delivery.objects.filter(recipient_id=wei.pk).latest("pk")
    page = come_in(browser, link_for(ann, clock))

    text = page.content.decode()
    Delivery.objects.filter(pk=old.pk).update(planned_at=clock.now - timedelta(days=30))

    assert "Disk full" in text
    assert "Wei" not in text
    assert "Disk full" not in browser.get("/c/my/").content.decode()
    assert browser.get(f"/c/my/messages/{others.pk}/")["Location"] == "/c/my/"
    assert browser.get(f"/c/my/messages/{old.pk}/").status_code == 200


def test_every_action_is_audited_with_the_contact_as_its_actor(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    before = LogEntry.objects.count()

    press(browser, page, "/c/my/", "save", **details(ann, phone="139 0000 0000", user_id="ann"))
    press(browser, page, "/c/my/", "test", channel="email")

    entries = LogEntry.objects.order_by("pk")[before - 1 :]
    assert {(entry.additional_data["by"], entry.additional_data["kind"]) for entry in entries} == {
        ("Ann <b>", "contact")
    }
    assert {entry.remote_addr for entry in entries} == {"203.0.113.9"}
    assert [entry.additional_data.get("note", "") for entry in entries] == [
        "own page, by a link to a***@example.org", "", "", "test message",
    ]  # fmt: skip


def test_the_page_speaks_the_contacts_language_in_its_time_zone(browser: Client, story: Story, clock: Clock) -> None:
    wang = story.contact("王芳", email="wang@example.org", language="zh-hans", time_zone="Asia/Shanghai")
    path = link_for(wang, clock)

    opened = browser.get(path)
    page = come_in(browser, path)

    assert 'lang="zh-hans"' in opened.content.decode()
    assert heading(page) == "怎样通知到您"
    assert "2026-11-23 20:00" in page.content.decode()
