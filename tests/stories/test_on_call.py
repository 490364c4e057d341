"""On-call schedules: who is told when, on a clock that the story moves."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.stories.harness import ADMIN, Story
from tocsin.oncall.services import substitute

HOUR = 3600.0


def test_a_policy_tells_whoever_is_on_duty_at_the_moment(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    rota = story.schedule([ann, bob], starts_on="2026-11-23", handover_time="13:00", zone="UTC", tells_by=[])
    story.policy({rota: ["sms"]}, group_by=["alertname"])
    story.passes(2 * HOUR)

    story.fires("Disk full")
    story.passes(10)
    story.passes(24 * HOUR)
    story.fires("Memory low")
    story.passes(10)

    story.expect_text(ann, "Disk full")
    story.expect_text(bob, "Memory low")


def test_a_substitute_is_told_for_as_long_as_arranged(story: Story) -> None:
    ann, bob, cem = story.contact("Ann"), story.contact("Bob"), story.contact("Cem")
    rota = story.schedule([ann], starts_on="2026-11-01", handover_time="09:00", tells_by=[])
    story.policy({rota: ["sms"], bob: ["email"]}, group_by=["alertname"], sends_recovery=False)
    until = datetime(2026, 11, 23, 14, tzinfo=UTC)
    substitute(by=ADMIN, now=story.now, schedule_id=rota.pk, contact_id=cem.pk, replaces_id=ann.pk,
               starts_at=story.now, ends_at=until)  # fmt: skip

    story.fires("Disk full")
    story.passes(10)
    story.now = until
    story.fires("Memory low")
    story.passes(10)

    story.expect_text(cem, "Disk full")
    story.expect_text(ann, "Memory low")
    story.expect_mail(bob)
    story.expect_mail(bob)


def test_with_nobody_on_duty_the_timeline_says_so_and_others_are_told(story: Story) -> None:
    ann, bob = story.contact("Ann"), story.contact("Bob")
    night = {"days": [0, 1, 2, 3, 4, 5, 6], "from": "22:00", "until": "06:00"}
    rota = story.schedule([ann], restrictions=[night], zone="UTC", name="Nights", tells_by=[])
    story.policy({rota: ["sms"], bob: ["email"]})

    story.fires("Disk full")
    story.passes(10)

    story.expect_mail(bob, "Disk full")
    assert story.alert().reasons == [{"id": rota.pk, "name": "Nights", "channel": "", "reason": "nobody_on_duty"}]


def test_who_is_named_twice_is_told_once(story: Story) -> None:
    ann = story.contact("Ann")
    rota = story.schedule([ann], tells_by=[])
    story.policy({rota: ["sms"], story.group(ann): ["sms"], ann: ["sms"]})

    story.fires("Disk full")
    story.passes(10)

    story.expect_text(ann, "Disk full")
