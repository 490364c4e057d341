"""Text messages over Alibaba Cloud: variables of an approved template, codes instead of links, pushed reports."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.test import Client

from simulators.aliyun import AliyunSimulator
from tests.stories.harness import ADMIN, Story
from tocsin.channels.kinds import Channel
from tocsin.contacts.queries import code_of
from tocsin.delivery.drills import drill_report, start_drill
from tocsin.delivery.group_codes import is_code_of, send_code
from tocsin.delivery.verifications import send_verifications


@pytest.fixture
def aliyun(now: datetime) -> Iterator[AliyunSimulator]:
    with AliyunSimulator(clock=lambda: now) as running:
        yield running


def test_an_alert_and_its_report(story: Story, aliyun: AliyunSimulator) -> None:
    account = story.account("aliyun_sms", **aliyun.sms_config)
    wang = story.contact("王小明", language="zh-hans")
    story.policy({wang: ["sms"]})
    story.fires("DiskFull", summary="磁盘使用率 97 %，见 https://grafana.example/d/1", severity="critical")
    story.passes(5)
    story.expect_text(wang, "DiskFull")

    [text] = aliyun.texts
    path = f"/callbacks/aliyun_sms/{account.callback_token}"
    reply = Client().post(path, aliyun.sms_report(text), content_type="application/json")

    assert text.params == {
        "severity": "1",
        "title": "DiskFull",
        "state": "告警中：1 个事件",
        "summary": "磁盘使用率 97 %，见",
    }
    assert (reply.status_code, reply.json()["code"]) == (200, 0)
    assert story.delivery(wang, "sms").state == "delivered"


def test_a_number_is_verified_by_a_code(story: Story, aliyun: AliyunSimulator) -> None:
    story.account("aliyun_sms", **aliyun.sms_config)
    ann = story.contact("Ann", verified=False)

    send_verifications(by=ADMIN, now=story.now, contact_ids=[ann.pk])
    story.passes()

    story.expect_text(ann)
    [text] = aliyun.texts
    assert (text.template, text.params) == ("SMS_CODE", {"code": code_of(ann.verifications.get())})


def test_a_report_of_nobodys_message_moves_nothing(story: Story, aliyun: AliyunSimulator) -> None:
    mine, other = (story.account("aliyun_sms", **aliyun.sms_config) for _ in range(2))
    ann = story.contact("Ann")
    story.policy({ann: ["sms"]})
    story.fires("DiskFull")
    story.passes(5)
    story.expect_text(ann)

    report = aliyun.sms_report(aliyun.texts[0], error="MK:0005")
    Client().post(f"/callbacks/aliyun_sms/{other.callback_token}", report, content_type="application/json")
    delivery = story.delivery(ann, "sms")

    assert (delivery.account_id, delivery.state) == (mine.pk, "accepted")


def test_a_code_that_says_who_one_is_goes_over_the_template_of_codes(story: Story, aliyun: AliyunSimulator) -> None:
    story.account("aliyun_sms", **aliyun.sms_config)
    ann = story.contact("Ann")

    send_code(ann, story.now)
    story.passes()

    story.expect_text(ann)
    [text] = aliyun.texts
    assert (text.template, list(text.params)) == ("SMS_CODE", ["code"])
    assert is_code_of(ann, text.params["code"], story.now)


def test_a_key_that_the_report_names_confirms_a_drill(story: Story, aliyun: AliyunSimulator) -> None:
    account = story.account("aliyun_voice", **aliyun.ivr_config)
    ann = story.contact("Ann")
    hour = timedelta(hours=1)
    drill = start_drill(by=ADMIN, now=story.now, object_ids=[ann.pk], channels=[Channel.PHONE], lasts=hour)
    story.passes(5)
    story.expect_call(ann)

    report = aliyun.voice_report(aliyun.calls[0], "200000", dtmf="1")
    Client().post(f"/callbacks/aliyun_voice/{account.callback_token}", report, content_type="application/json")

    assert drill_report(drill.pk).confirmed == 1
