"""Webhooks in policies: what programs are told, when it is told again, and what is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.webhook import WebhookReceiver
from tests.stories.harness import ADMIN, Story
from tocsin.channels.kinds import Channel
from tocsin.contacts.queries import outlet_reach
from tocsin.contacts.services import delete_webhooks, update_webhook
from tocsin.delivery.models import Delivery
from tocsin.delivery.services import send_test

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(secret=SECRET) as running:
        yield running


def test_a_program_gets_the_whole_alert_signed_and_then_its_recovery(story: Story, receiver: WebhookReceiver) -> None:
    tickets = story.webhook(receiver.webhook, secret=SECRET, name="Tickets")
    policy = story.policy({tickets: []}, group_by=["alertname"])

    story.fires("Disk full", summary="/var is at 97 %", instance="db1", severity="critical")
    story.passes(5)
    story.recovers("Disk full", instance="db1", severity="critical")
    story.passes(60)

    story.expect_webhook(tickets, "Disk full", "/var is at 97 %")
    story.expect_webhook(tickets, "Disk full", "recovered")
    fired, recovered = [received.json() for received in receiver.received]
    assert (fired["version"], fired["status"], fired["receiver"], fired["truncatedAlerts"]) == (
        "4", "firing", "Tickets", 0,
    )  # fmt: skip
    assert fired["groupLabels"] == {"alertname": "Disk full"}
    assert fired["commonLabels"] == {"alertname": "Disk full", "instance": "db1", "severity": "critical"}
    assert fired["externalURL"] == f"https://tocsin.example/console/alerts/alert/{story.alert().pk}/change/"
    [event] = fired["alerts"]
    assert (event["status"], event["startsAt"], event["endsAt"]) == (
        "firing", "2026-11-23T12:00:00Z", "0001-01-01T00:00:00Z",
    )  # fmt: skip
    assert event["annotations"] == {"summary": "/var is at 97 %"}
    assert len(event["fingerprint"]) == 36
    own = fired["tocsin"]
    assert (own["alert_id"], own["severity"], own["cause"]) == (story.alert().pk, "P1", "fired")
    assert (own["title"], own["policy"], own["opened_at"]) == ("Disk full", policy.name, "2026-11-23T12:00:00Z")
    assert own["content"].startswith("[P1] Disk full\nfiring: 1 event")
    assert (recovered["status"], recovered["alerts"][0]["status"]) == ("resolved", "resolved")
    assert recovered["alerts"][0]["endsAt"] == "2026-11-23T12:00:05Z"
    assert fired["tocsin"]["delivery_id"] != recovered["tocsin"]["delivery_id"]


def test_templates_of_ones_own_are_filled_in(story: Story, receiver: WebhookReceiver) -> None:
    chat = story.webhook(
        receiver.webhook, secret=SECRET, body='{"text": "$content"}', recovery_body='{"text": "over: $title"}'
    )
    story.policy({chat: []})

    story.fires("Disk full", summary='say "hi"')
    story.passes(5)
    story.recovers("Disk full")
    story.passes(60)

    story.expect_webhook(chat)
    story.expect_webhook(chat)
    fired, recovered = [received.json() for received in receiver.received]
    assert 'say "hi"' in fired["text"]
    assert recovered == {"text": "over: Disk full"}


def test_a_lost_answer_is_tried_again_with_the_same_id_and_the_receiver_drops_the_double(
    story: Story, receiver: WebhookReceiver
) -> None:
    tickets = story.webhook(receiver.webhook, secret=SECRET)
    story.policy({tickets: []})
    receiver.take_and_cut_next()

    story.fires("Disk full")
    story.passes(60)

    story.expect_webhook(tickets)
    story.expect_webhook(tickets)
    assert (len(receiver.received), receiver.doubles) == (1, 1)
    assert story.delivery(tickets, "webhook").state == "delivered"


def test_a_receiver_that_is_down_gets_it_when_it_is_back(story: Story, receiver: WebhookReceiver) -> None:
    tickets = story.webhook(receiver.webhook, secret=SECRET)
    story.policy({tickets: []})
    receiver.answer_next(503, "restarting")

    story.fires("Disk full")
    story.passes(5)
    waiting = story.delivery(tickets, "webhook")
    failed = outlet_reach([tickets.pk])[tickets.pk]
    story.passes(30)

    story.expect_webhook(tickets)
    assert (waiting.state, waiting.detail) == ("planned", "503: HTTP 503: restarting")
    assert failed.failure == "503: HTTP 503: restarting"
    reach = outlet_reach([tickets.pk])[tickets.pk]
    assert reach.delivered_at is not None
    assert reach.failed_at is not None
    assert reach.delivered_at > reach.failed_at


def test_what_a_slow_receiver_held_back_is_never_merged(story: Story, receiver: WebhookReceiver) -> None:
    tickets = story.webhook(receiver.webhook, secret=SECRET)
    story.policy({tickets: []}, group_by=["alertname"])
    for _ in range(3):
        receiver.answer_next(429, "slow down", **{"Retry-After": "20"})

    for number in range(3):
        story.fires(f"Alert {number}")
    story.passes(5)
    held = Delivery.objects.filter(state="held").count()
    story.passes(60)

    for _ in range(3):
        story.expect_webhook(tickets)
    assert held == 3
    assert sorted(received.json()["tocsin"]["title"] for received in receiver.received) == [
        "Alert 0", "Alert 1", "Alert 2",
    ]  # fmt: skip


def test_a_disabled_webhook_is_told_nothing_and_the_timeline_says_why(story: Story, receiver: WebhookReceiver) -> None:
    tickets = story.webhook(receiver.webhook, name="Tickets", is_enabled=False)
    story.policy({tickets: []})

    story.fires("Disk full")
    story.passes(5)

    reasons = [reason for entry in story.timeline() for reason in entry.reasons]
    assert reasons == ["Tickets (webhook): the webhook is disabled"]
    assert receiver.requests == 0


@pytest.mark.parametrize(
    ("is_deleted", "state", "reason"),
    [(True, "cancelled", "webhook_deleted"), (False, "skipped", "webhook_disabled")],
)
def test_what_was_planned_is_not_sent_to_a_webhook_that_is_gone(
    story: Story, receiver: WebhookReceiver, is_deleted: bool, state: str, reason: str
) -> None:
    tickets = story.webhook(receiver.webhook, secret=SECRET)
    story.policy({tickets: []})
    receiver.answer_next(503)
    story.fires("Disk full")
    story.passes(5)

    if is_deleted:
        delete_webhooks(by=ADMIN, now=story.now, ids=[tickets.pk])
    else:
        update_webhook(by=ADMIN, now=story.now, webhook_id=tickets.pk, version=None, is_enabled=False)
    story.passes(60)

    last = Delivery.objects.latest("pk")
    assert (last.state, last.reason, receiver.received) == (state, reason, [])


def test_a_test_says_that_it_is_one(story: Story, receiver: WebhookReceiver) -> None:
    tickets = story.webhook(receiver.webhook, secret=SECRET)

    send_test(by=ADMIN, now=story.now, object_id=tickets.pk, channel=Channel.WEBHOOK)
    story.passes()

    story.expect_webhook(tickets, "This is a test")
    [received] = receiver.received
    body = received.json()
    assert body["commonLabels"]["alertname"] == "TocsinTest"
    assert body["tocsin"]["cause"] == "test"
    assert "This is a test" in body["alerts"][0]["annotations"]["summary"]


def test_no_credential_of_an_annotation_is_passed_on(story: Story, receiver: WebhookReceiver) -> None:
    tickets = story.webhook(receiver.webhook, secret=SECRET)
    story.policy({tickets: []})

    story.fires("Disk full", summary="curl https://ann:hunter22@db.example/?token=abcdef")
    story.passes(5)

    story.expect_webhook(tickets)
    body = receiver.received[0].body.decode()
    assert "hunter22" not in body
    assert "abcdef" not in body
