"""Every page that there is, as wide as a phone, in both languages: nothing sticks out, nothing complains."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.console import apart
from tests.browser.pages import fill, pages_of_the_console, public_pages, signed_in_context
from tests.stories.harness import begin
from tests.web.people import signed_in
from tocsin.accounts.rules import Role
from tocsin.core.clock import utc_now

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]
PHONE = 390
_STICKS_OUT = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const isOut = (part) => part.getBoundingClientRect().right > width + 1;
  const out = [...document.querySelectorAll("main *, header *")].filter(isOut);
  return out.slice(-3).map((part) => `${part.tagName} ${part.className} ${part.textContent.trim().slice(0, 40)}`);
}"""


@pytest.mark.parametrize(
    ("language", "spoken"), [("zh-CN", "zh-hans"), pytest.param("en-US", "en", marks=pytest.mark.thorough)]
)
def test_every_page_fits_a_phone_and_complains_of_nothing(
    browser: Browser, live_server: Any, language: str, spoken: str
) -> None:
    story = begin(utc_now())
    fill(story)
    apart(lambda: story.passes(40))
    pages = pages_of_the_console(signed_in(Role.ADMIN))
    signed = signed_in_context(browser, live_server.url, language=language, width=PHONE)
    stranger = browser.new_context(viewport={"width": PHONE, "height": 900}, locale=language)

    faults: list[str] = []
    for context, paths in ((signed, pages), (stranger, public_pages())):
        page = context.new_page()
        for path in paths:
            faults += [f"{path}: {fault}" for fault in faults_of(page, live_server.url + path, spoken)]
        context.close()

    assert len(pages) > 50
    assert faults == []


def faults_of(page: Page, address: str, spoken: str) -> list[str]:
    found: list[str] = []
    heard = lambda message: found.append(message.text) if message.type == "error" else None  # noqa: E731 (taken off again)
    page.on("console", heard)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.goto(address)
    found += [f"sticks out: {part}" for part in page.evaluate(_STICKS_OUT)]
    if page.evaluate("document.documentElement.lang") != spoken:
        found.append(f"says that it is {page.evaluate('document.documentElement.lang')!r}")
    page.remove_listener("console", heard)
    return found
