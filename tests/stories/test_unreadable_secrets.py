"""A secret that no key opens any more stops its own messages, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, models

from simulators.slack import SlackSimulator
from simulators.webhook import WebhookReceiver
from tests.stories.harness import ADMIN, Story
from tests.stories.test_postings import bot
from tocsin.alerts.services import claim_alert
from tocsin.channels.models import ProviderAccount
from tocsin.core.errors import ConfigurationError
from tocsin.delivery import hearing
from tocsin.delivery.addressing import kept_routes
from tocsin.delivery.lifecycle import send_lifecycle, subscribe
from tocsin.delivery.models import Attempt

GONE = "v1:abcdef01:AAAA"


@pytest.fixture
def slack() -> Iterator[SlackSimulator]:
    with SlackSimulator(members={}) as running:
        running.is_unlimited = True
        yield running


def spoil(row: models.Model, column: str) -> None:
    """As after a key was taken away."""
    key = row._meta.pk.column if row._meta.pk is not None else "id"
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {column} = %s WHERE {key} = %s", [GONE, row.pk])


def test_an_account_of_another_channel_stops_nobody(story: Story) -> None:
    spoil(story.account("slack_app", token="xoxb-1-a", app_token="xapp-1-a"), "config")
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})

    story.fires("Disk full")
    story.passes(10)

    story.expect_text(ann, "Disk full")


def test_the_next_account_carries_what_the_unreadable_one_cannot(story: Story) -> None:
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    first = story.account("outbox_sms", priority=1)
    spoil(first, "config")

    story.fires("Disk full")
    story.passes(60)

    text = story.expect_text(ann, "Disk full")
    assert Attempt.objects.filter(delivery=text.delivery).count() == 2
    assert "TOCSIN_SECRET_KEY" in ProviderAccount.objects.get(pk=first.pk).last_failure


def test_accounts_that_listen_or_stay_open_do_without_it(story: Story) -> None:
    apps = [story.account("slack_app", token=f"xoxb-1-{n}", app_token=f"xapp-1-{n}") for n in "ab"]
    centres = [story.account("smpp", host="127.0.0.1", system_id="x", password="y") for _ in range(2)]
    spoil(apps[0], "config")
    spoil(centres[0], "config")

    assert [(item.pk, bool(item.problem)) for item in hearing._held(1)] == [(apps[0].pk, True), (apps[1].pk, False)]
    assert [route.account_id for route in kept_routes()] == [centres[1].pk]


def test_messages_of_other_robots_are_changed(story: Story, slack: SlackSimulator) -> None:
    robots = [bot(story, slack) for _ in range(2)]
    story.policy({robot: [] for robot in robots})
    story.fires("Disk full", summary="97 %", severity="critical")
    story.passes(5)
    story.expect_many(2)

    claim_alert(by=ADMIN, now=story.now, alert_id=story.alert().pk)
    spoil(robots[0], "settings")
    story.passes(10)

    assert [message.edits for message in slack.messages].count(1) == 1


def test_other_webhooks_hear_of_an_alerts_life(story: Story) -> None:
    with WebhookReceiver() as receiver:
        hooks = [story.webhook(receiver.webhook) for _ in range(2)]
        for hook in hooks:
            subscribe(by=ADMIN, now=story.now, webhook_id=hook.pk)
        ann = story.contact("Ann")
        story.policy({ann: ["sms"]})
        spoil(hooks[0], "url")

        story.fires("Disk full")
        story.passes(6)
        send_lifecycle(story.now)
        story.expect_text(ann, "Disk full")

        assert len(receiver.received) >= 1


def test_saving_a_row_leaves_what_cannot_be_read_as_it_is(story: Story) -> None:
    account = story.account("slack_app", token="xoxb-1-a", app_token="xapp-1-a")
    spoil(account, "config")

    read = ProviderAccount.objects.get(pk=account.pk)
    read.priority = 7
    read.save()

    with pytest.raises(ConfigurationError, match="abcdef01"):
        _ = ProviderAccount.objects.get(pk=account.pk).config
    with connection.cursor() as cursor:
        cursor.execute("SELECT config, priority FROM channels_provideraccount WHERE id = %s", [account.pk])
        assert cursor.fetchone() == (GONE, 7)
