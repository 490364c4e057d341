"""Who sends and revokes personal links, where they go, and how many."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client

from tests.stories.harness import Story
from tests.web.people import signed_in
from tests.web.personal.own import come_in, link_for
from tests.web.personal.pages import Clock
from tocsin.accounts.rules import Role
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.core.actors import SHELL
from tocsin.delivery.models import Delivery
from tocsin.delivery.personal_links import LinkSendOutcome, send_links
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db


def test_a_text_goes_to_verified_numbers_only(ann: Contact, story: Story, clock: Clock) -> None:
    bob = story.contact("Bob", verified=False, email=None)

    results = send_links(by=SHELL, now=clock.now, contact_ids=[ann.pk, bob.pk], channels=[Channel.SMS])

    assert [result.outcome for result in results] == [LinkSendOutcome.SENT, LinkSendOutcome.NO_ADDRESS]
    assert Delivery.objects.get().address_masked == "+86 138 **** 5678"


def test_an_address_gets_one_link_a_minute_and_five_an_hour(ann: Contact, clock: Clock) -> None:
    outcomes = []
    for _ in range(7):
        (result,) = send_links(by=SHELL, now=clock.now, contact_ids=[ann.pk], channels=[Channel.EMAIL])
        outcomes.append(result.outcome)
        clock.passes(timedelta(seconds=30))

    limited, sent = LinkSendOutcome.LIMITED, LinkSendOutcome.SENT
    assert outcomes == [sent, limited, sent, limited, sent, limited, sent]


def test_without_a_public_address_nothing_is_sent(ann: Contact, clock: Clock, settings: Any) -> None:
    settings.PUBLIC_URL = ""

    (result,) = send_links(by=SHELL, now=clock.now, contact_ids=[ann.pk], channels=[Channel.EMAIL])

    assert result.outcome is LinkSendOutcome.REFUSED
    assert "TOCSIN_PUBLIC_URL" in result.detail
    assert not PersonalLink.objects.exists()


def test_managers_send_a_link_from_the_contacts_page(ann: Contact, clock: Clock) -> None:
    browser, path = signed_in(Role.MANAGER), f"/console/contacts/contact/{ann.pk}/link/"

    asked = browser.get(path).content.decode()
    nothing_yet = PersonalLink.objects.count()
    browser.post(path, {"confirmed": "1", "way": "sms"})

    assert "One link will go out" in asked
    assert nothing_yet == 0
    assert PersonalLink.objects.get().channel == "sms"


def test_managers_send_links_in_batch(ann: Contact, story: Story, clock: Clock) -> None:
    story.contact("Bob", email=None)
    story.contact("Eve", email=None, verified=False)
    browser, path = signed_in(Role.MANAGER), "/console/contacts/contact/"
    chosen = {"action": "send_links", "_selected_action": [str(ann.pk)], "select_across": "1"}

    asked = browser.post(path, chosen).content.decode()
    sent = browser.post(path, {**chosen, "confirmed": "1", "way": "any"}).content.decode()

    assert "2 links will go out" in asked
    assert "2 links were queued" in sent
    again = browser.post(path, {**chosen, "confirmed": "1", "way": "any"}, headers={"X-Tocsin-Dialog": "1"}).text
    assert (again.count("data-dialog-close"), "data-dialog-changed" in again, "Back" in again) == (2, True, False)
    assert "has no address that a link could go to" in sent
    assert sorted(PersonalLink.objects.values_list("channel", flat=True)) == ["email", "sms"]


def test_managers_see_the_links_of_a_contact_and_revoke_them(browser: Client, ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    come_in(browser, path)
    clock.passes(timedelta(minutes=2))
    newer = link_for(ann, clock)
    manager, page = signed_in(Role.MANAGER), f"/console/contacts/contact/{ann.pk}/overview/"
    revoke = f"/console/contacts/contact/{ann.pk}/revoke-links/"

    before = manager.get(page).content.decode()
    asked = manager.get(revoke).content.decode()
    still_open = browser.get("/c/my/").content.decode()
    manager.post(revoke)
    after = manager.get(page).content.decode()

    assert "Not opened yet" in before
    assert "Page is open" in before
    assert "opened from 203.0.113.9" in before
    assert (path in before, newer in before, "a***@example.org" in before) == (False, False, True)
    assert "What was sent opens nothing any more" in asked
    assert "Your page was closed" not in still_open
    assert "Your page was closed" in browser.get("/c/my/").content.decode()
    assert "Continue" not in Client().get(newer).content.decode()
    assert (after.count("Expired or revoked"), after.count("Page is open"), revoke in before, revoke in after) == (
        1,
        0,
        True,
        False,
    )
    changes = [entry.changes_dict for entry in LogEntry.objects.get_for_object(ann)]
    assert {"personal_link": ["***", ""]} in changes


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_viewers_and_responders_send_and_see_none(role: Role, ann: Contact, clock: Clock) -> None:
    browser = signed_in(role)
    path = "/console/contacts/contact/"

    link_for(ann, clock)
    sent = PersonalLink.objects.count()

    single = browser.post(f"{path}{ann.pk}/link/", {"confirmed": "1"})
    revoked = browser.post(f"{path}{ann.pk}/revoke-links/")
    page = browser.get(f"{path}{ann.pk}/overview/").content.decode()
    browser.post(path, {"action": "send_links", "_selected_action": [str(ann.pk)], "confirmed": "1"})

    assert (single.status_code, revoked.status_code, "Not opened yet" in page) == (403, 403, False)
    assert PersonalLink.objects.filter(expires_at__gt=clock.now).count() == sent == 1


def test_who_may_not_manage_does_not_read_links_in_the_outbox(ann: Contact, clock: Clock) -> None:
    path = link_for(ann, clock)
    run_due(clock.now)

    assert path in signed_in(Role.MANAGER).get("/console/outbox/").content.decode()
    assert path not in signed_in(Role.RESPONDER).get("/console/outbox/").content.decode()
