"""Forms of contacts: what is refused stands at its field, what it costs is asked about, what is taken is stored."""

from __future__ import annotations

import re
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.urls import reverse

from tests.chaos.crowds import crowd
from tests.stories.harness import ADMIN, Story
from tests.web.forms import errors, post
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.queries import get_defaults
from tocsin.contacts.services import add_members, update_contact
from tocsin.delivery.models import Delivery
from tocsin.policies.services import delete_policy

pytestmark = pytest.mark.django_db
HIDDEN = re.compile(
    r'<input type="hidden" name="(action|post|confirmed|select_across|_selected_action|asked)" value="(.*?)"'
)
"""What the form of a question carries to its answer."""
CONTACT = {
    "name": "Wei", "phone": "", "email": "wei@example.org", "fallback": "default", "user_id": "",
    "dingtalk_user_id": "", "lark_user_id": "", "wecom_user_id": "", "language": "", "time_zone": "",
}  # fmt: skip


def test_a_manager_creates_a_contact(story: Story) -> None:
    group = story.group()

    reply = post(
        signed_in(Role.MANAGER), "contacts_contact_add", {**CONTACT, "phone": "138 0000 1234", "groups": [group.pk]}
    )

    assert reply.status_code == 302
    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.email) == ("Wei", "+8613800001234", "wei@example.org")
    assert list(contact.groups.all()) == [group]
    assert LogEntry.objects.get_for_object(contact).get().additional_data["by"] == "manager"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("phone", {"phone": "123"}),
        ("phone", {"phone": "one two"}),
        ("email", {"email": "nowhere"}),
        ("name", {"name": "x" * 65}),
        ("name", {"name": ""}),
        ("lark_user_id", {"lark_user_id": "wei"}),
    ],
)
def test_what_is_wrong_with_a_contact_stands_at_its_field(story: Story, field: str, typed: dict[str, str]) -> None:
    reply = post(signed_in(Role.MANAGER), "contacts_contact_add", {**CONTACT, **typed})

    assert list(errors(reply)) == [field]
    assert not Contact.objects.exists()


def test_a_number_that_somebody_has_names_them(story: Story) -> None:
    story.contact("Bob", phone="+8613800001234")

    reply = post(signed_in(Role.MANAGER), "contacts_contact_add", {**CONTACT, "phone": "+86 138 0000 1234"})

    assert "Bob" in errors(reply)["phone"][0]


def test_nobody_is_a_contact_without_a_way_to_reach_them(story: Story) -> None:
    reply = post(signed_in(Role.MANAGER), "contacts_contact_add", {**CONTACT, "email": ""})

    assert errors(reply)
    assert not Contact.objects.exists()


def test_who_opened_an_older_version_is_told_that_somebody_changed_it(story: Story) -> None:
    contact = story.contact("Wei", phone=None, email="wei@example.org")
    client = signed_in(Role.MANAGER)
    page = client.get(reverse("console:contacts_contact_change", args=[contact.pk])).content.decode()
    assert '<input type="hidden" name="version" value="1"' in page
    update_contact(by=ADMIN, now=story.now, contact_id=contact.pk, version=1, name="Wei Wang")

    reply = post(client, "contacts_contact_change", {**CONTACT, "name": "Wei Li", "version": "1"}, contact.pk)

    assert "Somebody changed this" in errors(reply)["__all__"][0]
    assert Contact.objects.get().name == "Wei Wang"


def test_a_changed_number_warns_of_what_no_longer_calls(story: Story) -> None:
    contact = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
    story.policy({contact: ["phone"]}, name="Databases")

    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_change", args=[contact.pk])
    typed = {**CONTACT, "phone": "+86 138 0000 5678", "version": "1"}

    asked = client.post(url, typed)
    notes = asked.context["adminform"].form.notes
    assert Contact.objects.get().phone == "+8613800001234"
    reply = client.post(
        url, {**typed, "consequences": asked.context["adminform"].form["consequences"].value()}, follow=True
    )

    (note,) = notes
    assert "neither call nor text" in note
    assert "Databases" in note
    assert any("Databases" in str(message) for message in reply.context["messages"])
    assert Contact.objects.get().phone == "+8613800005678"


def test_another_number_than_the_one_that_was_asked_about_asks_again(story: Story) -> None:
    contact = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
    story.policy({contact: ["phone"]}, name="Databases")
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_change", args=[contact.pk])
    typed = {**CONTACT, "phone": "+86 138 0000 5678", "version": "1"}
    seen = client.post(url, typed).context["adminform"].form["consequences"].value()

    reply = client.post(url, {**typed, "phone": "+86 138 0000 9999", "consequences": seen})

    assert reply.context["adminform"].form.notes
    assert Contact.objects.get().phone == "+8613800001234"


