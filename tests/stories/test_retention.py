"""What is older than the retention is forgotten, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from django.test import override_settings

from tests.stories.harness import ADMIN, Story
from tocsin.alerts.models import Activity, Alert
from tocsin.channels.kinds import Channel
from tocsin.delivery.models import Attempt, Content, Delivery, Notification
from tocsin.delivery.retention import forget
from tocsin.delivery.services import send_test
from tocsin.events.models import Event


def test_old_stories_are_forgotten_and_what_still_fires_is_kept(story: Story) -> None:
    ann = story.contact()
    story.policy({ann: ["email"]})
    for name in ("Disk full", "Memory low"):
        story.fires(name)
    send_test(by=ADMIN, now=story.now, object_id=ann.pk, channel=Channel.EMAIL)
    story.passes(5)
    story.recovers("Disk full")
    story.passes(60)
    story.expected = set(Attempt.objects.values_list("pk", flat=True))

    while forget(story.now + timedelta(days=89)):
        continue
    assert (Alert.objects.count(), Event.objects.count(), Delivery.objects.count()) == (2, 2, 4)

    while forget(story.now + timedelta(days=91)):
        continue
    assert [alert.title for alert in Alert.objects.all()] == ["Memory low"]
    assert [event.labels["alertname"] for event in Event.objects.all()] == ["Memory low"]
    assert (Notification.objects.count(), Delivery.objects.count(), Attempt.objects.count()) == (1, 1, 1)
    assert Content.objects.count() == 1
    assert set(Activity.objects.values_list("alert__title", flat=True)) == {"Memory low"}


@override_settings(RETENTION_DAYS=0)
def test_a_retention_of_zero_days_keeps_everything(story: Story) -> None:
    story.policy({story.contact(): ["email"]})
    story.fires("Disk full")
    story.passes(1)
    story.recovers("Disk full")
    story.passes(60)

    assert forget(story.now + timedelta(days=10_000)) == 0
    assert Alert.objects.count() == 1
