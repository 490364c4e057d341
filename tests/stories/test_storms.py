"""A storm becomes messages that a person can read, and nobody gets more calls and texts in an hour than is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from simulators.twilio import TwilioSimulator
from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Alert
from tocsin.alerts.services import assign_alert
from tocsin.contacts.rules import Fallback
from tocsin.delivery.models import Allowance, Attempt, Delivery
from tocsin.delivery.pipeline import accept
from tocsin.delivery.worker import run_due
from tocsin.events.queries import key_of
from tocsin.events.rules import Report
from tocsin.policies.services import StepInput, create_escalation


def storm(story: Story, count: int, **labels: str) -> None:
    reports = [
        Report(
            labels={"alertname": "Disk full" if number % 5 else "Node down", "host": f"db{number}", **labels},
            starts_at=story.now,
            ends_at=story.now + timedelta(days=1),
        )
        for number in range(count)
    ]
    for begin in range(0, count, 500):
        accept(key_of(story.integration), reports[begin : begin + 500], story.now)


def sent(story: Story) -> list[Delivery]:
    out = [attempt.delivery for attempt in Attempt.objects.order_by("pk").select_related("delivery__content")]
    story.expected |= set(Attempt.objects.values_list("pk", flat=True))
    return out


def texts_of(deliveries: list[Delivery]) -> list[str]:
    return [delivery.content.text if delivery.content else "" for delivery in deliveries]


@pytest.fixture
def twilio(story: Story) -> Iterator[TwilioSimulator]:
    with TwilioSimulator(clock=lambda: story.now) as running:
        yield running


@pytest.mark.parametrize("count", [300, pytest.param(5000, marks=pytest.mark.thorough)])
def test_thousands_of_events_of_one_policy_are_a_handful_of_messages(story: Story, count: int) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email", "sms"]}, group_by=["alertname", "host"])

    storm(story, count, cluster="a", severity="warning")
    story.passes(300)

    mails = [item for item in sent(story) if item.channel == "email"]
    texts = [item for item in sent(story) if item.channel == "sms"]
    assert len(mails) <= 3
    assert len(texts) <= 3
    assert sum(item.stands_for for item in mails) == count
    assert sum(item.stands_for for item in texts) == count
    big = max(mails, key=lambda item: item.stands_for)
    assert big.content is not None
    read = big.content.text
    assert big.content.subject == f"{big.stands_for} notifications in one message"
    assert f"{big.stands_for} alerts: P3 {big.stands_for}; {big.stands_for} active events" in read
    assert "All of them: cluster=a, severity=warning" in read
    assert "- Disk full: " in read
    assert "... and " in read
    assert "/console/alerts/alert/" in read
    assert len(read) < 6000
    assert not Delivery.objects.exclude(state__in=["merged", "delivered", "accepted"]).exists()


def test_one_alert_of_five_thousand_events_says_what_they_share(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, group_by=[])

    storm(story, 5000, cluster="a")
    story.passes(60)

    mail = story.expect_mail(ann, "firing: 5000 events", "... and 4990 more events", "All of them: cluster=a")
    assert len(mail.text) < 6000


def test_after_a_storm_what_comes_next_is_gathered_for_a_minute(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, group_by=["host"], group_wait=0)
    storm(story, 10)
    story.passes(1)
    story.expect_mail(ann, "10 notifications")

    story.fires("Late", host="late1")
    story.passes(5)
    story.fires("Late", host="late2")
    story.passes(5)
    story.expect_silence()
    assert story.delivery(ann, "email").reason == "gathered"
    story.passes(60)

    story.expect_mail(ann, "2 notifications", "late1", "late2")


def test_few_messages_are_told_one_by_one(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["email"]}, group_by=["host"])

    storm(story, 4)
    story.passes(60)

    assert [item.stands_for for item in sent(story)] == [1, 1, 1, 1]


def test_a_cap_on_texts_announces_itself_once_and_the_rest_goes_out_as_one(story: Story, settings: Any) -> None:
    settings.TEXTS_PER_HOUR = 3
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_by=["host"], group_wait=0)
    for number in range(6):
        story.fires("Disk full", host=f"db{number}")
        story.passes(120)

    first = sent(story)
    assert [item.stands_for for item in first] == [1, 1, 1]
    told = texts_of(first)
    assert [("Further text messages to you are held back until 13:00" in text) for text in told] == [False, False, True]
    held = story.delivery(ann, "sms")
    assert (held.state, held.reason) == ("held", "person_cap")
    entry = next(entry for entry in story.timeline() if entry.kind == "delivery")
    assert "the cap on calls or texts to one person in an hour is reached" in entry.reasons[0]
    story.recovers("Disk full", host="db3")
    story.passes(3600)

    after = sent(story)[3:]
    assert [item.stands_for for item in after] == [2]
    assert "db3" not in texts_of(after)[0]
    assert "Further" not in texts_of(after)[0]


def test_the_first_call_of_an_alert_is_never_held_back_and_later_ones_are(story: Story, settings: Any) -> None:
    settings.CALLS_PER_HOUR = 2
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.policy({ann: ["phone"]}, group_by=["alertname"], group_wait=0, group_interval=1)
    for number in range(4):
        story.fires("Disk full" if number != 2 else "Fire", host=f"db{number}")
        story.passes(1)
        if number < 3:
            story.expect_call(ann, "Fire" if number == 2 else "Disk full").answer()
        story.passes(120)

    held = story.delivery(ann, "phone")
    assert (held.state, held.reason) == ("held", "person_cap")
    story.expect_silence()
    story.passes(3600)

    story.expect_call(ann, "Disk full").answer()


def test_the_first_text_of_a_p1_passes_the_cap(story: Story, settings: Any) -> None:
    settings.TEXTS_PER_HOUR = 1
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, group_by=["host"], group_wait=0)
    for number, severity in enumerate(("warning", "warning", "critical")):
        story.fires("Disk full", host=f"db{number}", severity=severity)
        story.passes(120)

    story.expect_text(ann, "db0", "Further text messages to you are held back")
    text = story.expect_text(ann, "db2").text
    assert "Further" not in text


@pytest.mark.parametrize("how", ["escalated", "assigned"])
def test_the_first_text_of_a_p1_to_somebody_who_is_turned_to_passes_the_cap(
    story: Story, settings: Any, how: str
) -> None:
    settings.TEXTS_PER_HOUR = 1
    ann, bob = story.contact("Ann"), story.contact("Bob")
    small, big = ([{"key": "alertname", "operator": "eq", "value": name}] for name in ("Small", "Big"))
    step = StepInput(after_minutes=1, targets=[(bob.pk, ["sms"])])
    escalation = create_escalation(by=ADMIN, now=story.now, name="Then Bob", steps=[step], rounds=0)
    story.policy({bob: ["sms"]}, rules=[small])
    story.policy({ann: ["sms"]}, rules=[big], escalation_id=escalation.pk if how == "escalated" else None)
    story.fires("Small", severity="warning")
    story.passes(10)
    story.expect_text(bob, "Small")
    story.fires("Big", severity="critical")
    story.passes(10)
    story.expect_text(ann, "Big")

    if how == "assigned":
        assign_alert(by=ADMIN, now=story.now, alert_id=Alert.objects.get(severity=1).pk, contact_id=bob.pk)
    story.passes(120)

    story.expect_text(bob, "Big")
    if how == "assigned":
        story.expect_mail(bob, "Big")


def test_the_text_after_a_call_that_failed_is_not_held_back(story: Story, settings: Any) -> None:
    settings.TEXTS_PER_HOUR = 1
    ann = story.contact("Ann", fallback=Fallback.SMS)
    bob = story.contact("Bob")
    story.policy({ann: ["sms", "phone"], bob: ["sms"]}, group_wait=0)
    story.fires("Disk full")
    story.passes(1)
    story.expect_text(ann)
    story.expect_text(bob)
    story.expect_call(ann).is_busy()
    story.passes(1)

    story.expect_text(ann, "Disk full")


@pytest.mark.parametrize("channel", ["sms", "phone"])
def test_no_cap_holds_nothing(story: Story, settings: Any, channel: str) -> None:
    settings.TEXTS_PER_HOUR = settings.CALLS_PER_HOUR = 0
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.policy({ann: [channel]}, group_by=["host"], group_wait=0)
    for number in range(4):
        story.fires("Disk full", host=f"db{number}")
        story.passes(1)
        story.expect(ann, channel).arrive()
        story.passes(120)

    assert len(sent(story)) == 4


def test_when_the_message_of_a_storm_is_not_sent_what_it_stood_for_is_told(
    story: Story, twilio: TwilioSimulator
) -> None:
    """The first try fails, and by the second one the alert whose message stands for all has recovered."""
    ann = story.contact("Ann")
    story.account("twilio_sms", priority=10, **twilio.config)
    story.policy({ann: ["sms"]}, group_by=["host"], group_wait=0, group_interval=1, sends_recovery=False)
    twilio.answer_next(20500)
    for number in range(6):
        story.fires("Disk full", host=f"db{number}")
    story.passes(1)
    survivor = Delivery.objects.get(stands_for=6)
    assert survivor.notification is not None
    host = survivor.notification.alert.group_labels["host"]

    story.recovers("Disk full", host=host)
    story.passes(120)

    survivor.refresh_from_db()
    assert (survivor.state, survivor.reason, survivor.stands_for) == ("skipped", "recovered", 1)
    assert sum(item.stands_for for item in Delivery.objects.filter(state="accepted")) == 5
    assert host not in "".join(texts_of(list(Delivery.objects.filter(state="accepted").select_related("content"))))
    sent(story)


def test_when_a_call_for_several_alerts_is_not_made_the_others_are_called_about(
    story: Story, twilio: TwilioSimulator
) -> None:
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.account("twilio_voice", priority=10, **twilio.config)
    story.policy({ann: ["phone"]}, group_by=["host"], group_wait=0, group_interval=1, sends_recovery=False)
    twilio.answer_next(20500)
    for number in range(2):
        story.fires("Disk full", host=f"db{number}", severity="critical")
    story.passes(1)
    survivor = Delivery.objects.get(stands_for=2)
    assert survivor.notification is not None

    story.recovers("Disk full", host=survivor.notification.alert.group_labels["host"], severity="critical")
    story.passes(30)

    other = Delivery.objects.exclude(pk=survivor.pk).get()
    assert (other.state, other.merged_into_id) == ("accepted", None)
    sent(story)


def test_when_the_call_for_several_alerts_has_to_wait_the_others_are_called_about(
    story: Story, twilio: TwilioSimulator
) -> None:
    """It is tried in the last minute of its policy's hours and again after them; the other alert's policy has none."""
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.account("twilio_voice", priority=10, **twilio.config)
    hours = {"start": "09:00", "end": "12:01", "zone": "UTC"}
    fire, flood = ([{"key": "alertname", "operator": "eq", "value": name}] for name in ("Fire", "Flood"))
    story.policy({ann: ["phone"]}, group_wait=0, rules=[fire])
    story.policy({ann: ["phone"]}, group_wait=0, rules=[flood], sending_window=hours)
    story.now += timedelta(seconds=59)
    twilio.answer_next(20500)
    story.fires("Fire")
    story.fires("Flood")
    run_due(story.now)
    waits = Delivery.objects.get(stands_for=2)

    story.passes(30)

    other = Delivery.objects.exclude(pk=waits.pk).get()
    waits.refresh_from_db()
    assert (waits.reason, waits.stands_for, other.state) == ("outside_window", 1, "accepted")
    assert waits.content is not None
    assert "Fire" not in waits.content.text
    sent(story)


def test_a_text_that_is_tried_again_uses_the_cap_once(story: Story, settings: Any, twilio: TwilioSimulator) -> None:
    settings.TEXTS_PER_HOUR = 2
    ann = story.contact("Ann")
    story.account("twilio_sms", priority=10, **twilio.config)
    story.policy({ann: ["sms"]}, group_by=["host"], group_wait=0, group_interval=1)
    twilio.answer_next(*[20500] * 3)
    story.fires("Disk full", host="db0", severity="error")

    story.passes(300)

    delivery = Delivery.objects.select_related("content").get()
    assert delivery.attempt_count > 2
    assert delivery.state in ("accepted", "delivered")
    assert "Further" not in texts_of([delivery])[0]
    assert [item.sent for item in Allowance.objects.all()] == [1]
    sent(story)


def test_a_call_that_could_not_be_placed_is_placed_again_although_the_cap_is_reached(
    story: Story, settings: Any, twilio: TwilioSimulator
) -> None:
    settings.CALLS_PER_HOUR = 1
    ann = story.contact("Ann", fallback=Fallback.NONE)
    story.account("twilio_voice", priority=10, **twilio.config)
    story.policy({ann: ["phone"]}, group_wait=0)
    twilio.answer_next(20500)
    story.fires("Fire", severity="error")

    story.passes(30)

    story.expect_call(ann)
