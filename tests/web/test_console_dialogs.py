"""Pages that ask something open as a dialog box: the same address, without the frame, by a header."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from django.urls import reverse

from tests.stories.harness import Story, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact
from tocsin.web.console.pages import console

pytestmark = pytest.mark.django_db
HEADER = {"X-Tocsin-Dialog": "1"}
ASKING = [
    "contacts/contact/add/",
    "contacts/contact/defaults/",
    "contacts/contactgroup/add/",
    "contacts/robot/add/",
    "contacts/webhook/add/",
]


@pytest.fixture
def story(now: datetime) -> Story:
    return begin(now)


@pytest.mark.parametrize("path", ASKING)
def test_a_page_that_asks_comes_without_its_frame_for_a_dialog(story: Story, path: str) -> None:
    client = signed_in(Role.MANAGER)

    page = client.get(f"/console/{path}").content.decode()
    box = client.get(f"/console/{path}", headers=HEADER).content.decode()

    assert ("nav-sidebar" in page, "nav-sidebar" in box) == (True, False)
    assert ("tc-dialog-head" in box, "<form" in box) == (True, True)
    assert "OK" in box
    assert "Cancel" in box


def test_every_table_that_writes_can_ask_in_a_dialog(story: Story) -> None:
    client = signed_in(Role.ADMIN)

    for model, admin in console._registry.items():
        if "add" in getattr(admin, "writes", ()):
            url = reverse(f"console:{model._meta.app_label}_{model._meta.model_name}_add")
            assert b"tc-dialog-head" in client.get(url, headers=HEADER, follow=True).content, url


def test_a_success_in_a_dialog_names_where_it_leads_instead_of_redirecting(story: Story) -> None:
    wei = story.contact("Wei")

    reply = signed_in(Role.MANAGER).post(
        reverse("console:contacts_contact_delete", args=[wei.pk]), {"post": "yes"}, headers=HEADER
    )

    assert (reply.status_code, reply.content) == (204, b"")
    assert reply["X-Tocsin-Location"] == reverse("console:contacts_contact_changelist")
    assert "Location" not in reply.headers
    assert not Contact.objects.exists()


def test_what_is_refused_stands_in_the_same_dialog(story: Story) -> None:
    reply = signed_in(Role.MANAGER).post(reverse("console:contacts_contactgroup_add"), {"name": " "}, headers=HEADER)

    assert reply.status_code == 200
    assert "tc-dialog-head" in reply.content.decode()
    assert "This field is required" in reply.content.decode()


def test_a_dialog_says_when_the_session_has_ended_and_what_the_role_forbids(story: Story) -> None:
    url = reverse("console:contacts_contact_add")

    gone = Client().get(url, headers=HEADER)
    forbidden = signed_in(Role.VIEWER).get(url, headers=HEADER)

    assert (gone.status_code, gone["X-Tocsin-Location"].split("?")[0]) == (401, "/console/login/")
    assert forbidden.status_code == 403


def test_the_notification_objects_are_one_page_with_a_tab_for_each_kind(story: Story) -> None:
    client = signed_in(Role.VIEWER)
    tabs = {"contact": "Contacts", "contactgroup": "Contact Groups", "robot": "DingTalk/Lark/WeCom"}

    for model, title in tabs.items():
        url = reverse(f"console:contacts_{model}_changelist")
        page = client.get(url).content.decode()
        assert f'<a href="{url}" class="tc-tab-here" aria-current="page">{title}</a>' in page
        assert page.count('aria-current="page"') == 1
        for other in tabs:
            assert f'href="{reverse(f"console:contacts_{other}_changelist")}"' in page
