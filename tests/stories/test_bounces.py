"""Mail that comes back: the message has failed, and the address is known to bounce until something proves otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client

from simulators.bounces import holiday, report
from simulators.smtp import SmtpSimulator
from tests.stories.harness import ADMIN, Story
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, ContactReach
from tocsin.contacts.queries import readiness
from tocsin.contacts.services import update_contact
from tocsin.delivery.bounces import take_bounce
from tocsin.delivery.coverage import coverage
from tocsin.delivery.drills import confirm_drill, start_drill
from tocsin.delivery.rules.coverage import DeadEnd


@pytest.fixture
def server() -> Iterator[SmtpSimulator]:
    with SmtpSimulator() as running:
        yield running


@pytest.fixture
def token(story: Story, server: SmtpSimulator) -> str:
    account = story.account(
        "smtp", host=server.host, port=str(server.port), security="none", bounces="bounces@example.org",
        **{"from": "alerts@example.org"},
    )  # fmt: skip
    return account.callback_token


def told(story: Story, who: Contact, server: SmtpSimulator) -> str:
    """Fires an alert; returns the address that its mail came from."""
    story.fires("DiskFull")
    story.passes(5)
    story.expect_mail(who, "DiskFull")
    return server.messages[-1].sender


def doubts(story: Story, who: Contact) -> tuple[str | None, list[str]]:
    """Of the email, on the contact; and what coverage lists."""
    sections = {section.dead_end: section for section in coverage(story.now)}
    return readiness([who.pk])[who.pk][Channel.EMAIL].doubt, [item.name for item in sections[DeadEnd.BOUNCING].items]


def test_a_bounce_fails_the_message_and_marks_the_address_until_it_changes(
    story: Story, server: SmtpSimulator, token: str
) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    sender, first = told(story, ann, server), ann.email

    reply = Client().post(
        f"/callbacks/smtp/{token}", report(sender, recipient=ann.email or ""), content_type="message/rfc822"
    )

    sent = story.delivery(ann, "email")
    assert reply.status_code == 200
    assert (sent.state, sent.reason) == ("failed", "bounced")
    assert sent.detail == "550 5.1.1 <***>: Recipient address rejected: User unknown"
    assert doubts(story, ann) == ("bounced", ["Ann"])
    assert "came back: the address takes no mail" in str([step for entry in story.timeline() for step in entry.steps])

    update_contact(by=ADMIN, now=story.now, contact_id=ann.pk, version=ann.version, email="ann@new.example.org")
    assert doubts(story, ann) == (None, [])

    Client().post(
        f"/callbacks/smtp/{token}", report(sender, recipient=first or "", said="again"), content_type="message/rfc822"
    )
    assert doubts(story, ann) == (None, [])


def test_an_address_that_bounces_is_tried_all_the_same_and_a_confirmed_drill_takes_it_back(
    story: Story, server: SmtpSimulator, token: str
) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    assert take_bounce(report(told(story, ann, server), recipient=ann.email or ""), recipient="", now=story.now)
    assert doubts(story, ann) == ("bounced", ["Ann"])

    story.passes(60)
    start_drill(by=ADMIN, now=story.now, object_ids=[ann.pk], channels=[Channel.EMAIL], lasts=timedelta(hours=1))
    story.passes(1)
    story.expect_mail(ann)
    confirm_drill(now=story.now, delivery_id=story.delivery(ann, "email").pk, via="link")

    assert doubts(story, ann) == (None, [])


def test_forged_bounces_and_answers_of_machines_change_nothing(story: Story, server: SmtpSimulator, token: str) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    sender = told(story, ann, server)
    forged = sender.replace("+", "+1", 1)

    statuses = [
        Client().post(f"/callbacks/smtp/{token}", mail, content_type="message/rfc822").status_code
        for mail in (report(forged), report("bounces@example.org"), holiday(sender))
    ]
    elsewhere = Client().post("/callbacks/smtp/wrong", report(sender), content_type="message/rfc822").status_code

    assert (statuses, elsewhere) == ([403, 400, 200], 404)
    assert not take_bounce(report(forged), recipient="", now=story.now)
    assert story.delivery(ann, "email").state == "accepted"
    assert doubts(story, ann) == (None, [])


def test_a_full_mailbox_fails_the_message_and_does_not_mark_the_address(
    story: Story, server: SmtpSimulator, token: str
) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})
    mail = report(
        told(story, ann, server), recipient=ann.email or "", status="5.2.2", said="smtp; 552 5.2.2 mailbox full"
    )

    assert take_bounce(mail, recipient="", now=story.now)

    assert (story.delivery(ann, "email").state, story.delivery(ann, "email").reason) == ("failed", "undelivered")
    assert doubts(story, ann) == (None, [])
    assert ContactReach.objects.get(contact=ann, channel="email").failure == "undelivered"


def test_an_address_that_is_refused_at_once_is_marked_too(story: Story, server: SmtpSimulator, token: str) -> None:
    ann = story.contact("Ann", email="ann@example.org")
    story.policy({ann: ["email"]})
    server.answer("ann@example.org", "550 5.1.1 no such user")

    story.fires("DiskFull")
    story.passes(5)

    assert (story.delivery(ann, "email").state, story.delivery(ann, "email").reason) == ("failed", "refused")
    assert doubts(story, ann) == ("bounced", ["Ann"])


def test_a_bounce_of_the_address_that_mail_is_passed_on_to_marks_nobody(
    story: Story, server: SmtpSimulator, token: str
) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]})

    mail = report(told(story, ann, server), recipient="old@gmail.example")
    Client().post(f"/callbacks/smtp/{token}", mail, content_type="message/rfc822")

    assert story.delivery(ann, "email").state == "accepted"
    assert doubts(story, ann) == (None, [])
