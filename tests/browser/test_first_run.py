"""The first run as somebody goes through it: the front page asks, and stops asking."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console, enter, fits
from tests.stories.harness import Story
from tocsin.contacts.models import Contact

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("width", [390, pytest.param(1300, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(("language", "head", "missing"), [
    ("zh-hans", "通知他人之前的准备", "还没有联系人。"),
    pytest.param("en", "Before anybody can be told", "There is no contact yet.", marks=pytest.mark.thorough),
])  # fmt: skip
def test_the_front_page_says_what_is_missing(
    console: Console, story: Story, width: int, language: str, head: str, missing: str
) -> None:
    page = enter(console, width, language)

    console.open("")

    expect(page.locator("#first-run")).to_contain_text(head)
    expect(page.locator("#first-run")).to_contain_text(missing)
    assert fits(page)


def test_the_first_contact_and_integration_are_made_from_the_list(console: Console, story: Story) -> None:
    page = enter(console)
    console.open("")

    page.locator("#first-run").get_by_role("link", name="Create the first contact").click()
    box = page.get_by_role("dialog")
    box.locator("[name=name]").fill("Wei")
    box.locator("[name=email]").fill("wei@example.org")
    box.get_by_role("button", name="OK", exact=True).click()
    expect(page.get_by_text("wei@example.org").or_(page.get_by_text("w***@example.org")).first).to_be_visible()
    console.open("")
    expect(page.locator("#first-run")).to_contain_text("No number is verified yet")
    page.locator("#first-run").get_by_role("link", name="Add an integration").click()
    box.locator("[name=name]").fill("Prometheus")
    box.get_by_role("button", name="OK", exact=True).click()

    expect(page.locator("#integration-live")).to_contain_text("Waiting for the first event")
    assert Contact.objects.get().name == "Wei"


@pytest.mark.parametrize("path", ["contacts/contact/", "events/event/", "policies/notificationpolicy/"])
def test_an_empty_list_says_what_belongs_there_and_a_search_that_it_hides(
    console: Console, story: Story, path: str
) -> None:
    page = enter(console, 390)
    console.open(path)

    expect(page.locator(".tc-nothing h2")).to_contain_text("yet")
    assert fits(page)
    console.open(f"{path}?q=zzzz")
    expect(page.locator(".tc-nothing h2")).to_have_text("Nothing matches")
    page.get_by_role("link", name="Clear filters").first.click()
    expect(page.locator(".tc-nothing h2")).to_contain_text("yet")
