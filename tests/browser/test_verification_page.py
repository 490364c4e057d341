"""The page in a real browser on a phone: script is off, and the browser's own rules about forms and content apply."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import Browser, Page, expect

from tests.browser.windows import window
from tocsin.channels.services import ensure_outbox_accounts
from tocsin.contacts.models import Contact, PhoneVerification
from tocsin.contacts.services import create_contact
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import send_verifications, verification_message

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(live_server: Any) -> str:
    address: str = live_server.url
    return address


@dataclass
class Phone:
    page: Page
    complaints: list[str] = field(default_factory=list)
    """What the browser wrote to its console, like content that the policy forbids."""
    origins: list[str | None] = field(default_factory=list)
    """Of the forms it sent."""

    def reads(self, *texts: str) -> str:
        """The page, once it says these."""
        for text in texts:
            expect(self.page.locator("main")).to_contain_text(text)
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is too wide"
        return self.page.inner_text("main")


@contextmanager
def phone(browser: Browser, language: str, scheme: Any = "light", width: int = 390) -> Iterator[Phone]:
    context = window(
        browser,
        locale=language,
        color_scheme=scheme,
        viewport={"width": width, "height": 844},
        java_script_enabled=False,
    )
    page = context.new_page()
    held = Phone(page)
    page.on("console", lambda message: held.complaints.append(message.text))
    page.on(
        "request",
        lambda request: held.origins.append(request.all_headers().get("origin")) if request.method == "POST" else None,
    )
    yield held
    context.close()


@pytest.mark.parametrize(
    ("language", "button", "before", "after"),
    [
        pytest.param("en-GB", "Verify", "Is this your number?", "Your number is verified", marks=pytest.mark.thorough),
        ("zh-CN", "验证", "这是您的号码吗？", "号码验证成功"),
    ],
)
def test_a_contact_confirms_a_number_on_a_phone(
    browser: Browser, server: str, language: str, button: str, before: str, after: str
) -> None:
    now = utc_now()
    ensure_outbox_accounts(now=now)
    ann = create_contact(by=SHELL, now=now, name="Ann 安", phone="138 1234 5678")
    send_verifications(by=SHELL, now=now, contact_ids=[ann.pk])
    path = verification_message(PhoneVerification.objects.get(), "en").partition("https://tocsin.example")[2]

    with phone(browser, language) as held:
        held.page.goto(server + path)
        opened = held.reads(before)
        held.page.get_by_role("button", name=button).click()
        held.reads(after)

    assert "+86 138 **** 5678" in opened
    assert held.complaints == []
    assert held.origins == ["null"]
    assert Contact.objects.get().phone_verified_at is not None


@pytest.mark.parametrize(
    ("locale", "language", "width"),
    [
        ("en-GB", "en", 1300),
        pytest.param("en-GB", "en", 390, marks=pytest.mark.thorough),
        pytest.param("zh-CN", "zh-hans", 390, marks=pytest.mark.thorough),
        pytest.param("zh-CN", "zh-hans", 1300, marks=pytest.mark.thorough),
    ],
)
def test_a_link_that_was_used_is_too_old_or_unknown_says_so(
    browser: Browser, server: str, locale: str, language: str, width: int
) -> None:
    now = utc_now()
    ensure_outbox_accounts(now=now)
    paths = []
    for name, number, sent_at in (
        ("Ann 安", "138 1234 5678", now),
        ("Bob", "138 1234 5679", now - timedelta(hours=25)),
    ):
        contact = create_contact(by=SHELL, now=sent_at, name=name, phone=number)
        send_verifications(by=SHELL, now=sent_at, contact_ids=[contact.pk])
        text = verification_message(PhoneVerification.objects.get(contact=contact), "en")
        paths.append(text.partition("https://tocsin.example")[2])
    with translation.override(language):
        verify, verified = gettext("Verify"), gettext("Your number is verified")
        used, expired = gettext("This number is already verified"), gettext("This link has expired")
        again, coming = gettext("Send a new message"), gettext("A new message is on its way")
        unknown = gettext("This link is not valid")

    with phone(browser, locale, width=width) as held:
        held.page.goto(server + paths[0])
        opened = held.reads()
        held.page.goto(server + paths[0])
        opened_again = held.reads()
        held.page.get_by_role("button", name=verify).click()
        held.reads(verified)
        held.page.goto(server + paths[0])
        held.reads(used)
        held.page.goto(server + paths[1])
        too_old = held.reads(expired)
        held.page.get_by_role("button", name=again).click()
        held.reads(coming)
        held.page.goto(server + "/v/" + "A" * 22)
        stranger = held.reads(unknown)

    assert opened == opened_again
    assert "+86 138 **** 5679" in too_old
    assert "Ann" not in stranger
    assert "138" not in stranger
    assert held.complaints == []
    assert sorted(Contact.objects.filter(phone_verified_at__isnull=False).values_list("name", flat=True)) == ["Ann 安"]
    assert Delivery.objects.filter(recipient_name="Bob").count() == 2


def test_a_code_is_entered_with_the_keyboard_alone(browser: Browser, server: str) -> None:
    with phone(browser, "en-GB", "dark") as held:
        held.page.goto(server + "/v/")
        held.page.get_by_label("Phone number").fill("138 1234 5678")
        held.page.keyboard.press("Tab")
        held.page.keyboard.type("12345678")
        held.page.keyboard.press("Enter")
        expect(held.page.get_by_role("alert")).to_contain_text("This number and this code do not go together")
        held.reads()

    assert held.complaints == []
