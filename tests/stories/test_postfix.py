"""Mail through Debian's Postfix, and what it sends back, piped into `tocsin bounce`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from simulators.postfix import Greylist, Postfix
from simulators.smtp import SmtpSimulator
from tests.stories.harness import Story
from tests.stories.programs import database_url
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.queries import readiness

pytestmark = pytest.mark.django_db(transaction=True)

COMMAND = (sys.executable, "-m", "tocsin.cli", "bounce", "--to")


@pytest.fixture
def world() -> Iterator[SmtpSimulator]:
    """Everybody's mail server but ours."""
    with SmtpSimulator(takes_utf8=True) as running:
        yield running


@pytest.fixture
def postfix(world: SmtpSimulator) -> Iterator[Postfix]:
    with Postfix(world.port, command=COMMAND, environment={"TOCSIN_DATABASE_URL": database_url()}) as running:
        yield running


def account(story: Story, postfix: Postfix, **more: str) -> None:
    config = {
        "host": "127.0.0.1",
        "port": str(postfix.port),
        "security": "none",
        "bounces": "bounces@alerts.example.org",
    }
    story.account("smtp", **{**config, "from": "alerts@example.org", **more})


def doubt(who: Contact) -> str | None:
    return readiness([who.pk])[who.pk][Channel.EMAIL].doubt


def test_what_postfix_cannot_deliver_comes_back_fails_the_message_and_marks_the_address(
    story: Story, world: SmtpSimulator, postfix: Postfix
) -> None:
    account(story, postfix)
    ann, bob = story.contact("Ann", email="ann@example.org"), story.contact("Bob", email="bob@example.org")
    story.policy({ann: ["email"], bob: ["email"]})
    world.answer("ann@example.org", "550 5.1.1 <ann@example.org>: no such user here")

    story.fires("DiskFull")
    story.passes(5)
    postfix.wait_until_handed_over(1)
    [read] = world.wait_for(1)

    gone = story.expect_mail(ann, "DiskFull").delivery
    assert (gone.state, gone.reason, doubt(ann)) == ("failed", "bounced", "bounced")
    assert gone.detail == "550 5.1.1 <***>: no such user here"
    assert (story.expect_mail(bob, "DiskFull").delivery.state, doubt(bob)) == ("accepted", None)
    assert (read.recipient, read.message["Auto-Submitted"]) == ("bob@example.org", "auto-generated")
    assert [code for _, _, code in postfix.handed_over] == [0]


@pytest.mark.thorough
def test_a_report_waits_in_postfix_while_the_database_is_away(
    story: Story, world: SmtpSimulator, postfix: Postfix
) -> None:
    account(story, postfix)
    ann = story.contact("Ann", email="ann@example.org")
    story.policy({ann: ["email"]})
    world.answer("ann@example.org", "550 5.1.1 no such user here")
    postfix.environment["TOCSIN_DATABASE_URL"] = "postgresql://tocsin@127.0.0.1:9/tocsin"

    story.fires("DiskFull")
    story.passes(5)
    postfix.wait_until_handed_over(1)
    early = doubt(ann)
    postfix.environment["TOCSIN_DATABASE_URL"] = database_url()
    postfix.wait_until_handed_over(2)

    assert [code for _, _, code in postfix.handed_over] == [os.EX_TEMPFAIL, 0]
    assert (early, doubt(ann)) == (None, "bounced")
    assert story.expect_mail(ann).delivery.reason == "bounced"


@pytest.mark.thorough
def test_mail_that_is_of_no_message_of_ours_is_dropped_and_answered_by_nobody(
    story: Story, world: SmtpSimulator, postfix: Postfix
) -> None:
    account(story, postfix, bounces="", **{"from": "bounces+k3x9-aaaaaaaaaaaaaaaa@alerts.example.org"})
    ann = story.contact("Ann", email="bounces@alerts.example.org")
    story.policy({ann: ["email"]})

    story.fires("DiskFull")
    story.passes(5)
    postfix.wait_until_handed_over(1)

    assert story.expect_mail(ann).delivery.state == "accepted"
    assert [(to, code) for to, _, code in postfix.handed_over] == [("bounces@alerts.example.org", 0)]
    assert world.messages == []


@pytest.mark.thorough
def test_a_mailbox_that_is_full_comes_back_and_does_not_mark_the_address(
    story: Story, world: SmtpSimulator, postfix: Postfix
) -> None:
    account(story, postfix)
    ann = story.contact("Ann", email="ann@example.org")
    story.policy({ann: ["email"]})
    world.answer("ann@example.org", "552 5.2.2 mailbox full")

    story.fires("DiskFull")
    story.passes(5)
    postfix.wait_until_handed_over(1)

    full = story.expect_mail(ann).delivery
    assert (full.state, full.reason, doubt(ann)) == ("failed", "undelivered", None)


@pytest.mark.thorough
def test_a_greylisted_mail_waits_five_minutes_and_is_delivered(story: Story, world: SmtpSimulator) -> None:
    ann = story.contact("Ann", email="ann@example.org")
    story.policy({ann: ["email"]})
    with Greylist() as grey, Postfix(world.port, settings={"smtpd_recipient_restrictions": grey.check}) as postfix:
        account(story, postfix)
        story.fires("DiskFull")
        story.passes(5)
        early = story.delivery(ann, "email")
        story.passes(299)
        tries = len(grey.asked)
        story.passes(1)
        world.wait_for(1)

    assert (early.state, tries, len(grey.asked)) == ("planned", 1, 2)
    assert story.expect_mail(ann, "DiskFull").delivery.state == "accepted"


@pytest.mark.thorough
def test_an_address_that_postfix_refuses_at_once_is_marked_too(story: Story, world: SmtpSimulator) -> None:
    ann = story.contact("Ann", email="ann@example.org")
    story.policy({ann: ["email"]})
    with Postfix(world.port, settings={"relay_recipient_maps": "inline:{bob@example.org=x}"}) as postfix:
        account(story, postfix)
        story.fires("DiskFull")
        story.passes(5)

    refused = story.delivery(ann, "email")
    assert (refused.state, refused.reason, doubt(ann)) == ("failed", "refused", "bounced")
    assert "User unknown in relay recipient table" in refused.detail
    assert world.messages == []
