"""A contact's own page in a real browser, in both languages, on a phone without script and in the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.console import apart, give_session
from tests.browser.windows import window
from tests.stories.harness import Story
from tests.web.people import user_with
from tocsin.accounts.rules import Role
from tocsin.accounts.services import change_user
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact
from tocsin.contacts.services import link_sign_in
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.personal_links import send_links
from tocsin.delivery.queries import outbox_messages
from tocsin.delivery.rules import Purpose
from tocsin.delivery.worker import run_due

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = {
    "en": {
        "locale": "en-GB", "email": "Email address or phone number", "ask": "Send me a link",
        "asked": "Look into your messages", "continue": "Continue", "page": "How alerts reach you",
        "phone": "Phone number", "save": "Save", "warning": "Until the new number is verified",
        "all the same": "Save all the same", "unverified": "not ready", "verify": "Verify",
        "verified": "Your number is verified", "test": "Send me a test (Email)", "waiting": "waits to be sent",
        "sent": "sent, without proof that it arrived", "back": "Back to my page", "close": "Close now",
        "closed": "Your page is closed", "mine": "My contact", "kept": "Your changes are saved",
    },
    "zh-hans": {
        "locale": "zh-CN", "email": "邮箱或手机号", "ask": "发送链接给我", "asked": "请查看您的消息",
        "continue": "继续", "page": "怎样通知到您", "phone": "手机号", "save": "保存",
        "warning": "在新手机号验证之前", "all the same": "仍然保存", "unverified": "不可用", "verify": "验证",
        "verified": "号码验证成功", "test": "给我发送测试 (邮件)", "waiting": "等待发送",
        "sent": "已发送，未确认送达", "back": "返回我的页面", "close": "立即关闭", "closed": "您的页面已关闭",
        "mine": "我的联系人", "kept": "修改已保存",
    },
}  # fmt: skip


@contextmanager
def opened(browser: Browser, width: int, *, locale: str, script: bool, dark: bool = False) -> Iterator[Page]:
    """Fails on what the page itself complains of, and when it is wider than its window."""
    context = window(
        browser, viewport={"width": width, "height": 844}, locale=locale, java_script_enabled=script,
        color_scheme="dark" if dark else "light",
    )  # fmt: skip
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert complaints == []


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is too wide"


def send_due() -> None:
    apart(lambda: run_due(utc_now() + timedelta(seconds=1)))


def newest_link(purpose: Purpose) -> str:
    """The path of the link in the newest message of its kind."""
    text = next(item.text for item in outbox_messages() if item.delivery.purpose == purpose)
    found = re.search(r"https://tocsin\.example(/\S+)", text)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("language", "width"), [("en", 390), pytest.param("zh-hans", 1300, marks=pytest.mark.thorough)]
)
def test_a_contact_without_sign_in_asks_for_a_link_changes_its_number_verifies_tests_and_closes(
    browser: Browser, live_server: Any, story: Story, language: str, width: int
) -> None:
    says = WORDS[language]
    ann = story.contact("Ann 安", phone="138 1234 5678", email="ann@example.org", language=language)
    story.policy({ann: ["phone", "sms"]}, name="Serious things")
    with opened(browser, width, locale=says["locale"], script=False, dark=language == "zh-hans") as page:
        page.goto(f"{live_server.url}/c/")
        page.get_by_label(says["email"]).fill("ann@example.org")
        page.get_by_role("button", name=says["ask"]).click()
        expect(page.get_by_role("heading", name=says["asked"])).to_be_visible()
        send_due()

        page.goto(live_server.url + newest_link(Purpose.LINK))
        expect(page.get_by_text("a***@example.org")).to_be_visible()
        page.get_by_role("button", name=says["continue"]).click()
        expect(page.get_by_role("heading", name=says["page"])).to_be_visible()
        fits(page)

        page.get_by_label(says["phone"]).fill("139 0000 0000")
        page.get_by_role("button", name=says["save"], exact=True).click()
        expect(page.get_by_text(says["warning"])).to_be_visible()
        expect(page.get_by_text("Serious things")).to_be_visible()
        page.get_by_role("button", name=says["all the same"]).click()
        expect(page.get_by_role("status").filter(has_text="+86 139 **** 0000")).to_be_visible()
        expect(page.get_by_text(says["unverified"], exact=True)).to_have_count(2)
        send_due()

        mine = page.url
        page.goto(live_server.url + newest_link(Purpose.VERIFICATION))
        page.get_by_role("button", name=says["verify"]).click()
        expect(page.get_by_role("heading", name=says["verified"])).to_be_visible()
        page.goto(mine)
        expect(page.get_by_text(says["unverified"], exact=True)).to_have_count(0)

        page.get_by_role("button", name=says["test"]).click()
        expect(page.get_by_text(says["waiting"])).to_be_visible()
        send_due()
        expect(page.get_by_text(says["sent"])).to_be_visible()
        page.get_by_role("link", name=says["back"]).click()
        page.get_by_role("button", name=says["close"]).click()
        expect(page.get_by_role("heading", name=says["closed"])).to_be_visible()

    ann.refresh_from_db()
    assert ann.phone == "+8613900000000"
    assert ann.phone_verified_at is not None


@pytest.mark.parametrize(
    ("language", "width"), [("zh-hans", 390), pytest.param("en", 1300, marks=pytest.mark.thorough)]
)
def test_a_viewer_who_is_a_contact_sees_and_changes_itself_in_the_console(
    browser: Browser, live_server: Any, story: Story, language: str, width: int
) -> None:
    says, user = WORDS[language], user_with(Role.VIEWER)
    change_user(by=SHELL, now=story.now, user_id=user.pk, language=language)
    ann = story.contact("Ann 安", phone="138 1234 5678", email="ann@example.org")
    link_sign_in(by=SHELL, now=story.now, contact_id=ann.pk, user_id=user.pk)
    with opened(browser, width, locale=says["locale"], script=True, dark=language == "zh-hans") as page:
        give_session(page.context, live_server.url, user)
        page.goto(f"{live_server.url}/console/my-contact/")
        expect(page.get_by_role("heading", name=says["mine"]).first).to_be_visible()
        expect(page.get_by_text("+86 138 1234 5678").first).to_be_visible()
        fits(page)
        page.get_by_label(re.compile(r"^(User ID|用户 ID)$")).fill("ann")
        page.get_by_role("button", name=says["save"], exact=True).click()
        expect(page.get_by_text(says["kept"])).to_be_visible()
        page.get_by_role("button", name=says["test"]).click()
        expect(page.get_by_text(says["waiting"])).to_be_visible()

    ann.refresh_from_db()
    assert ann.user_id == "ann"


def test_a_link_that_was_sent_by_a_manager_is_used_once(browser: Browser, live_server: Any, story: Story) -> None:
    ann: Contact = story.contact("Ann", email="ann@example.org")
    send_links(by=SHELL, now=utc_now(), contact_ids=[ann.pk], channels=[Channel.EMAIL])
    send_due()
    path = newest_link(Purpose.LINK)

    with opened(browser, 390, locale="en-GB", script=False) as page:
        page.goto(live_server.url + path)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="How alerts reach you")).to_be_visible()
    with opened(browser, 390, locale="en-GB", script=False) as page:
        page.goto(live_server.url + path)

        expect(page.get_by_role("heading", name="This link was used already")).to_be_visible()
        fits(page)
