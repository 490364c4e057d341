"""The tabs of robots and webhooks as somebody uses them: created in a dialog box, tested, on a desk and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from simulators.dingtalk import DingtalkSimulator
from simulators.webhook import WebhookReceiver
from tests.browser.console import Console, apart, fits
from tests.stories.harness import Story
from tocsin.accounts.rules import Role
from tocsin.contacts.models import Robot, Webhook
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db(transaction=True)
DESK, PHONE = {"width": 1300, "height": 900}, {"width": 390, "height": 844}


def worker_sends(story: Story) -> None:
    story.now = utc_now()
    apart(story.passes)


def test_a_robot_is_created_in_a_dialog_tested_and_its_answer_explained(console: Console, story: Story) -> None:
    page = console.page
    page.set_viewport_size(DESK)  # type: ignore[arg-type]
    with DingtalkSimulator(secret="SECright", keyword="alert") as group:
        console.sign_in(Role.MANAGER)
        console.open("contacts/contact/")
        page.get_by_role("link", name="DingTalk/Lark/WeCom").first.click()
        page.locator("a[data-dialog][href*='/robot/add/']").first.click()
        box = page.locator("dialog[open]")
        expect(box.get_by_role("heading", name="Create Robot")).to_be_visible()

        box.locator("[name='platform']").select_option("wecom")
        expect(box.locator("[name='secret']")).to_be_hidden()
        expect(box.locator("[name='keyword']")).to_be_hidden()
        box.locator("[name='platform']").select_option("dingtalk")
        box.locator("[name='name']").fill("Ops group")
        box.locator("[name='url']").fill("https://ding.example/robot/send?access_token=t")
        box.get_by_role("button", name="OK").click()
        expect(box.get_by_text("not at ding.example")).to_be_visible()
        box.locator("[name='url']").fill(group.webhook)
        box.locator("[name='secret']").fill("SECwrong")
        box.locator("[name='keyword']").fill("alert")
        box.get_by_role("button", name="OK").click()

        expect(page.get_by_role("link", name="Ops group").first).to_be_visible()
        console.open("contacts/robot/")
        page.get_by_role("link", name="Test: Ops group").click()
        page.locator("dialog[open]").get_by_role("button", name="Send").click()
        expect(page.get_by_text("On its way")).to_be_visible()
        worker_sends(story)
        expect(page.get_by_text("It does not work as it is set up")).to_be_visible()
        expect(page.get_by_text("Copy the signing secret again")).to_be_visible()
        expect(page.get_by_text("sign not match").first).to_be_visible()

        robot = Robot.objects.get()
        console.open(f"contacts/robot/{robot.pk}/change/")
        page.locator("[name='secret']").fill("SECright")
        page.locator("[name='daily_times']").fill("09:30, 17:00")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("link", name="Ops group").first).to_be_visible()
        console.open(f"contacts/robot/{robot.pk}/test/")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("On its way")).to_be_visible()
        worker_sends(story)
        expect(page.get_by_text("It arrived")).to_be_visible()
        assert len(group.messages) == 1
    robot.refresh_from_db()
    assert robot.daily_times == ["09:30", "17:00"]


def test_a_webhook_is_created_tested_and_deleted_on_a_phone_in_chinese(console: Console, story: Story) -> None:
    page = console.page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    with WebhookReceiver() as receiver:
        console.sign_in(Role.MANAGER)
        page.set_extra_http_headers({"Accept-Language": "zh-CN"})
        console.open("contacts/webhook/")
        expect(page.get_by_text("还没有 Webhook")).to_be_visible()
        assert fits(page)
        console.open("contacts/webhook/add/")
        expect(page).to_have_title(re.compile("创建 Webhook"))
        page.locator("[name='name']").fill("工单系统")
        page.locator("[name='url']").fill("http://10.0.0.7/hook")
        page.locator("[name='headers']").fill("X-Token: abc")
        page.get_by_role("button", name="保存", exact=True).click()
        expect(page.get_by_text("10.0.0.7 是内网地址")).to_be_visible()
        assert fits(page)
        page.locator("[name='url']").fill(receiver.webhook)
        page.get_by_role("button", name="保存", exact=True).click()
        expect(page.get_by_role("link", name="工单系统").first).to_be_visible()

        webhook = Webhook.objects.get()
        story.policy({webhook: []}, name="数据库")
        console.open(f"contacts/webhook/{webhook.pk}/test/")
        page.get_by_role("button", name="发送").click()
        expect(page.get_by_text("发送中")).to_be_visible()
        worker_sends(story)
        expect(page.get_by_text("已送达")).to_be_visible()
        expect(page.locator("#outlet-answer dd").first).to_have_text("200")
        assert fits(page)

        console.open(f"contacts/webhook/{webhook.pk}/change/")
        expect(page.get_by_text('"alertname": "DiskFull"').first).to_be_visible()
        assert fits(page)
        console.open(f"contacts/webhook/{webhook.pk}/delete/")
        expect(page.get_by_role("link", name="数据库")).to_be_visible()
        assert receiver.received[0].headers["x-token"] == "abc"
