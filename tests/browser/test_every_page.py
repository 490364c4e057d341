"""Every page that there is: as wide as a phone nothing sticks out and nothing complains; on a screen axe-core finds
nothing serious, in the light and in the dark. In one language at a time, and each page is loaded once."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from tests.browser.console import apart
from tests.browser.pages import fill, pages_of_the_console, public_pages, signed_in_context
from tests.browser.windows import window
from tests.stories.harness import begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.core.clock import utc_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
_PHONE, _SCREEN = {"width": 390, "height": 844}, {"width": 1300, "height": 900}
_PARTS = 4
"""So that nobody waits for one long walk at the end."""
_STICKS_OUT = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const isOut = (part) => part.getBoundingClientRect().right > width + 1;
  const out = [...document.querySelectorAll("main *, header *")].filter(isOut);
  return out.slice(-3).map((part) => `${part.tagName} ${part.className} ${part.textContent.trim().slice(0, 40)}`);
}"""
_SERIOUS = """(options) => axe.run(document, {resultTypes: ["violations"], ...options}).then((found) =>
  found.violations.filter((one) => ["serious", "critical"].includes(one.impact)).flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.html.replace(/\\s+/g, " ").slice(0, 200)}`)))"""


@pytest.mark.parametrize("part", range(_PARTS))
@pytest.mark.parametrize(
    ("language", "spoken"), [("zh-CN", "zh-hans"), pytest.param("en-US", "en", marks=pytest.mark.thorough)]
)
def test_every_page_fits_complains_of_nothing_and_is_for_those_who_see_hear_or_move_differently(
    browser: Browser, live_server: Any, language: str, spoken: str, part: int
) -> None:
    story = begin(utc_now())
    fill(story)
    apart(lambda: story.passes(40))
    pages = pages_of_the_console(signed_in(Role.ADMIN), part, _PARTS)
    signed = signed_in_context(browser, live_server.url, language=language)
    stranger = window(browser, locale=language, reduced_motion="reduce")

    pages_with: dict[str, list[str]] = defaultdict(list)
    for context, paths in ((signed, pages), (stranger, public_pages()[part::_PARTS])):
        page = context.new_page()
        heard = listen(page)
        for path in paths:
            for fault in faults_of(page, live_server.url + path, spoken) + heard:
                pages_with[fault].append(path)
            heard.clear()
        context.close()

    assert len(pages) > 50 // _PARTS
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
        expect(page.get_by_role("dialog").locator(".tc-ok-cancel")).to_be_visible()
        found[name] = serious_faults(page)
    context.close()

    assert found == {name: [] for name in openers}


def listen(page: Page) -> list[str]:
    """What the page complains of from now on."""
    heard: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            heard.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: heard.append(str(error)))
    return heard


def faults_of(page: Page, address: str, spoken: str) -> list[str]:
    page.set_viewport_size(_PHONE)  # type: ignore[arg-type]
    page.goto(address)
    found = [f"sticks out: {part}" for part in page.evaluate(_STICKS_OUT)]
    if page.evaluate("document.documentElement.lang") != spoken:
        found.append(f"says that it is {page.evaluate('document.documentElement.lang')!r}")
    page.set_viewport_size(_SCREEN)  # type: ignore[arg-type]
    return found + serious_faults(page)


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
