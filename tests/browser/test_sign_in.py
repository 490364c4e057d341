"""Signing in as people do it: with codes, passkeys, an identity provider, and being shown the door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.windows import window
from tests.web.identity_provider import Provider, provider_running
from tests.web.people import PASSWORD, user_with
from tests.web.ways_in import code_of, give_app, give_recovery_codes
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED = "Failed to load resource: the server responded with a status of 40"


class Door:
    """The console at its address, as the browser knows it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    def open(self, path: str = "") -> None:
        self.page.goto(f"{self.address}/console/{path}")

    def type_password(self, user: User, word: str = PASSWORD) -> None:
        self.open()
        self.page.get_by_label("Username or email").fill(user.username)
        self.page.get_by_label("Password").fill(word)
        self.page.get_by_role("button", name="Log in").click()

    def type_code(self, code: str) -> None:
        self.page.get_by_label("Code").fill(code)
        self.page.get_by_role("button", name="Continue").click()

    def expect_inside(self) -> None:
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()


@pytest.fixture
def door(page: Page, live_server: Any, settings: Any) -> Door:
    settings.PUBLIC_URL = live_server.url
    return Door(page, live_server.url)


@pytest.fixture
def authenticator(page: Page) -> Iterator[None]:
    """A device that keeps passkeys and always finds its owner's finger on it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    yield
    session.detach()


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with provider_running() as provider:
        yield provider


def test_an_app_is_set_up_asked_for_and_replaced_by_a_recovery_code(door: Door) -> None:
    ann = user_with(Role.MANAGER)
    page = door.page
    door.type_password(ann)
    door.expect_inside()

    page.locator("#nav-sidebar").get_by_text("manager", exact=True).click()
    page.get_by_role("link", name="My account").click()
    page.locator("#second-factor").get_by_role("link", name="Set up").click()
    expect(page.get_by_alt_text("QR code for the authenticator app")).to_be_visible()
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Code").fill(code_of(secret))
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_text("they are shown this once")).to_be_visible()
    codes = page.locator("#recovery-codes").inner_text().split()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().split() == codes
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 left")).to_be_visible()

    page.context.clear_cookies()
    door.type_password(ann)
    expect(page.get_by_text("Now prove that it is you.")).to_be_visible()
    door.type_code("000000")
    expect(page.get_by_text("That code is not right.")).to_be_visible()
    door.type_code(codes[0])
    door.expect_inside()

    page.context.clear_cookies()
    door.type_password(ann)
    door.type_code(code_of(secret, steps=1))
    door.expect_inside()


def test_a_passkey_opens_alone_is_renamed_and_removed(door: Door, authenticator: None) -> None:
    ann = user_with(Role.MANAGER)
    page = door.page
    door.type_password(ann)
    door.expect_inside()
    door.open("account/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill("Work laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_text("they are shown this once")).to_be_visible()

    page.context.clear_cookies()
    door.open("explain/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(f"{door.address}/console/explain/")

    door.open("account/")
    passkey = page.locator("#second-factor li", has_text="Work laptop")
    expect(passkey).to_contain_text("opens without a password")
    passkey.get_by_role("link", name="Rename").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Old laptop")
    page.get_by_role("dialog").get_by_role("button", name="OK").click()
    expect(page.get_by_text("Old laptop")).to_be_visible()
    page.locator("#second-factor li", has_text="Old laptop").get_by_role("link", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="OK").click()
    expect(page.get_by_text("The passkey was removed.")).to_be_visible()
    expect(page.get_by_text("Old laptop")).to_have_count(0)


def test_a_passkey_is_asked_for_after_the_password_too(door: Door, authenticator: None) -> None:
    ann = user_with(Role.ADMIN)
    page = door.page
    door.type_password(ann)
    door.expect_inside()
    door.open("account/passkeys/add/")
    page.get_by_label("Sign in with this passkey alone").uncheck()
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_text("they are shown this once")).to_be_visible()

    page.context.clear_cookies()
    door.type_password(ann)
    expect(page.get_by_text("Now prove that it is you.")).to_be_visible()
    page.get_by_role("button", name="Use a passkey").click()

    door.expect_inside()


def test_a_passkey_that_is_not_there_says_so(door: Door, authenticator: None) -> None:
    door.open()

    door.page.get_by_role("button", name="Sign in with a passkey").click()

    expect(door.page.get_by_text("That did not work, or was cancelled.")).to_be_visible()


def test_a_session_is_ended_from_another_browser(door: Door, browser: Any) -> None:
    ann = user_with(Role.VIEWER)
    door.type_password(ann)
    door.expect_inside()
    other = window(browser).new_page()
    elsewhere = Door(other, door.address)
    elsewhere.type_password(ann)
    elsewhere.expect_inside()

    door.open("account/")
    sessions = door.page.locator("#sessions li")
    expect(sessions).to_have_count(2)
    expect(door.page.locator("#sessions")).to_contain_text("Chrome, Linux")
    door.page.locator("#sessions").get_by_role("link", name="Sign out", exact=True).click()
    door.page.get_by_role("dialog").get_by_role("button", name="Sign out").click()

    expect(door.page.get_by_text("The session has ended.")).to_be_visible()
    expect(sessions).to_have_count(1)
    elsewhere.open()
    expect(other.get_by_label("Username or email")).to_be_visible()
    other.context.close()


def test_somebody_comes_through_the_identity_provider(
    door: Door, running: Provider, settings: Any, tolerated: list[str]
) -> None:
    tolerated.append(REFUSED)
    settings.IDENTITY_PROVIDER = running.settings()
    running.has("ann", preferred_username="ann", name="Ann Lee", groups=["sre"])
    running.has("bob", preferred_username="bob", name="Bob", groups=["sales"])
    page = door.page
    page.route(lambda url: "//localhost" not in url, lambda route: route.fulfill(body=""))  # its foreign styles

    door.open("explain/")
    page.get_by_role("link", name="Sign in with Keys").click()
    page.locator("input[name=sub]").fill("ann")
    page.locator("input[name=sub]").press("Enter")
    expect(page).to_have_url(f"{door.address}/console/explain/")
    expect(page.locator("#nav-sidebar")).to_contain_text("Ann Lee")

    page.context.clear_cookies()
    door.open()
    page.get_by_role("link", name="Sign in with Keys").click()
    page.locator("input[name=sub]").fill("bob")
    page.locator("input[name=sub]").press("Enter")
    expect(page.get_by_text("Keys gives you no role here.")).to_be_visible()
    page.get_by_role("link", name="Back to the sign-in").click()
    expect(page.get_by_label("Username or email")).to_be_visible()


def test_too_many_wrong_passwords_wait(door: Door) -> None:
    ann = user_with(Role.VIEWER)
    for _attempt in range(10):
        door.type_password(ann, "wrong")
        expect(door.page.get_by_text("Please enter the correct username and password")).to_be_visible()

    door.type_password(ann)

    expect(door.page.get_by_text("Too many failed attempts. Try again at")).to_be_visible()


def test_who_needs_a_second_factor_is_led_to_it(door: Door, settings: Any) -> None:
    settings.SECOND_FACTOR_FROM = Role.ADMIN

    door.type_password(user_with(Role.ADMIN))

    expect(door.page.get_by_text("First set up a second factor.")).to_be_visible()
    door.page.locator("#second-factor").get_by_role("link", name="Set up").click()
    expect(door.page.locator("#totp-secret")).to_be_visible()


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.thorough)])
def test_the_pages_of_signing_in_fit_a_phone_and_speak_chinese(door: Door, browser: Any, scheme: Any) -> None:
    ann = user_with(Role.MANAGER)
    User.objects.filter(pk=ann.pk).update(language="zh-hans")
    secret = give_app(ann)
    give_recovery_codes(ann)
    context = window(
        browser, viewport={"width": 390, "height": 844}, locale="zh-CN", color_scheme=scheme, has_touch=True
    )
    page = context.new_page()

    def fits() -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth") <= 390)

    page.goto(f"{door.address}/console/")
    assert fits()
    page.get_by_label("用户名或邮箱").fill(ann.username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_text("密码正确。请再证明是您本人。")).to_be_visible()
    assert fits()
    page.get_by_label("验证码").fill(code_of(secret))
    page.get_by_role("button", name="继续").click()
    expect(page.get_by_role("heading", name="概览")).to_be_visible()
    for path in ("account/", "account/codes/", "account/passkeys/add/", "account/app/remove/"):
        page.goto(f"{door.address}/console/{path}")
        assert fits(), path
    expect(page.get_by_role("heading", name="不再要求输入应用的验证码？")).to_be_visible()
    context.close()
