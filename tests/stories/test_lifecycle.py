"""What programs hear of an alert's life: signed, in order, again until it is taken, and nothing that did not happen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext

from simulators.webhook import WebhookReceiver
from tests.stories.harness import ADMIN, Story
from tests.stories.test_apply import run
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert, comment_alert, resolve_alert
from tocsin.channels.base import Outcome
from tocsin.contacts.models import Webhook
from tocsin.contacts.services import delete_webhooks, update_webhook
from tocsin.core.errors import ConflictError, InvalidInputError
from tocsin.delivery.lifecycle import (
    change_subscription,
    next_lifecycle_at,
    send_lifecycle,
    subscribe,
    try_subscription,
    unsubscribe,
    unsubscribe_many,
)
from tocsin.delivery.lifecycle_models import LifecycleNotice, LifecycleSubscription
from tocsin.delivery.planning import plan_due
from tocsin.delivery.rules.lifecycle import next_try
from tocsin.delivery.subscriptions import farings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver(secret=SECRET) as running:
        yield running


@pytest.fixture
def hears(story: Story, receiver: WebhookReceiver) -> LifecycleSubscription:
    """A policy that tells nobody is none, so Ann gets texts that no test here is about."""
    webhook = story.webhook(receiver.webhook, secret=SECRET, name="Tickets")
    kinds = ["opened", "claimed", "commented", "resolved"]
    return subscribe(by=ADMIN, now=story.now, webhook_id=webhook.pk, kinds=kinds)


def fires(story: Story, *names: str) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, name="All")
    for name in names:
        story.fires(name, severity="critical")
    story.passes(10)
    story.expect_many(len(names))


def told(receiver: WebhookReceiver) -> list[tuple[str, str]]:
    bodies = [received.json() for received in receiver.received]
    return [(body["data"]["alert"]["title"], body["data"]["kind"]) for body in bodies]


def test_a_program_hears_signed_what_happens_in_order(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    fires(story, "Disk full")
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    comment_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, text="disk $title ordered")
    resolve_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, text="swapped")
    story.passes(10)

    assert [kind for _title, kind in told(receiver)] == ["opened", "claimed", "commented", "resolved"]
    claimed, commented = receiver.received[1].json(), receiver.received[2].json()
    assert (claimed["type"], claimed["data"]["actor"]) == ("alert.claimed", "Ada Admin")
    assert commented["data"]["text"] == "disk $title ordered"
    alert = claimed["data"]["alert"]
    assert (alert["id"], alert["severity"], alert["policy"]) == (story.alert().pk, "P1", "All")
    assert alert["url"] == f"https://tocsin.example/console/alerts/alert/{story.alert().pk}/change/"
    assert claimed["id"] == receiver.received[1].headers["webhook-id"]
    assert LifecycleNotice.objects.filter(state="delivered", tries=1).count() == 4


def test_what_is_not_taken_is_said_again_with_its_id_and_holds_only_its_own_alert_up(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    for _ in range(4):
        receiver.answer_next(503, "busy")
    fires(story, "Disk full", "Load high")
    first = Alert.objects.get(title="Disk full")
    claim_alert(by=ADMIN, now=story.now, alert_id=first.pk)
    waits = LifecycleNotice.objects.filter(state="waiting").values_list("kind", "tries", "answer")

    assert list(waits) == [("opened", 2, "HTTP 503: busy"), ("opened", 2, "HTTP 503: busy"), ("claimed", 0, "")]
    assert next_lifecycle_at() is not None
    assert next_lifecycle_at() > story.now
    story.passes(120)

    kinds = [kind for title, kind in told(receiver) if title == "Disk full"]
    assert kinds == ["opened", "claimed"]
    assert sorted(told(receiver))[-1] == ("Load high", "opened")
    assert receiver.requests == len(receiver.received) + 4
    assert receiver.doubles == 0


def test_a_reply_that_is_lost_is_said_again_with_the_same_id(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    receiver.take_and_cut_next()

    fires(story, "Disk full")
    story.passes(30)

    assert receiver.requests == 2
    assert len({received.headers["webhook-id"] for received in receiver.received}) == 1


def test_a_receiver_that_never_takes_it_is_given_up_after_a_day_and_the_next_is_said(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    update_webhook(by=ADMIN, now=story.now, webhook_id=hears.webhook_id, version=None, secret="another-secret")
    fires(story, "Disk full")
    comment_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk, text="later")
    LifecycleNotice.objects.filter(kind="opened").update(at=story.now - timedelta(days=1))

    story.passes(60)

    opened = LifecycleNotice.objects.get(kind="opened")
    assert (opened.state, opened.next_at, opened.answer) == (
        "given_up", None, "HTTP 401: signature does not match"
    )  # fmt: skip
    assert LifecycleNotice.objects.get(kind="commented").tries > 0


def test_a_pause_keeps_what_happens_and_disabling_forgets_it(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    def switch(state: str) -> None:
        change_subscription(by=ADMIN, now=story.now, subscription_id=hears.pk, state=state)

    switch("paused")
    fires(story, "Disk full")
    assert (receiver.requests, next_lifecycle_at()) == (0, None)
    switch("active")
    story.passes(5)
    assert told(receiver) == [("Disk full", "opened")]
    switch("disabled")
    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    switch("active")
    story.passes(5)

    assert len(receiver.received) == 1
    unsubscribe(by=ADMIN, now=story.now, subscription_id=hears.pk)
    assert not LifecycleNotice.objects.exists()


def test_a_shadow_and_what_nobody_subscribed_to_are_not_told(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]}, is_shadow=True)

    story.fires("Disk full")
    story.passes(10)

    assert receiver.requests == 0
    assert not LifecycleNotice.objects.exists()


def test_a_webhook_subscribes_once_and_to_kinds_that_there_are(story: Story, hears: LifecycleSubscription) -> None:
    with pytest.raises(ConflictError, match="already"):
        subscribe(by=ADMIN, now=story.now, webhook_id=hears.webhook_id)
    with pytest.raises(InvalidInputError, match="There is no closed"):
        change_subscription(by=ADMIN, now=story.now, subscription_id=hears.pk, kinds=["closed"])

    delete_webhooks(by=ADMIN, now=story.now, ids=[hears.webhook_id])

    assert not LifecycleSubscription.objects.exists()


def test_a_subscription_is_tried_and_looked_at_from_a_shell(
    story: Story, receiver: WebhookReceiver, capsys: pytest.CaptureFixture[str]
) -> None:
    story.webhook(receiver.webhook, secret=SECRET, name="Tickets")

    assert run("subscription", "create", "Tickets", "--kind", "opened") == 0
    assert run("subscription", "test", "Tickets") == 0
    receiver.answer_next(500, "down")
    assert run("subscription", "test", "Tickets") == 1
    capsys.readouterr()
    assert run("subscription", "list", "--json") == 0

    [row] = json.loads(capsys.readouterr().out)
    assert (row["webhook"], row["state"], row["kinds"], row["waiting"]) == ("Tickets", "active", ["opened"], 0)
    assert receiver.received[0].json()["type"] == "alert.test"
    for words in (("pause",), ("resume",), ("disable",), ("change",), ("notices",), ("remove",)):
        assert run("subscription", *words, "Tickets") == 0
    assert run("subscription", "pause", "Tickets") == 1
    assert run("subscription", "create", "Nobody") == 1


def test_pauses_grow_to_half_an_hour_and_end_after_a_day(story: Story) -> None:
    now = story.now

    pauses = [next_try(tries=tries, happened_at=now, now=now) for tries in (1, 2, 6, 7, 40)]

    assert [pause - now for pause in pauses if pause] == [
        timedelta(seconds=seconds) for seconds in (10, 30, 600, 1800, 1800)
    ]
    asked = next_try(tries=1, happened_at=now, now=now, retry_after=timedelta(minutes=5))
    assert asked == now + timedelta(minutes=5)
    assert next_try(tries=1, happened_at=now - timedelta(days=1), now=now) is None


def test_nothing_of_a_test_is_kept(story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription) -> None:
    result = try_subscription(subscription=hears, now=story.now)

    assert result.outcome is Outcome.ACCEPTED
    assert not LifecycleNotice.objects.exists()


def test_a_webhook_that_cannot_be_asked_or_read_holds_up_no_other_one(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    bad = story.webhook("https://hooks.example.org/", name="Bad host")
    lost = story.webhook("https://lost.example.org/", name="Lost key")
    for webhook in (bad, lost):
        subscribe(by=ADMIN, now=story.now, webhook_id=webhook.pk, kinds=["opened"])
    Webhook.objects.filter(pk=bad.pk).update(url="https://xn--a.example/")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE contacts_webhook SET secret = 'v1:00000000:lost' WHERE id = %s", [lost.pk])

    fires(story, "Disk full")

    assert [kind for _title, kind in told(receiver)] == ["opened"]
    waiting = LifecycleNotice.objects.filter(state="waiting").order_by("subscription__webhook_id")
    answers = dict(waiting.values_list("subscription__webhook_id", "answer"))
    assert answers[bad.pk] == "This is not a web address."
    assert answers[lost.pk].startswith("The account could not be opened")


def test_the_backlog_of_one_receiver_does_not_go_before_what_others_hear(
    story: Story, receiver: WebhookReceiver
) -> None:
    with WebhookReceiver() as other:
        opened, commented = story.webhook(other.webhook), story.webhook(receiver.webhook, secret=SECRET)
        subscribe(by=ADMIN, now=story.now, webhook_id=opened.pk, kinds=["opened"])
        subscribe(by=ADMIN, now=story.now, webhook_id=commented.pk, kinds=["commented"])
        story.policy({story.contact("Ann"): ["sms"]}, name="All")
        for number in range(3):
            story.fires(f"Disk {number}", severity="critical")
        plan_due(story.now + timedelta(seconds=6))
        comment_alert(by=ADMIN, now=story.now, alert_id=Alert.objects.order_by("pk")[0].pk, text="Looking")

        send_lifecycle(story.now + timedelta(seconds=6), most=2)

        assert (len(other.received), len(receiver.received)) == (1, 1)


def test_files_say_who_hears_of_what(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TICKETS_URL", "https://tickets.example.org/hook")
    file = tmp_path / "hears.yaml"
    webhooks = "webhooks:\n  - {name: Tickets, url: {env: TICKETS_URL}}\n  - {name: Chat, url: {env: TICKETS_URL}}\n"

    def applied(text: str, *options: str) -> tuple[int, list[tuple[str, list[str]]]]:
        file.write_text(text)
        code = run("apply", "-f", file, *options)
        rows = LifecycleSubscription.objects.order_by("pk")
        return code, [(row.state, row.kinds) for row in rows]

    made = applied(f"{webhooks}subscriptions:\n  - {{name: Tickets, kinds: [resolved, opened]}}\n  - {{name: Chat}}\n")
    changed = applied("subscriptions:\n  - {name: Tickets, state: paused}\n")
    capsys.readouterr()
    assert run("dump", "--only", "subscriptions") == 0
    dumped = capsys.readouterr().out
    wrong = [applied(f"subscriptions:\n  - {each}\n")[0] for each in ("{name: Nobody}", "{name: Tickets, kinds: [x]}")]
    said = capsys.readouterr()
    pruned = applied("subscriptions:\n  - {name: Tickets}\n", "--prune", "--yes")

    assert made == (0, [("active", ["opened", "resolved"]), ("active", [])])
    assert changed == (0, [("paused", []), ("active", [])])
    assert dumped == "subscriptions:\n  - name: Chat\n  - name: Tickets\n    state: paused\n"
    assert (wrong, "no webhook is called 'Nobody'" in said.out + said.err) == ([1, 1], True)
    assert pruned == (0, [("active", [])])


def test_a_subscription_knows_how_its_own_notices_were_taken_and_not_messages(
    story: Story, receiver: WebhookReceiver, hears: LifecycleSubscription
) -> None:
    story.policy({hears.webhook: []}, name="Messages", group_wait=0)
    change_subscription(by=ADMIN, now=story.now, subscription_id=hears.pk, state="paused")
    story.fires("Disk full", severity="critical")
    story.passes()
    story.expect_webhook(hears.webhook)
    hears.refresh_from_db()
    before = (hears.delivered_at, farings([hears])[hears.pk].delivered_at)

    receiver.answer_next(503, "busy")
    change_subscription(by=ADMIN, now=story.now, subscription_id=hears.pk, state="active")
    story.passes()
    hears.refresh_from_db()
    failed = (hears.delivered_at, hears.failed_at, hears.failure)
    failed_at = story.now
    story.passes(60)
    hears.refresh_from_db()

    assert before == (None, None)
    assert failed == (None, failed_at, "HTTP 503: busy")
    assert hears.delivered_at is not None
    assert failed_at < hears.delivered_at <= story.now


def test_several_subscriptions_end_at_once_and_what_is_gone_is_passed_over(story: Story) -> None:
    rows = [
        subscribe(by=ADMIN, now=story.now, webhook_id=story.webhook(f"https://t{number}.example/hook").pk)
        for number in range(3)
    ]
    unsubscribe(by=ADMIN, now=story.now, subscription_id=rows[0].pk)

    with CaptureQueriesContext(connection) as asked:
        gone = unsubscribe_many(by=ADMIN, now=story.now, subscription_ids=[row.pk for row in rows])

    deletions = [
        each["sql"] for each in asked if each["sql"].startswith('DELETE FROM "delivery_lifecyclesubscription"')
    ]
    assert (gone, len(deletions), LifecycleSubscription.objects.count()) == (2, 1, 0)
    assert LogEntry.objects.get_for_model(LifecycleSubscription).filter(action=2).count() == 3