def test_a_change_that_costs_nothing_elsewhere_is_not_asked_about(story: Story) -> None:
    contact = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
    story.policy({contact: ["email"]}, name="Databases")

    reply = post(
        signed_in(Role.MANAGER),
        "contacts_contact_change",
        {**CONTACT, "phone": "+86 138 0000 5678", "version": "1"},
        contact.pk,
    )

    assert reply.status_code == 302
    assert Contact.objects.get().phone == "+8613800005678"


def test_leaving_a_group_without_members_is_asked_about_first(story: Story) -> None:
    contact = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
    group = story.group(contact, name="Night shift")
    story.policy({group: ["phone"]}, name="Databases")
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_change", args=[contact.pk])
    typed = {**CONTACT, "phone": "+8613800001234", "version": "2"}

    asked = client.post(url, typed)
    (note,) = asked.context["adminform"].form.notes
    seen = asked.context["adminform"].form["consequences"].value()
    done = client.post(url, {**typed, "consequences": seen})

    assert "The group Night shift will have no members." in note
    assert "Databases" in note
    assert "Nobody else is told there." in note
    assert done.status_code == 302
    assert not group.members.exists()


def test_a_group_is_made_together_with_the_contact_or_neither(story: Story) -> None:
    story.group(name="Night shift")
    client = signed_in(Role.MANAGER)

    refused = post(client, "contacts_contact_add", {**CONTACT, "new_group": "Night shift"})
    wrong = post(client, "contacts_contact_add", {**CONTACT, "new_group": "Day shift", "phone": "138"})
    made = post(client, "contacts_contact_add", {**CONTACT, "new_group": "Weekend"})

    assert list(errors(refused)) == ["new_group"]
    assert list(errors(wrong)) == ["phone"]
    assert made.status_code == 302
    assert [group.name for group in Contact.objects.get().groups.all()] == ["Weekend"]
    assert set(ContactGroup.objects.values_list("name", flat=True)) == {"Night shift", "Weekend"}


def test_taking_the_last_members_out_of_a_group_is_asked_about_first(story: Story) -> None:
    group = story.group(story.contact("Wei"), name="Night shift")
    story.policy({group: ["phone"]}, name="Databases")
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contactgroup_change", args=[group.pk])

    asked = client.post(url, {"name": "Night shift", "version": "1"})
    done = client.post(url, {"name": "Night shift", "version": "1", "consequences": "empty"})

    assert "Databases" in asked.context["adminform"].form.notes[0]
    assert done.status_code == 302
    assert not group.members.exists()


def test_a_large_group_is_added_to_and_loses_nobody_unseen(story: Story) -> None:
    group = crowd(201, story.now)
    more = story.contact("Wei")
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contactgroup_change", args=[group.pk])

    assert client.get(url).content.decode().count("selected>") == 0
    client.post(url, {"name": "Everybody", "version": "1", "members": [more.pk]})

    assert group.members.count() == 202


def test_a_member_is_removed_from_a_group_after_a_question_that_says_what_it_costs(story: Story) -> None:
    wei, bob = story.contact("Wei"), story.contact("Bob")
    group = story.group(wei, bob, name="Night shift")
    story.policy({group: ["phone"]}, name="Databases")
    client = signed_in(Role.MANAGER)
    url = f"{reverse('console:contacts_contact_remove_from_group', args=[wei.pk])}?group={group.pk}"

    asked = client.get(url)
    client.post(url)
    assert group.members.count() == 2
    client.post(url, {"confirmed": "1"})
    assert list(group.members.all()) == [bob]
    selected = {"action": "remove_selected", "_selected_action": [bob.pk], "select_across": "0"}
    listed = f"{reverse('console:contacts_contact_changelist')}?group={group.pk}"
    last = client.post(listed, selected)
    client.post(listed, {**selected, "confirmed": "1"})

    assert asked.context["notes"] == []
    assert "Databases" in last.context["notes"][0]
    assert not group.members.exists()
    assert Contact.objects.count() == 2


def test_deleting_names_what_uses_the_contact_and_then_deletes_it(story: Story) -> None:
    contact = story.contact("Wei")
    story.policy({contact: ["email"]}, name="Databases")
    group = story.group(contact, name="Night shift")
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_delete", args=[contact.pk])

    asked = client.get(url).content.decode()
    reply = client.post(url, {"post": "yes"})

    assert "Databases" in asked
    assert "The group Night shift will have no members." in asked
    assert reply.status_code == 302
    assert not Contact.objects.exists()
    assert ContactGroup.objects.get() == group


