"""What the console says before it hurts: whom a policy would not reach, and what is left empty."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.services import delete_contacts

pytestmark = pytest.mark.django_db
POLICY = {
    "name": "All", "rules": "", "group_by": "alertname", "group_wait": "5", "group_interval": "30",
    "sends_recovery": "on", "is_enabled": "on",
}  # fmt: skip


def test_saving_a_policy_warns_of_whom_it_would_not_reach(story: Story) -> None:
    ann, eve = story.contact("Ann", verified=False), story.contact("Eve", phone=None)
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=verysecret", name="Ops")
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
