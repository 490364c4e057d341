"""Every page for those who see, hear or move differently: axe-core finds nothing serious, and no mouse is needed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.console import apart
from tests.browser.pages import fill, pages_of_the_console, public_pages, signed_in_context
from tests.stories.harness import ADMIN, begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.alerts.models import Alert
from tocsin.alerts.services import claim_alert
from tocsin.core.clock import utc_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_PARTS = 5
"""So that nobody waits for one long walk at the end."""
_SERIOUS = """(options) => axe.run(document, {resultTypes: ["violations"], ...options}).then((found) =>
  found.violations.filter((one) => ["serious", "critical"].includes(one.impact)).flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.html.replace(/\\s+/g, " ").slice(0, 200)}`)))"""


def serious_faults(page: Page) -> list[str]:
    """In the light, all that axe knows; in the dark what the colours change."""
    page.evaluate(AXE)  # not as a script of the page, which its policy forbids
    found = page.evaluate(_SERIOUS, {})
    page.evaluate("document.documentElement.classList.add('dark')")
    page.emulate_media(color_scheme="dark")
    colours = {"runOnly": ["color-contrast", "link-in-text-block"]}
    found += [f"in the dark, {fault}" for fault in page.evaluate(_SERIOUS, colours)]
    page.emulate_media(color_scheme="light")
    return list(found)


@pytest.mark.parametrize("part", range(_PARTS))
def test_axe_finds_nothing_serious_on_any_page(browser: Browser, live_server: Any, part: int) -> None:
    story = begin(utc_now())
    fill(story)
    apart(lambda: story.passes(40))
    signed = signed_in_context(browser, live_server.url, language="en-US")
    stranger = browser.new_context(locale="en-US", reduced_motion="reduce")

    pages_with: dict[str, list[str]] = defaultdict(list)
    for context, paths in ((signed, pages_of_the_console(signed_in(Role.ADMIN))), (stranger, public_pages())):
        page = context.new_page()
        for path in list(paths)[part::_PARTS]:
            page.goto(live_server.url + path)
            for fault in serious_faults(page):
                pages_with[fault].append(path)
        context.close()

    assert dict(pages_with) == {}


def test_axe_finds_nothing_serious_in_a_dialog_over_its_page(browser: Browser, live_server: Any) -> None:
    story = begin(utc_now())
    fill(story)
    context = signed_in_context(browser, live_server.url, language="en-US")
    page = context.new_page()
    openers = {
        "create": "a[data-dialog][href*='/contact/add/']",
        "confirm": ".tc-acts a[href*='/delete/']",
        "default configuration": ".tc-more a[data-dialog]",
    }

    found = {}
    for name, opener in openers.items():
        page.goto(live_server.url + "/console/contacts/contact/")
        if name == "default configuration":
            page.locator(".tc-more summary").click()
        page.locator(opener).first.click()
        expect(page.get_by_role("dialog")).to_be_visible()
        found[name] = serious_faults(page)
    context.close()

    assert found == {name: [] for name in openers}


@pytest.fixture
def keyboard(browser: Browser, live_server: Any) -> Any:
    """A page of an administrator who has no mouse."""
    story = begin(utc_now())
    fill(story)
    context = signed_in_context(browser, live_server.url, language="en-US", width=1300)
    page = context.new_page()
    page.goto(live_server.url + "/console/")
    yield page
    context.close()


def test_the_first_key_leads_past_the_navigation(keyboard: Page) -> None:
    keyboard.keyboard.press("Tab")
    skip = keyboard.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()

    keyboard.keyboard.press("Enter")
    keyboard.keyboard.press("Tab")

    assert keyboard.evaluate("document.getElementById('tc-main').contains(document.activeElement)")


def test_the_users_menu_opens_switches_the_light_and_closes_by_keyboard(keyboard: Page) -> None:
    menu = keyboard.locator("[aria-controls=user-menu]")
    menu.focus()
    keyboard.keyboard.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")

    keyboard.keyboard.press("Tab")
    keyboard.keyboard.press("Tab")
    keyboard.keyboard.press("Space")

    expect(keyboard.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    expect(keyboard.locator("html")).to_have_class("dark")
    keyboard.keyboard.press("Escape")
    expect(menu).to_have_attribute("aria-expanded", "false")
    expect(menu).to_be_focused()


def test_a_language_is_chosen_by_keyboard_and_kept(keyboard: Page) -> None:
    keyboard.locator("[aria-controls=user-menu]").press("Enter")
    keyboard.get_by_role("button", name="简体中文").press("Enter")

    expect(keyboard.locator("html")).to_have_attribute("lang", "zh-hans")
    expect(keyboard.get_by_role("heading", name="概览")).to_be_visible()


def test_a_dialog_keeps_the_focus_and_gives_it_back(keyboard: Page, live_server: Any) -> None:
    keyboard.goto(live_server.url + "/console/contacts/contact/")
    opener = keyboard.locator("a[data-dialog][href$='/contact/add/']").first
    opener.press("Enter")
    dialog = keyboard.get_by_role("dialog")
    expect(dialog).to_be_visible()

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
    described = (name.get_attribute("aria-describedby") or "").split()

    expect(name).to_have_attribute("aria-invalid", "true")
    assert any("required" in keyboard.locator(f"#{part}").inner_text() for part in described)


def test_what_changes_by_itself_is_said(keyboard: Page, live_server: Any) -> None:
    alert = Alert.objects.get(title="DiskFull")
    keyboard.goto(f"{live_server.url}/console/alerts/alert/{alert.pk}/change/")
    status = keyboard.get_by_role("status").last

    claim_alert(by=ADMIN, now=utc_now(), alert_id=alert.pk)

    expect(status).to_contain_text("Handling", timeout=15_000)
