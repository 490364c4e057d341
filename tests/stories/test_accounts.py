"""Provider accounts: retry, fail-over, ambiguity and limits, over real connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.smtp import SmtpSimulator
from tests.stories.harness import Story
from tocsin.channels.models import ProviderAccount
from tocsin.delivery.models import Attempt

SENDER = {"from": "tocsin@example.org"}


@pytest.fixture
def mail() -> Iterator[SmtpSimulator]:
    with SmtpSimulator() as simulator:
        yield simulator


def add_smtp(story: Story, server: SmtpSimulator, priority: int = 100) -> ProviderAccount:
    return story.account("smtp", priority, host="127.0.0.1", port=str(server.port), security="none", **SENDER)


def test_mails_of_one_alert_are_one_thread(story: Story, mail: SmtpSimulator) -> None:
    add_smtp(story, mail)
    ann = story.contact(email="ann@example.org")
    story.policy({ann: ["email"]})

    story.fires("Disk full", summary="/var is at 97 %")
    story.passes(5)
    story.recovers("Disk full")
    story.passes(60)

    story.expect_mail(ann)
    story.expect_mail(ann, "recovered")
    fired, recovered = (item.message for item in mail.to("ann@example.org"))
    root = fired["References"] or fired["Message-ID"]
    assert root in recovered["References"]
    assert recovered["Subject"] == f"Re: {fired['Subject']}"
    assert fired["Auto-Submitted"] == "auto-generated"
    assert "/var is at 97 %" in mail.to("ann@example.org")[0].part("plain")
    assert "/var is at 97 %" in mail.to("ann@example.org")[0].part("html")


def test_outcomes_of_several_recipients_are_kept_apart(story: Story, mail: SmtpSimulator) -> None:
    add_smtp(story, mail)
    ann, bob = story.contact(email="ann@example.org"), story.contact(email="bob@example.org")
    mail.answer("bob@example.org", "550 5.1.1 No such user")
    story.policy({ann: ["email"], bob: ["email"]})

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann)
    refused = story.delivery(bob, "email")
    assert (refused.state, refused.reason, refused.attempt_count) == ("failed", "refused", 1)
    assert "No such user" in refused.detail


def test_a_greylisted_mail_is_tried_again_and_told_once(story: Story, mail: SmtpSimulator) -> None:
    add_smtp(story, mail)
    ann = story.contact(email="ann@example.org")
    mail.greylist("ann@example.org")
    story.policy({ann: ["email"]})

    story.fires("Disk full")
    story.passes(5)
    waiting = story.delivery(ann, "email").state
    story.passes(600)

    story.expect_mail(ann)
    assert waiting == "planned"
    assert len(mail.messages) == 1
    assert [attempt.outcome for attempt in Attempt.objects.order_by("pk")] == ["transient", "accepted"]


def test_an_ambiguous_mail_is_sent_again_and_the_timeline_says_so(story: Story, mail: SmtpSimulator) -> None:
    add_smtp(story, mail)
    ann = story.contact(email="ann@example.org")
    mail.answer("ann@example.org", "drop after data", "ok")
    story.policy({ann: ["email"]})

    story.fires("Disk full")
    story.passes(60)

    story.expect_mail(ann)
    story.expect_mail(ann)
    assert [attempt.outcome for attempt in Attempt.objects.order_by("pk")] == ["ambiguous", "accepted"]
    ids = {item.message["Message-ID"] for item in mail.messages}
    assert (len(mail.messages), len(ids)) == (2, 1)
    steps = [step.text for entry in story.timeline() for step in entry.steps]
    assert steps[0].startswith("try 1: ambiguous: no reply came")
    [told] = [entry.reasons for entry in story.timeline() if entry.kind == "delivery"]
    assert told == ("an earlier try is ambiguous, so it may have arrived twice",)


def test_a_broken_account_gives_way_to_the_next_by_priority(story: Story, mail: SmtpSimulator) -> None:
    with SmtpSimulator(user="tocsin", password="right") as locked:
        broken = add_smtp(story, locked, priority=1)
        add_smtp(story, mail, priority=2)
        ann = story.contact(email="ann@example.org")
        story.policy({ann: ["email"]})

        story.fires("Disk full")
        story.passes(5)

    story.expect_mail(ann)
    assert len(mail.messages) == 1
    broken.refresh_from_db()
    assert broken.last_failed_at is not None
    assert "530" in broken.last_failure
    assert [attempt.outcome for attempt in Attempt.objects.order_by("pk")] == ["permanent_config", "accepted"]


def test_mail_waits_for_a_server_that_is_out_of_order_for_half_an_hour(story: Story, mail: SmtpSimulator) -> None:
    mail.answer("ann@example.org", *["452 4.3.1 Insufficient system storage"] * 8)
    add_smtp(story, mail)
    ann = story.contact(email="ann@example.org")
    story.policy({ann: ["email"]})

    story.fires("Disk full")
    story.passes(1200)
    assert mail.messages == []
    story.passes(1200)

    story.expect_mail(ann, "Disk full")


def test_a_server_that_is_away_is_tried_again_for_an_hour_and_then_given_up(story: Story) -> None:
    story.account("smtp", host="127.0.0.1", port="9", security="none", **SENDER)
    ann = story.contact(email="ann@example.org")
    story.policy({ann: ["email"]})

    story.fires("Disk full")
    story.passes(45 * 60)
    assert story.delivery(ann, "email").state == "planned"
    story.passes(45 * 60)

    delivery = story.delivery(ann, "email")
    assert (delivery.state, delivery.reason, delivery.attempt_count) == ("failed", "tries_exhausted", 16)


def test_the_outbox_steps_back_as_soon_as_there_is_a_real_account(story: Story, mail: SmtpSimulator) -> None:
    ann = story.contact(email="ann@example.org")
    story.policy({ann: ["email"]})
    story.fires("Disk full")
    story.passes(5)
    story.expect_mail(ann)
    add_smtp(story, mail)

    story.fires("Memory low")
    story.passes(5)

    story.expect_mail(ann, "Memory low")
    assert len(mail.messages) == 1


def test_no_stored_text_or_error_holds_a_secret(story: Story) -> None:
    with SmtpSimulator(user="tocsin", password="right") as locked:
        story.account(
            "smtp", host="127.0.0.1", port=str(locked.port), security="none", **SENDER,
            username="tocsin", password="hunter2hunter2",
        )  # fmt: skip
        ann = story.contact(email="ann@example.org")
        story.policy({ann: ["email"]})
        story.fires("Disk full")
        story.passes(5)

    [attempt] = Attempt.objects.all()
    account = ProviderAccount.objects.get(provider="smtp")
    seen = f"{attempt.code} {attempt.detail} {account.last_failure} {story.delivery(ann, 'email').detail} {account!r}"
    assert attempt.outcome == "permanent_config"
    assert "hunter2hunter2" not in seen