def test_deleting_many_names_the_policies_that_would_tell_nobody(story: Story) -> None:
    wei, bob, dan = story.contact("Wei"), story.contact("Bob"), story.contact("Dan")
    night = story.group(wei, bob, name="Night shift")
    empty = story.policy({night: ["phone"], wei: ["email"]}, name="Databases")
    story.policy({night: ["phone"], dan: ["email"]}, name="Network")
    story.policy({dan: ["email"]}, name="Disks")
    story.policy({night: ["sms"]}, name="Only the group")
    selected = {"action": "delete_selected", "_selected_action": [wei.pk, bob.pk]}

    asked = post(signed_in(Role.MANAGER), "contacts_contact_changelist", selected)

    notes = [re.sub("<.*?>", "", str(note)) for note in asked.context["deletable_objects"][0][0].notes]
    assert notes == [
        "The group Night shift will have no members.",
        "notification policy Databases will tell nobody.",
        "notification policy Only the group will tell nobody.",
        "contact group Night shift",
    ]
    assert reverse("console:policies_notificationpolicy_change", args=[empty.pk]) in asked.content.decode()
    assert Contact.objects.count() == 3


@pytest.mark.parametrize("kind", ["group", "robot"])
def test_deleting_a_group_or_a_robot_names_its_policies_and_those_left_empty(story: Story, kind: str) -> None:
    wei = story.contact("Wei")
    url = "https://oapi.dingtalk.com/robot/send?access_token=t"
    target = story.group(wei) if kind == "group" else story.robot(url)
    story.policy({target: ["email"] if kind == "group" else []}, name="Databases")
    story.policy({target: ["email"] if kind == "group" else [], wei: ["email"]}, name="Network")
    page = "contacts_contactgroup_delete" if kind == "group" else "contacts_robot_delete"

    asked = signed_in(Role.MANAGER).get(reverse(f"console:{page}", args=[target.pk]))

    notes = [re.sub("<.*?>", "", str(note)) for note in asked.context["deleted_objects"][0].notes]
    assert notes == [
        "notification policy Databases will tell nobody.",
        "notification policy Network",
    ]


def test_a_policy_that_told_nobody_before_is_not_said_to_be_emptied(story: Story) -> None:
    wei = story.contact("Wei")
    story.policy({story.group(): ["email"]}, name="Empty already")
    retired = story.policy({wei: ["email"]}, name="Retired")
    delete_policy(by=ADMIN, now=story.now, policy_id=retired.pk)

    asked = signed_in(Role.MANAGER).get(reverse("console:contacts_contact_delete", args=[wei.pk]))

    assert asked.context["deleted_objects"][0].notes == []


def test_many_contacts_are_deleted_at_once(story: Story) -> None:
    contacts = [story.contact() for _ in range(3)]
    selected = {"action": "delete_selected", "_selected_action": [contact.pk for contact in contacts[:2]]}

    reply = post(signed_in(Role.MANAGER), "contacts_contact_changelist", {**selected, "post": "yes"})

    assert reply.status_code == 302
    assert list(Contact.objects.all()) == [contacts[2]]


def test_all_pages_of_a_list_are_deleted_at_once(story: Story) -> None:
    contacts = [story.contact() for _ in range(60)]
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_changelist")
    selected = {"action": "delete_selected", "_selected_action": [contacts[0].pk], "select_across": "1"}

    asked = client.post(url, selected).content.decode()
    carried = HIDDEN.findall(asked)
    client.post(url, dict(carried))

    assert "Delete these 60 contacts?" in asked
    assert "Batch Delete" in asked
    assert "Delete multiple objects" not in asked
    assert [name for name, _value in carried] == ["post", "action", "select_across", "_selected_action", "asked"]
    assert not Contact.objects.exists()


def test_who_comes_to_a_list_after_the_question_is_not_deleted_with_it(story: Story) -> None:
    old = [story.contact(f"Old {number}") for number in range(3)]
    client, url = signed_in(Role.MANAGER), f"{reverse('console:contacts_contact_changelist')}?q=old"
    selected = {"action": "delete_selected", "_selected_action": [old[0].pk], "select_across": "1"}
    asked = dict(HIDDEN.findall(client.post(url, selected).content.decode()))
    story.contact("Old friend")

    again = client.post(url, asked)

    page = again.content.decode()
    assert Contact.objects.count() == 4
    assert "Delete these 4 contacts?" in page
    assert "What the list finds has changed since you were asked: look again." in page
    client.post(url, dict(HIDDEN.findall(page)))
    assert not Contact.objects.exists()


