"""A contact's number in the console: verified when it is saved, its proof shown, each ready channel tried out."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.stories.harness import ADMIN, Story
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, PhoneVerification
from tocsin.contacts.queries import token_of
from tocsin.contacts.services import attest_phone, verify_by_link
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import send_verifications

pytestmark = pytest.mark.django_db
OLD, NEW = "+8613800001234", "+8613800005678"
CONTACT = {
    "name": "Wei", "phone": OLD, "email": "wei@example.org", "fallback": "default", "user_id": "",
    "dingtalk_user_id": "", "lark_user_id": "", "wecom_user_id": "", "language": "", "time_zone": "",
}  # fmt: skip


def saved(client: Client, contact: Contact | None, **typed: str) -> list[str]:
    """Saves the form; what the next page says."""
    if contact is None:
        url, version = reverse("console:contacts_contact_add"), {}
    else:
        url = reverse("console:contacts_contact_change", args=[contact.pk])
        contact.refresh_from_db()
        version = {"version": str(contact.version)}
    reply = client.post(url, {**CONTACT, **version, **typed}, follow=True)
    if "adminform" in reply.context and reply.context["adminform"].form.notes:
        seen = {"consequences": reply.context["adminform"].form["consequences"].value()}
        reply = client.post(url, {**CONTACT, **version, **typed, **seen}, follow=True)
    return [str(message) for message in reply.context["messages"]]


def page_of(contact: Contact, role: Role = Role.MANAGER) -> str:
    url = reverse("console:contacts_contact_overview", args=[contact.pk])
    return str(signed_in(role).get(url).content.decode())


def url_to_test(contact: Contact, channel: str = "") -> str:
    url = reverse("console:contacts_contact_send_test", args=[contact.pk])
    return f"{url}?channel={channel}" if channel else url


# the number is new or changed


def test_a_second_button_sends_the_text_to_a_new_number(story: Story) -> None:
    client = signed_in(Role.MANAGER)
    page = client.get(reverse("console:contacts_contact_add")).content.decode()
    assert "OK and send verification" in page

    said = saved(client, None, sends_verification="on")

    delivery = Delivery.objects.get()
    assert (delivery.purpose, delivery.recipient_id) == ("verification", Contact.objects.get().pk)
    assert any("A verification text to +86 138 **** 1234 is on its way." in text for text in said)
    assert any(reverse("console:delivery_delivery_change", args=[delivery.pk]) in text for text in said)


def test_by_ok_alone_nothing_is_sent(story: Story) -> None:
    said = saved(signed_in(Role.MANAGER), None)

    assert Contact.objects.get().phone == OLD
    assert not Delivery.objects.exists()
    assert not any("verification text" in text for text in said)


def test_a_changed_number_names_the_policies_and_gets_the_text(story: Story) -> None:
    wei = story.contact("Wei", phone=OLD, email="wei@example.org")
    policy = story.policy({story.group(wei): ["sms"]}, name="Databases")
    story.policy({wei: ["email"]}, name="Only mail")

    said = saved(signed_in(Role.MANAGER), wei, phone=NEW, sends_verification="on")

    (warning,) = [text for text in said if "neither call nor text" in text]
    assert reverse("console:policies_notificationpolicy_change", args=[policy.pk]) in warning
    assert "Databases" in warning
    assert "Only mail" not in warning
    assert Delivery.objects.get().address_masked == "+86 138 **** 5678"
    assert Contact.objects.get().phone_verified_at is None


@pytest.mark.parametrize(("verified", "typed"), [(True, OLD), (True, "138 0000 1234"), (True, ""), (False, "")])
def test_a_verified_or_removed_number_gets_no_text(story: Story, verified: bool, typed: str) -> None:
    wei = story.contact("Wei", phone=OLD, email="wei@example.org", verified=verified)

    saved(signed_in(Role.MANAGER), wei, name="Wei Wang", sends_verification="on", phone=typed)

    assert Contact.objects.get().name == "Wei Wang"
    assert not Delivery.objects.exists()


def test_an_unchanged_number_that_is_not_verified_gets_the_text_it_was_asked_for(story: Story) -> None:
    wei = story.contact("Wei", phone=OLD, email="wei@example.org", verified=False)

    saved(signed_in(Role.MANAGER), wei, sends_verification="on")

    assert Delivery.objects.get().recipient_id == wei.pk


def test_a_number_that_got_too_many_texts_says_when_the_next_may_go(story: Story) -> None:
    wei = story.contact("Wei", phone=OLD, email="wei@example.org", verified=False)
    send_verifications(by=ADMIN, now=story.now, contact_ids=[wei.pk])
    client = signed_in(Role.MANAGER)
    saved(client, wei, phone=NEW)
    wei.refresh_from_db()

    said = saved(client, wei, phone=OLD, sends_verification="on")

    assert any("The next one may go at 2026-11-23 12:01:00 UTC." in text for text in said)
    assert Contact.objects.get().phone == OLD
    assert Delivery.objects.count() == 1


def test_a_text_that_nothing_carries_is_refused_with_the_reason_and_the_contact_is_saved(story: Story) -> None:
    ProviderAccount.objects.update(is_enabled=False)

    said = saved(signed_in(Role.MANAGER), None, sends_verification="on")

    assert any("No account for text messages is enabled" in text for text in said)
    assert Contact.objects.get().phone == OLD
    assert not Delivery.objects.exists()


def test_what_is_refused_sends_nothing(story: Story) -> None:
    reply = signed_in(Role.MANAGER).post(
        reverse("console:contacts_contact_add"), {**CONTACT, "email": "nowhere", "sends_verification": "on"}
    )

    assert reply.status_code == 200
    assert not Delivery.objects.exists()


# what is known


def verify(story: Story, wei: Contact) -> None:
    send_verifications(by=ADMIN, now=story.now, contact_ids=[wei.pk])
    story.passes(1)
    verify_by_link(token=token_of(PhoneVerification.objects.get()), address="203.0.113.9", now=story.now)


def test_the_page_shows_the_proof_of_the_number(story: Story) -> None:
    wei = story.contact("Wei", phone=OLD, verified=False)
    assert "None: the number is not verified." in page_of(wei)
    verify(story, wei)

    whole, masked = page_of(wei), page_of(wei, Role.VIEWER)

    assert "Verified 2026-11-23 12:00:01 UTC by link in a text message, from the address 203.0.113.9" in whole
    assert "Sent 2026-11-23 12:00:00 UTC to +86 138 **** 1234 through" in whole
    assert "Only simulated: the message stayed in the outbox" in whole
    assert "Verified 2026-11-23 12:00:01 UTC by link in a text message" in masked
    assert "203.0.113.9" not in masked


def test_the_page_says_who_vouched_for_an_attested_number(story: Story, settings: Any) -> None:
    settings.ATTESTED_PHONES = True
    wei = story.contact("Wei", verified=False)
    attest_phone(by=ADMIN, now=story.now, contact_id=wei.pk, source="HR system")

    page = page_of(wei)

    assert "by attested, not proved by the contact" in page
    assert "Vouched for by: HR system" in page


def test_the_page_says_of_each_channel_whether_it_is_ready_and_when_it_was_proved(story: Story) -> None:
    wei = story.contact("Wei", email=None)
    story.policy({wei: ["phone"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_call(wei).answer()

    page = page_of(wei, Role.VIEWER)

    assert "<b>Phone call</b> last proved delivered" in page
    assert "<b>Text message</b> not proved yet" in page
    assert "<b>Email</b> There is no email address" in page
    assert "Send a test" not in page


def test_the_page_says_what_was_sent_and_not_proved(story: Story) -> None:
    wei = story.contact("Wei")
    story.policy({wei: ["sms"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(wei)

    page = page_of(wei, Role.VIEWER)

    assert "<b>Text message</b> last sent" in page
    assert ", no proof of delivery" in page
    assert page.count("not proved yet") == 2


def test_the_page_reads_few_statements(story: Story) -> None:
    wei = story.contact("Wei", verified=False)
    verify(story, wei)
    for _number in range(5):
        story.policy({story.group(wei): ["phone"]})
    client, url = signed_in(Role.MANAGER), reverse("console:contacts_contact_overview", args=[wei.pk])
    client.get(url)

    with CaptureQueriesContext(connection) as statements:
        client.get(url)

    assert len(statements) < 32, "\n".join(query["sql"][:300] for query in statements.captured_queries)


# a test


def test_only_ready_channels_offer_a_test(story: Story) -> None:
    wei = story.contact("Wei", verified=False)

    page = page_of(wei)

    assert url_to_test(wei, "email") in page
    assert url_to_test(wei, "sms") not in page
    assert url_to_test(wei, "phone") not in page


def test_a_test_is_queued_and_leads_to_what_became_of_it(story: Story) -> None:
    wei = story.contact("Wei")
    client = signed_in(Role.MANAGER)

    asked = client.get(url_to_test(wei, "sms"))
    assert not Delivery.objects.exists()
    reply = client.post(url_to_test(wei), {"channel": "sms"})

    assert asked.context["form"]["channel"].value() == "sms"
    delivery = Delivery.objects.get()
    assert reply["Location"] == reverse("console:delivery_delivery_change", args=[delivery.pk])
    assert (delivery.purpose, delivery.channel, delivery.recipient_id) == ("test", "sms", wei.pk)
    story.passes(1)
    story.expect_text(wei, "This is a test")


@pytest.mark.parametrize("channel", ["phone", "sms", "dingtalk", ""])
def test_a_channel_that_is_not_ready_is_refused(story: Story, channel: str) -> None:
    wei = story.contact("Wei", verified=False)

    reply = signed_in(Role.MANAGER).post(url_to_test(wei), {"channel": channel})

    assert list(reply.context["form"].errors) == ["channel"]
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.RESPONDER])
def test_only_managers_send_tests_and_only_from_the_page(story: Story, role: Role) -> None:
    wei = story.contact("Wei")
    asked_by_another_site = Client(enforce_csrf_checks=True)
    asked_by_another_site.cookies = signed_in(Role.MANAGER).cookies

    assert signed_in(role).post(url_to_test(wei), {"channel": "email"}).status_code == 403
    assert asked_by_another_site.post(url_to_test(wei), {"channel": "email"}).status_code == 403
    assert signed_in(Role.MANAGER).get(reverse("console:contacts_contact_send_test", args=[987654])).status_code == 404
    assert not Delivery.objects.exists()


def test_a_contact_that_nothing_reaches_says_so_instead_of_asking(story: Story) -> None:
    wei = story.contact("Wei", email=None, verified=False)

    page = signed_in(Role.MANAGER).get(url_to_test(wei)).content.decode()

    assert "No channel to this contact is ready" in page
    assert url_to_test(wei) not in page_of(wei)


def test_a_contacts_page_lists_what_was_sent_and_leads_to_all_of_it_and_to_nobody_elses(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    story.policy({ann: ["sms"], bob: ["sms"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_text(ann, "Disk full")
    story.expect_text(bob, "Disk full")
    client = signed_in(Role.VIEWER)

    page = client.get(reverse("console:contacts_contact_overview", args=[ann.pk]))
    (row,) = page.context["deliveries"]
    everything = client.get(page.context["deliveries_url"])

    mine = Delivery.objects.get(recipient_id=ann.pk)
    assert row["url"] == reverse("console:delivery_delivery_change", args=[mine.pk])
    assert "Disk full" in row["about"]
    assert row["url"] in page.content.decode()
    assert page.context["deliveries_url"] in page.content.decode()
    assert [delivery.pk for delivery in everything.context["cl"].result_list] == [mine.pk]


def test_a_contact_to_whom_nothing_was_sent_has_no_link_to_deliveries(story: Story) -> None:
    page = page_of(story.contact("Ann"))

    assert "Nothing was sent to this contact yet." in page
    assert "All deliveries to this contact" not in page
