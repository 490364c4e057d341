"""The console of somebody who has no mouse, or hears it: every step by keys, and what changes is said."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.console import later, stop_the_clock
from tests.browser.pages import signed_in_context
from tests.stories.harness import ADMIN, begin
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert
from tocsin.core.clock import utc_now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keyboard(browser: Browser, live_server: Any) -> Any:
    """A window of an administrator who has no mouse; one alert is open."""
    story = begin(utc_now())
    story.policy({story.contact("Wei"): ["email"]})
    story.fires("DiskFull", severity="critical", instance="db-7")
    context = signed_in_context(browser, live_server.url, language="en-US", width=1300)
    yield context.new_page()
    context.close()


def test_the_first_key_leads_past_the_navigation(keyboard: Page, live_server: Any) -> None:
    keyboard.goto(live_server.url + "/console/")

    keyboard.keyboard.press("Tab")
    skip = keyboard.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()

    keyboard.keyboard.press("Enter")
    expect(keyboard).to_have_url(re.compile("#tc-main$"))
    keyboard.keyboard.press("Tab")

    expect(keyboard.locator("#tc-main :focus")).to_have_count(1)


def test_the_users_menu_opens_switches_the_light_and_closes_by_keyboard(keyboard: Page, live_server: Any) -> None:
    keyboard.goto(live_server.url + "/console/")
    menu = keyboard.locator("[aria-controls=user-menu]")
    menu.focus()
    keyboard.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(keyboard.locator("#user-menu")).to_be_visible()

    keyboard.keyboard.press("Tab")
    keyboard.keyboard.press("Tab")
    keyboard.keyboard.press("Space")

    expect(keyboard.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    expect(keyboard.locator("html")).to_have_class("dark")
    keyboard.keyboard.press("Escape")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(menu).to_be_focused()


def test_a_language_is_chosen_by_keyboard_and_kept(keyboard: Page, live_server: Any) -> None:
    keyboard.goto(live_server.url + "/console/")

    keyboard.locator("[aria-controls=user-menu]").press("Enter")
    keyboard.get_by_role("button", name="简体中文").press("Enter")

    expect(keyboard.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(keyboard.get_by_role("heading", name="概览")).to_be_visible()


def test_a_dialog_keeps_the_focus_and_gives_it_back(keyboard: Page, live_server: Any) -> None:
    keyboard.goto(live_server.url + "/console/contacts/contact/")
    opener = keyboard.locator("a[data-dialog][href$='/contact/add/']").first
    opener.press("Enter")
    dialog = keyboard.get_by_role("dialog")
    expect(dialog.locator("input[name=name]")).to_be_focused()

    outside = "document.activeElement !== document.body && !document.activeElement.closest('dialog')"
    for _ in range(40):
        keyboard.keyboard.press("Tab")
        assert not keyboard.evaluate(outside)
    keyboard.keyboard.press("Escape")

    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


def test_the_filters_open_by_keyboard(keyboard: Page, live_server: Any) -> None:
    keyboard.goto(live_server.url + "/console/events/event/")
    filters = keyboard.get_by_role("button", name="Filters")

    filters.press("Enter")

    expect(keyboard.locator("#changelist-filter")).to_be_visible()


def test_an_error_is_tied_to_its_field(keyboard: Page, live_server: Any) -> None:
    keyboard.goto(live_server.url + "/console/policies/notificationpolicy/add/")
    keyboard.get_by_role("button", name="Save", exact=True).click()

    name = keyboard.locator("#id_name")
    expect(name).to_have_attribute("aria-invalid", "true")
    described = (name.get_attribute("aria-describedby") or "").split()
    assert any("required" in keyboard.locator(f"#{part}").inner_text() for part in described)


def test_what_changes_by_itself_is_said(keyboard: Page, live_server: Any) -> None:
    alert = Alert.objects.get(title="DiskFull")
    stop_the_clock(keyboard)
    keyboard.goto(f"{live_server.url}/console/alerts/alert/{alert.pk}/change/")
    status = keyboard.get_by_role("status").last

    claim_alert(by=ADMIN, now=utc_now(), alert_id=alert.pk)
    later(keyboard, 6)

    expect(status).to_contain_text("Handling")
