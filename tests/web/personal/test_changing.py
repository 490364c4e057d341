"""What contacts change of themselves on their own page, and what they cannot."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.stories.harness import Story
from tests.web.personal.own import come_in, details, link_for, told
from tests.web.personal.pages import Clock, heading, press
from tocsin.contacts.models import Contact
from tocsin.contacts.services import update_contact
from tocsin.core.actors import SHELL
from tocsin.delivery.models import Delivery
from tocsin.delivery.queries import outbox_messages
from tocsin.delivery.rules import DeliveryState, Purpose
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db


def test_a_changed_number_is_unverified_and_its_verification_is_sent_at_once(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    page = come_in(browser, link_for(ann, clock))
    run_due(clock.now)

    saved = press(browser, page, "/c/my/", "save", **details(ann, phone="139 0000 0000"))

    ann.refresh_from_db()
    assert saved.status_code == 302
    assert (ann.phone, ann.phone_verified_at) == ("+8613900000000", None)
    verification = Delivery.objects.get(purpose=Purpose.VERIFICATION)
    assert verification.address_masked == "+86 139 **** 0000"
    assert told(browser.get("/c/my/")) == [
        "Your changes are saved.",
        "A message with a link is on its way to +86 139 **** 0000; open it to verify the number.",
        "We have told a***@example.org of this change.",
    ]


def test_the_page_warns_before_policies_lose_phone_and_text(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    story.policy({ann: ["phone", "email"]}, name="Disks <i>")
    story.policy({ann: ["email"]}, name="Mails")
    page = come_in(browser, link_for(ann, clock))

    warned = press(browser, page, "/c/my/", "save", **details(ann, phone="139 0000 0000"))

    text = warned.content.decode()
    ann.refresh_from_db()
    assert ann.phone == "+8613812345678"
    assert "Disks &lt;i&gt;" in text
    assert "Mails" not in text
    saved = press(browser, warned, "/c/my/", "save", **details(ann, phone="139 0000 0000"), is_warned="139 0000 0000")
    ann.refresh_from_db()
    assert saved.status_code == 302
    assert ann.phone == "+8613900000000"


def test_the_old_address_is_told_when_the_email_changes_and_the_session_goes_on(
    browser: Client, ann: Contact, clock: Clock
) -> None:
    path = link_for(ann, clock)
    page = come_in(browser, path)
    run_due(clock.now)

    press(browser, page, "/c/my/", "save", **details(ann, email="new@example.org"))
    run_due(clock.now)

    (notice,) = [item for item in outbox_messages() if item.delivery.purpose == Purpose.NOTICE]
    assert notice.delivery.state == DeliveryState.ACCEPTED
    assert notice.delivery.address_masked == "a***@example.org"
    assert notice.delivery.enclosure.address == "ann@example.org"
    assert "a***@example.org is no longer used; now: n***@example.org" in notice.text
    assert "new@example.org" not in notice.text
    assert "new@example.org" in browser.get("/c/my/").content.decode()


def test_a_refusal_of_what_somebody_else_has_names_nobody(
    browser: Client, ann: Contact, story: Story, clock: Clock
) -> None:
    story.contact("Wei Secret", phone="139 0000 0000", email="wei@example.org")
    page = come_in(browser, link_for(ann, clock))

    refused = press(browser, page, "/c/my/", "save", **details(ann, phone="+86 139-0000-0000", email="WEI@example.org"))

    text = refused.content.decode()
    assert text.count("This belongs to somebody else already.") == 2
    assert "Wei Secret" not in text
    ann.refresh_from_db()
    assert ann.email == "ann@example.org"
    assert not Delivery.objects.filter(purpose=Purpose.NOTICE).exists()


def test_numbers_cannot_be_tried_out(browser: Client, ann: Contact, clock: Clock, story: Story) -> None:
    page = come_in(browser, link_for(ann, clock))

    replies = [
        press(browser, page, "/c/my/", "save", **details(ann, user_id=f"ann{number}")).status_code
        for number in range(21)
    ]

    assert replies == [302] * 20 + [200]


def test_fields_are_refused_where_they_stand(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))

    refused = press(
        browser, page, "/c/my/", "save", **details(ann, phone="", email="", lark_user_id="", fallback="sms")
    )
    number = press(browser, page, "/c/my/", "save", **details(ann, phone="138", lark_user_id="x"))

    assert "Give a phone number or an email address, or both." in refused.content.decode()
    assert 'id="id_phone_error"' in number.content.decode()
    assert 'id="id_lark_user_id_error"' in number.content.decode()


def test_name_and_groups_cannot_be_changed(browser: Client, ann: Contact, story: Story, clock: Clock) -> None:
    group = story.group(name="Night shift")
    page = come_in(browser, link_for(ann, clock))

    press(browser, page, "/c/my/", "save", **details(ann), name="Root", group_ids=str(group.pk), external_id="1")

    ann.refresh_from_db()
    assert (ann.name, ann.external_id, ann.groups.count()) == ("Ann <b>", None, 0)


def test_everything_else_is_changed(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    changed = {
        "fallback": "call", "user_id": "u1", "dingtalk_user_id": "d1", "lark_user_id": "ou_1", "wecom_user_id": "w1",
        "language": "zh-hans", "time_zone": "Asia/Shanghai",
    }  # fmt: skip

    press(browser, page, "/c/my/", "save", **details(ann, **changed))

    ann.refresh_from_db()
    assert {field: getattr(ann, field) for field in changed} == changed
    assert ann.phone_verified_at is not None
    assert "怎样通知到您" in heading(browser.get("/c/my/"))


def test_two_changes_at_once_do_not_undo_each_other(browser: Client, ann: Contact, clock: Clock) -> None:
    page = come_in(browser, link_for(ann, clock))
    before = details(ann, user_id="ann")
    update_contact(by=SHELL, now=clock.now, contact_id=ann.pk, version=None, fallback="none")

    refused = press(browser, page, "/c/my/", "save", **before)

    assert "Somebody changed this since you opened it." in refused.content.decode()
