"""Replies to text messages, from the gateway's request to the answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import DatabaseError, connection
from django.test import Client

from simulators.sms_gateway import SmsGatewaySimulator
from tests.stories.harness import ADMIN, Story
from tocsin.alerts.services import claim_alert, escalate_alert
from tocsin.channels.models import ProviderAccount
from tocsin.channels.services import disable_account
from tocsin.contacts.models import Contact
from tocsin.delivery.render import zone_named
from tocsin.policies.services import StepInput, create_escalation

pytestmark = pytest.mark.django_db

_BREAKS = """
CREATE FUNCTION pg_temp.break_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('tests.broken') = 'yes' THEN RAISE 'out of order'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER broken BEFORE UPDATE ON alerts_alert FOR EACH ROW EXECUTE FUNCTION pg_temp.break_down();
SET LOCAL tests.broken = 'yes';
"""


@pytest.fixture
def gateway() -> Iterator[SmsGatewaySimulator]:
    with SmsGatewaySimulator(reports=()) as running:
        yield running


@pytest.fixture
def account(story: Story, gateway: SmsGatewaySimulator) -> ProviderAccount:
    for other in ProviderAccount.objects.filter(channel="sms"):
        disable_account(by=ADMIN, now=story.now, account_id=other.pk)
    return story.account(
        "http_sms", preset="kannel", url=gateway.sendsms, username=gateway.username, password=gateway.password
    )


def told(story: Story, name: str = "Ann") -> Contact:
    ann = story.contact(name)
    story.policy({ann: ["sms"]}, group_wait=0)
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann)
    return ann


def writes(story: Story, account: ProviderAccount, sender: str, message: str, **more: str) -> None:
    query = urlencode({"sender": sender, "message": message, **more})
    reply = Client().get(f"/callbacks/http_sms/{account.callback_token}?{query}")
    assert (reply.status_code, reply.content) == (200, b"")
    story.passes()


def test_a_reply_claims_the_alert_and_is_answered(story: Story, account: ProviderAccount) -> None:
    ann = told(story)

    writes(story, account, str(ann.phone).removeprefix("+"), "1")

    alert = story.alert()
    assert (alert.state, alert.claimed_by) == ("handling", "Ann")
    story.expect_text(ann, "Disk full: you have claimed it.")
    assert "Ann claimed it (by a reply to a text message)" in [entry.title for entry in story.timeline()]


def test_a_chinese_reader_is_answered_in_chinese(story: Story, account: ProviderAccount) -> None:
    ann = told(story)
    Contact.objects.filter(pk=ann.pk).update(language="zh-hans")

    writes(story, account, str(ann.phone), "认领")

    story.expect_text(ann, "Disk full: 您已认领。")


def test_who_was_slower_is_told_who_has_it(story: Story, account: ProviderAccount) -> None:
    ann = told(story)
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)

    writes(story, account, str(ann.phone), "1")

    story.expect_text(ann, "Disk full: Ada Admin claimed this alert already.")
    assert story.alert().claimed_by == "Ada Admin"


def test_a_solution_is_kept_and_what_nobody_understands_is_explained(story: Story, account: ProviderAccount) -> None:
    ann = told(story)

    writes(story, account, str(ann.phone), "what is this?")
    story.expect_text(ann, "reply 1 to claim it, 2 to resolve it")
    writes(story, account, str(ann.phone), "2 deleted old logs")
    story.expect_text(ann, "it is resolved")

    assert [entry.text for entry in story.timeline() if entry.kind == "resolved"] == ["deleted old logs"]


def test_who_escalates_by_text_what_was_escalated_meanwhile_hears_how_to_take_the_next_step(
    story: Story, account: ProviderAccount
) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    steps = [StepInput(targets=[(bob.pk, ["email"])], after_minutes=minutes) for minutes in (60, 90)]
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=steps, rounds=0)
    story.policy({ann: ["sms"]}, group_wait=0, escalation_id=nights.pk)
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann)
    escalate_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    story.passes()
    story.expect_mail(bob)

    writes(story, account, str(ann.phone), "3")
    story.expect_text(ann, "Disk full: that step was taken already. Reply 3 2 to take the next one.")
    writes(story, account, str(ann.phone), "3 2")

    story.expect_text(ann, "the next step of the escalation is told now")
    story.expect_mail(bob, "Ann asks for help")


def test_however_often_3_is_written_to_one_text_it_takes_one_step(story: Story, account: ProviderAccount) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    steps = [StepInput(targets=[(bob.pk, ["email"])], after_minutes=minutes) for minutes in (30, 60, 90)]
    nights = create_escalation(by=ADMIN, now=story.now, name="Nights", steps=steps, rounds=0)
    story.policy({ann: ["sms"]}, group_wait=0, escalation_id=nights.pk)
    story.fires("Disk full")
    story.passes()
    story.expect_text(ann)

    writes(story, account, str(ann.phone), "3")
    story.expect_text(ann, "the next step of the escalation is told now")
    story.expect_mail(bob, "Ann asks for help")
    for _again in range(2):
        writes(story, account, str(ann.phone), "3")
        story.expect_text(ann, "Disk full: that step was taken already. Reply 3 2 to take the next one.")
    writes(story, account, str(ann.phone), "升级 2")
    story.expect_text(ann, "the next step of the escalation is told now")
    story.expect_mail(bob, "Ann asks for help")
    writes(story, account, str(ann.phone), "3 2")
    story.expect_text(ann, "Disk full: that step was taken already. Reply 3 3 to take the next one.")
    writes(story, account, str(ann.phone), "3 9")

    story.expect_text(ann, "Disk full: It was not escalated as often as you say")


def test_the_same_reply_twice_is_answered_once(story: Story, account: ProviderAccount) -> None:
    ann = told(story)

    writes(story, account, str(ann.phone), "1", id="mo-1")
    writes(story, account, str(ann.phone), "1", id="mo-1")

    story.expect_text(ann, "you have claimed it")
    story.expect_silence()


def test_the_same_reply_hours_later_is_still_the_same(story: Story, account: ProviderAccount, now: datetime) -> None:
    ann = told(story)
    writes(story, account, str(ann.phone), "1", id="mo-1")
    story.expect_text(ann, "you have claimed it")

    with time_machine.travel(now + timedelta(hours=23), tick=False):
        writes(story, account, str(ann.phone), "what is this?", id="mo-2")
        texts = story.delivery(ann, "sms").pk
        writes(story, account, str(ann.phone), "1", id="mo-1")

    assert story.delivery(ann, "sms").pk == texts


def test_a_reply_whose_act_failed_acts_when_it_comes_again(story: Story, account: ProviderAccount) -> None:
    ann = told(story)
    with connection.cursor() as cursor:
        cursor.execute(_BREAKS)
    with pytest.raises(DatabaseError, match="out of order"):
        writes(story, account, str(ann.phone), "1", id="mo-1")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL tests.broken = ''")

    writes(story, account, str(ann.phone), "1", id="mo-1")

    story.expect_text(ann, "you have claimed it")


def test_whoever_is_no_contact_is_not_answered(story: Story, account: ProviderAccount) -> None:
    told(story)

    writes(story, account, "+8613900000009", "1")
    writes(story, account, "not a number", "1")

    story.expect_silence()
    assert story.alert().state == "pending"


def test_a_reply_comments_and_mutes_for_as_long_as_it_says(story: Story, account: ProviderAccount) -> None:
    ann = told(story)

    writes(story, account, str(ann.phone), "comment the disk is being extended")
    writes(story, account, str(ann.phone), "mute 2h")

    assert story.alert().muted_until == story.now + timedelta(hours=2)
    until = (story.now + timedelta(hours=2)).astimezone(zone_named(""))
    story.expect_text(ann, "Disk full: your comment was added.")
    story.expect_text(ann, f"Disk full: nothing is sent about it until {until:%Y-%m-%d %H:%M}.")
    assert ("Ann commented (by a reply to a text message)", "the disk is being extended") in [
        (entry.title, entry.text) for entry in story.timeline()
    ]