def test_who_comes_to_a_group_after_the_question_is_not_removed_from_it(story: Story) -> None:
    ann = story.contact("Ann")
    group = story.group(ann, name="Night shift")
    client, url = signed_in(Role.MANAGER), f"{reverse('console:contacts_contact_changelist')}?group={group.pk}"
    selected = {"action": "remove_selected", "_selected_action": [ann.pk], "select_across": "1"}
    asked = dict(HIDDEN.findall(client.post(url, selected).content.decode()))
    add_members(by=ADMIN, now=story.now, group_id=group.pk, contact_ids=[story.contact("Bob").pk])

    again = client.post(url, asked)

    page = again.content.decode()
    assert group.members.count() == 2
    assert "What the list finds has changed since you were asked: look again." in page
    client.post(url, dict(HIDDEN.findall(page)))
    assert not group.members.exists()


def test_an_action_on_more_contacts_than_a_list_reads_asks_for_fewer(story: Story) -> None:
    one = crowd(10_001, story.now).members.earliest("pk")
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_changelist")
    selected = {"_selected_action": [one.pk], "select_across": "1"}

    for action in ("delete_selected", "verify_numbers"):
        reply = client.post(url, {**selected, "action": action, "post": "yes", "confirmed": "1"}, follow=True)

        told = [str(message) for message in reply.context["messages"]]
        assert told == ["These are more than 10000 contacts. Search or filter for fewer of them."]
    assert Contact.objects.count() == 10_001


def test_the_default_fallback_is_changed_for_all(story: Story) -> None:
    page = signed_in(Role.MANAGER).get(reverse("console:contacts_contact_add")).content.decode()
    assert "Use the global default (currently: send a text message)" in page

    post(signed_in(Role.MANAGER), "contacts_contact_default_configuration", {"fallback": "none", "version": "0"})

    assert get_defaults().fallback == "none"


def test_verifying_says_first_how_many_texts_and_then_what_became_of_each(story: Story) -> None:
    wei, bob = story.contact("Wei", verified=False), story.contact("Bob")
    dan = story.contact("Dan", phone=None)
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_changelist")
    selected = {"action": "verify_numbers", "_selected_action": [wei.pk, bob.pk, dan.pk], "select_across": "0"}

    before = client.post(url, selected)
    assert not Delivery.objects.exists()
    after = client.post(url, {**selected, "confirmed": "1"})

    assert [(result.name, text) for result, text, _colour in before.context["rows"]] == [
        ("Wei", "gets a text message"),
        ("Bob", "is verified already"),
        ("Dan", "has no number"),
    ]
    assert after.context["rows"][0][1] == "sent"
    assert [delivery.recipient_id for delivery in Delivery.objects.all()] == [wei.pk]


def test_a_contact_is_called_with_a_code_from_its_page(story: Story) -> None:
    wei = story.contact("Wei", verified=False)
    client = signed_in(Role.MANAGER)
    url = reverse("console:contacts_contact_call_with_code", args=[wei.pk])
    page = client.get(reverse("console:contacts_contact_overview", args=[wei.pk])).content.decode()
    assert f'href="{url}"' in page

    before = client.get(url)
    assert not Delivery.objects.exists()
    after = client.post(url, {"confirmed": "1"})

    assert "One call will go out" in before.content.decode()
    assert before.context["rows"][0][1] == "is called and hears a code"
    assert "One call was queued" in after.content.decode()
    assert [delivery.channel for delivery in Delivery.objects.all()] == ["phone"]


def test_all_pages_of_a_list_are_verified_at_once(story: Story) -> None:
    contacts = [story.contact(verified=False) for _ in range(60)]
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_changelist")
    selected = {"action": "verify_numbers", "_selected_action": [contacts[0].pk], "select_across": "1"}

    before = client.post(url, selected)
    client.post(url, {**dict(before.context["hidden"]), "confirmed": "1"})

    assert before.context["texts"] == 60
    assert Delivery.objects.count() == 60


def test_where_texts_carry_codes_the_page_says_where_one_is_entered(story: Story, settings: Any) -> None:
    settings.PUBLIC_URL = ""  # as where an account carries no links
    wei = story.contact("Wei", verified=False)
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_verify_number", args=[wei.pk])

    before, after = client.get(url).text, client.post(url, {"confirmed": "1"}).text

    told = "enters it and the number within 15 minutes at /v/"
    assert told in before
    assert told in after
