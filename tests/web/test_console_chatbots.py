"""Chatbots among the contacts: none is made, and what was imported is shown without its token."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact
from tocsin.contacts.services import import_contact

pytestmark = pytest.mark.django_db
ROBOT = "https://oapi.dingtalk.com/robot/send?access_token=verysecret"


def test_chatbots_are_not_made_as_contacts_and_the_page_leads_to_robots(story: Story) -> None:
    client, ann = signed_in(Role.MANAGER), story.contact()

    for view in ("contacts_contact_changelist", "contacts_contact_add"):
        page = client.get(reverse(f"console:{view}")).content.decode()
        note = page.partition("DingTalk chatbots can no longer be set up as contacts")[2]
        assert note.index(reverse("console:contacts_robot_changelist")) < 200
        assert "Chatbots that are contacts already are not affected" in note
    shown = client.get(reverse("console:contacts_contact_change", args=[ann.pk])).content.decode()
    assert "can no longer be set up" not in shown


def test_an_imported_chatbot_is_shown_without_its_token_and_can_only_be_removed(story: Story) -> None:
    old = import_contact(by=ADMIN, now=story.now, name="Old", email="old@example.org", legacy_chatbot_url=ROBOT)
    client = signed_in(Role.MANAGER)
    page = client.get(reverse("console:contacts_contact_overview", args=[old.pk])).content.decode()
    remove = reverse("console:contacts_contact_remove_chatbot", args=[old.pk])

    assert "https://oapi.dingtalk.com/robot/send" in page
    assert "verysecret" not in page
    assert "legacy_chatbot_url" not in page
    assert remove in page

    client.post(remove, {"sure": "1"})
    assert Contact.objects.get().legacy_chatbot_url == ""


def test_an_imported_chatbot_whose_token_is_in_its_path_is_shown_without_it(story: Story) -> None:
    lark = "https://open.feishu.cn/open-apis/bot/v2/hook/verysecret"
    old = import_contact(by=ADMIN, now=story.now, name="Old", legacy_chatbot_url=lark)

    page = signed_in(Role.VIEWER).get(reverse("console:contacts_contact_overview", args=[old.pk])).content.decode()

    assert "https://open.feishu.cn/open-apis/bot/v2/hook/***" in page
    assert "verysecret" not in page
