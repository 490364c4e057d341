"""A user who is a contact finds the same page under *My contact*."""

from __future__ import annotations

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from tests.stories.harness import Story
from tests.web.people import signed_in, user_with
from tests.web.personal.own import details, link_for
from tests.web.personal.pages import Clock
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact
from tocsin.contacts.services import link_sign_in
from tocsin.core.actors import SHELL
from tocsin.core.errors import InvalidInputError
from tocsin.delivery.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", Role)
def test_whoever_is_a_contact_finds_it_under_my_contact_whatever_the_role(
    role: Role, ann: Contact, clock: Clock
) -> None:
    browser = signed_in(role)
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=user_with(role).pk)

    page = browser.get("/console/my-contact/")
    saved = browser.post("/console/my-contact/", {"do": "save", **details(ann, user_id="ann")})
    test = browser.post("/console/my-contact/", {"do": "test", "channel": "sms"})

    ann.refresh_from_db()
    assert "+86 138 1234 5678" in page.content.decode()
    assert "/console/my-contact/" in browser.get("/console/").content.decode()
    assert (saved.status_code, ann.user_id) == (302, "ann")
    assert browser.get(test["Location"]).status_code == 200
    kinds = set(
        LogEntry.objects.filter(object_pk=str(ann.pk), action=3).values_list("additional_data__kind", flat=True)
    )
    assert kinds == {"user"}


@pytest.mark.parametrize("role", Role)
def test_others_find_nothing_there(role: Role, ann: Contact, clock: Clock) -> None:
    other = user_with(Role.ADMIN if role is not Role.ADMIN else Role.VIEWER)
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=other.pk)
    browser = signed_in(role)

    assert browser.get("/console/my-contact/").status_code == 404
    assert browser.post("/console/my-contact/", {"do": "test", "channel": "sms"}).status_code == 404
    assert "my-contact" not in browser.get("/console/").content.decode()
    assert Client().get("/console/my-contact/").status_code == 302


def test_nobody_follows_the_messages_of_others(ann: Contact, story: Story, clock: Clock) -> None:
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=user_with(Role.VIEWER).pk)
    bob = story.contact("Bob")
    link_for(bob, clock)

    page = signed_in(Role.VIEWER).get(reverse("console:my-message", args=[Delivery.objects.get().pk]))

    assert page.status_code == 404


def test_a_user_is_one_contact_at_most(ann: Contact, story: Story, clock: Clock) -> None:
    bob, user = story.contact("Bob"), user_with(Role.VIEWER)
    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=user.pk)

    with pytest.raises(InvalidInputError, match=r"viewer is Ann <b> already"):
        link_sign_in(by=SHELL, now=clock.now, contact_id=bob.pk, user_id=user.pk)

    link_sign_in(by=SHELL, now=clock.now, contact_id=ann.pk, user_id=None)
    link_sign_in(by=SHELL, now=clock.now, contact_id=bob.pk, user_id=user.pk)
    bob.refresh_from_db()
    assert bob.sign_in == user
    changes = [entry.changes["sign_in"] for entry in LogEntry.objects.filter(changes__has_key="sign_in").order_by("pk")]
    assert changes == [["", "viewer"], ["viewer", ""], ["", "viewer"]]


def test_administrators_say_which_user_a_contact_is(ann: Contact, clock: Clock) -> None:
    user = user_with(Role.VIEWER)
    path = f"/console/contacts/contact/{ann.pk}/sign-in/"
    browser = signed_in(Role.ADMIN)

    reply = browser.post(path, {"user": user.pk})

    ann.refresh_from_db()
    assert reply.status_code == 302
    assert ann.sign_in == user
    assert "Ann &lt;b&gt;" in browser.get(reverse("console:accounts_user_change", args=[user.pk])).content.decode()
    assert "viewer" in browser.get(reverse("console:contacts_contact_overview", args=[ann.pk])).content.decode()
    assert [signed_in(role).post(path, {"user": ""}).status_code for role in (Role.VIEWER, Role.MANAGER)] == [403, 403]
