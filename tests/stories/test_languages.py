"""Each contact is told in their own language and time zone."""

from __future__ import annotations

from typing import Any

from django.utils import translation

from tests.stories.harness import ADMIN, Story
from tocsin.delivery.verifications import send_verifications


def test_each_is_told_in_the_language_and_zone_of_the_contact(story: Story) -> None:
    ann = story.contact("Ann")
    fang = story.contact("王芳", language="zh-hans", time_zone="Asia/Shanghai")
    story.policy({story.group(ann, fang): ["sms", "email", "phone"]})

    story.fires("Disk full", summary="/var is at 97 %")
    story.passes(5)

    story.expect_text(ann, "firing: 1 event")
    story.expect_mail(ann, "2026-11-23 12:00:00 UTC")
    story.expect_call(ann, "Press 1 to claim it.").answer()
    story.expect_text(fang, "告警中：1 个事件", "/var is at 97 %")
    story.expect_mail(fang, "通知策略", "2026-11-23 20:00:00 CST")
    story.expect_call(fang, "按 1 键认领。").answer()


def test_who_has_chosen_no_language_is_told_in_the_installations(story: Story, settings: Any) -> None:
    settings.DEFAULT_LANGUAGE = "zh-hans"
    fang, ann = story.contact("王芳", verified=False), story.contact("Ann", language="en")
    story.policy({story.group(fang, ann): ["sms", "email"]})

    send_verifications(by=ADMIN, now=story.now, contact_ids=[fang.pk])
    story.fires("Disk full")
    story.passes(5)

    assert story.expect_text(fang).delivery.language == "zh-hans"
    story.expect_mail(fang, "告警中：1 个事件")
    story.expect_text(ann, "firing: 1 event")
    story.expect_mail(ann, "firing: 1 event")


def test_the_timeline_is_in_the_language_of_its_reader(story: Story) -> None:
    story.policy({story.contact("Ann", verified=False): ["phone"]})
    story.fires("Disk full")
    story.passes(5)

    with translation.override("zh-hans"):
        entries = story.timeline()

    assert [entry.title for entry in entries] == ["告警已产生", "通知（触发）：没有可以通知的人", "未通知到的人及原因"]
    assert entries[2].reasons == ["Ann (phone): 手机号未验证"]


def test_a_broken_time_zone_or_language_stops_no_message(story: Story) -> None:
    ann = story.contact()
    type(ann).objects.filter(pk=ann.pk).update(time_zone="Mars/Olympus", language="tlh")
    story.policy({ann: ["email"]})

    story.fires("Disk full")
    story.passes(5)

    story.expect_mail(ann, "UTC")
