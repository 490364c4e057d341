"""What the console says before it hurts."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact
from tocsin.contacts.services import delete_contacts, import_contact

pytestmark = pytest.mark.django_db
POLICY = {
    "name": "All", "rules": "", "group_by": "alertname", "group_wait": "5", "group_interval": "30",
    "sends_recovery": "on", "is_enabled": "on",
}  # fmt: skip
ROBOT = "https://oapi.dingtalk.com/robot/send?access_token=verysecret"


def test_saving_a_policy_warns_of_whom_it_would_not_reach(story: Story) -> None:
    ann, eve = story.contact("Ann", verified=False), story.contact("Eve", phone=None)
    robot = story.robot(ROBOT, name="Ops")
    typed = {
        **POLICY,
        "targets-object": [f"contact:{ann.pk}", f"contact:{eve.pk}", f"robot:{robot.pk}"],
        "targets-phone": ["0"],
        "targets-email": ["0", "1"],
    }

    reply = signed_in(Role.MANAGER).post(reverse("console:policies_notificationpolicy_add"), typed, follow=True)

    [warning] = [str(message) for message in reply.context["messages"] if message.level_tag == "warning"]
    assert warning == (
        "As things are now, not everybody can be told or mentioned: "
        "Ann (Phone call): the phone number is not verified; "
        "Eve (DingTalk): there is no user ID that this IM tool can mention; the group message still goes out"
    )


def test_saving_a_policy_that_reaches_everybody_warns_of_nothing(story: Story) -> None:
    policy = story.policy({story.contact("Ann"): ["phone"]})
    typed = {
        **POLICY,
        "version": "1",
        "targets-object": [f"group:{story.group(story.contact()).pk}"],
        "targets-sms": ["0"],
    }

    reply = signed_in(Role.MANAGER).post(
        reverse("console:policies_notificationpolicy_change", args=[policy.pk]), typed, follow=True
    )

    assert [message.level_tag for message in reply.context["messages"]] == ["success"]


def test_a_group_and_a_policy_left_empty_are_marked(story: Story) -> None:
    ann = story.contact("Ann")
    story.group(ann, name="Night shift")
    story.policy({ann: ["email"]}, name="Databases")
    delete_contacts(by=ADMIN, now=story.now, ids=[ann.pk])
    client = signed_in(Role.VIEWER)

    groups = client.get(reverse("console:contacts_contactgroup_changelist")).content.decode()
    policies = client.get(reverse("console:policies_notificationpolicy_changelist")).content.decode()

    assert "empty: tells nobody" in groups
    assert "nobody" in policies.partition("Databases")[2]


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


def test_an_administrator_vouches_for_a_number_where_the_settings_allow_it(story: Story, settings: Any) -> None:
    settings.ATTESTED_PHONES = True
    ann = story.contact("Ann", verified=False)
    page, url = (reverse(f"console:contacts_contact_{name}", args=[ann.pk]) for name in ("overview", "attest_number"))
    admin, manager = signed_in(Role.ADMIN), signed_in(Role.MANAGER)

    assert url in admin.get(page).content.decode()
    assert url not in manager.get(page).content.decode()
    assert manager.post(url, {"source": "HR directory"}).status_code == 403
    assert not Contact.objects.filter(phone_verified_at__isnull=False).exists()
    admin.post(url, {"source": "HR directory, 2026-11-01"})

    shown = admin.get(page).content.decode()
    assert "attested, not proved by the contact" in shown
    assert "Vouched for by: HR directory, 2026-11-01" in shown
    assert url not in shown


def test_nobody_vouches_for_a_number_unless_the_settings_allow_it(story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    url = reverse("console:contacts_contact_attest_number", args=[ann.pk])

    assert signed_in(Role.ADMIN).post(url, {"source": "HR directory"}).status_code == 403
    assert not Contact.objects.filter(phone_verified_at__isnull=False).exists()
