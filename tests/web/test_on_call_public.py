"""What of schedules is open without sign-in: the link that checks in, and the calendar that is subscribed to."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from icalendar import Calendar

from tests.stories.harness import ADMIN, Story
from tocsin.contacts.models import Contact
from tocsin.delivery.models import Delivery
from tocsin.delivery.queries import outbox_messages
from tocsin.delivery.worker import run_due
from tocsin.oncall.feed import feed_url
from tocsin.oncall.models import Handover, Schedule
from tocsin.oncall.queries import on_duty_of
from tocsin.oncall.services import remove_feed, renew_feed, substitute

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    return Client(enforce_csrf_checks=True, REMOTE_ADDR="203.0.113.9")


def asked(story: Story) -> tuple[Schedule, Contact, Contact, str]:
    """Bob's turn has just begun, and Ann is on duty until he checks in. Returns the link's path too."""
    ann, bob = story.contact("Ann"), story.contact("Bob <b>")
    rota = story.schedule([ann], name="Database", lead_id=ann.pk, check_in_minutes=10, tells_by=["sms"])
    run_due(story.now)
    Handover.objects.update(awaits_check_in=False, check_in_due_at=None, at=story.now - timedelta(hours=1))
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=bob.pk, starts_at=story.now,
               ends_at=story.now + timedelta(hours=5))  # fmt: skip
    run_due(story.now)
    found = re.search(r"https://tocsin\.example(/h/\w{22})", outbox_messages()[0].text)
    assert found
    return rota, ann, bob, found[1]


def test_opening_the_link_checks_nobody_in_and_pressing_does_so_once(story: Story, browser: Client) -> None:
    rota, ann, bob, path = asked(story)

    page = browser.get(path)
    shown = page.content.decode()
    opened = on_duty_of([rota.pk], story.now)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', shown)
    assert token
    pressed = [browser.post(path, {"csrfmiddlewaretoken": token[1]}).content.decode() for _ in range(2)]

    assert "Until you check in, Ann stays on duty" in shown
    assert "Bob &lt;b&gt;" in shown
    assert (page["Referrer-Policy"], page["Cache-Control"]) == ("no-referrer", "no-store")
    assert (opened, on_duty_of([rota.pk], story.now)) == ({rota.pk: ann.pk}, {rota.pk: bob.pk})
    assert all("You have checked in." in text for text in pressed)
    assert Handover.objects.latest("at").checked_in_via == "link"


def test_a_link_of_a_turn_that_is_over_or_of_none_does_nothing(story: Story, browser: Client) -> None:
    _rota, _ann, _bob, path = asked(story)
    unknown = browser.get("/h/" + "A" * 22)
    story.now += timedelta(hours=6)
    run_due(story.now)

    over = browser.get(path)

    assert "This link is not valid" in unknown.content.decode()
    assert (unknown.status_code, over.status_code) == (200, 200)
    assert "This turn is over" in over.content.decode()
    assert "<form" not in over.content.decode() + unknown.content.decode()
    assert "Database" not in unknown.content.decode()


def test_no_page_and_no_stored_text_holds_the_token(story: Story) -> None:
    _rota, _ann, _bob, path = asked(story)

    sent = Delivery.objects.filter(purpose="handover").select_related("content")
    texts = [delivery.content.text for delivery in sent if delivery.content]

    assert any("{check-in link}" in text for text in texts)
    assert not any(path in text for text in texts)


def test_a_calendar_holds_shifts_substitutes_and_gaps_and_its_address_can_be_renewed(
    story: Story, browser: Client
) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    day = {"days": [0, 1, 2, 3, 4], "from": "09:00", "until": "18:00"}
    rota = story.schedule([ann], name="Database", restrictions=[day], tells_by=[])
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=bob.pk, replaces_id=ann.pk,
               starts_at=story.now, ends_at=story.now + timedelta(hours=2))  # fmt: skip
    old = feed_url(renew_feed(by=ADMIN, now=story.now, schedule_id=rota.pk)).removeprefix("https://tocsin.example")

    first = browser.get(old)
    new = feed_url(renew_feed(by=ADMIN, now=story.now, schedule_id=rota.pk)).removeprefix("https://tocsin.example")

    assert first["Content-Type"] == "text/calendar; charset=utf-8"
    events = Calendar.from_ical(first.content).walk("VEVENT")
    now_on = [one for one in events if one["DTSTART"].dt <= story.now < one["DTEND"].dt]
    assert [(str(one["SUMMARY"]), str(one["DESCRIPTION"])) for one in now_on] == [
        ("Bob · Database", "Stands in for Ann.")
    ]
    assert any(str(one["SUMMARY"]) == "Nobody on duty · Database" for one in events)
    assert all(one["DTEND"].dt == other["DTSTART"].dt for one, other in pairwise(events))
    assert (browser.get(old).status_code, browser.get(new).status_code) == (404, 200)
    remove_feed(by=ADMIN, now=story.now, schedule_id=rota.pk)
    assert browser.get(new).status_code == 404
