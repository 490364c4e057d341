"""Dialog boxes of the console: focus, keys, refusals, faults, phones."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.console import Console
from tests.stories.harness import Story
from tests.web.people import PASSWORD
from tocsin.accounts.rules import Role
from tocsin.contacts.models import ContactGroup

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def console(page: Page, live_server: Any) -> Console:
    console = Console(page, live_server.url)
    console.sign_in(Role.MANAGER)
    console.open("contacts/contactgroup/")
    return console


def test_a_dialog_takes_the_focus_refuses_at_the_field_and_leads_on(console: Console) -> None:
    page = console.page
    opener = page.locator("a.addlink")

    opener.focus()
    page.keyboard.press("Enter")
    box = page.get_by_role("dialog")
    expect(box).to_be_visible()
    expect(box.locator("input[name=name]")).to_be_focused()
    box.get_by_role("button", name="OK").click()
    expect(box.get_by_text("This field is required")).to_be_visible()
    expect(box.locator("input[name=name]")).to_be_focused()
    page.keyboard.type("Night shift")
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="Night shift").first).to_be_visible()
    expect(box).to_have_count(0)
    assert ContactGroup.objects.get().name == "Night shift"


def test_escape_and_cancel_close_it_and_the_focus_returns(console: Console) -> None:
    page = console.page
    opener = page.locator("a.addlink")

    for closes in (lambda: page.keyboard.press("Escape"), page.get_by_role("button", name="Cancel").click):
        opener.click()
        expect(page.get_by_role("dialog").locator("input[name=name]")).to_be_focused()
        closes()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(opener).to_be_focused()

    assert not ContactGroup.objects.exists()


def test_a_dialog_keeps_what_was_typed_when_the_server_cannot_be_reached(
    console: Console, tolerated: list[str]
) -> None:
    tolerated.append("Failed to load resource")
    page = console.page
    page.locator("a.addlink").click()
    box = page.get_by_role("dialog")
    box.locator("input[name=name]").fill("Night shift")

    page.context.set_offline(True)
    box.get_by_role("button", name="OK").click()
    expect(box.get_by_role("alert")).to_contain_text("The server cannot be reached")
    page.context.set_offline(False)
    box.get_by_role("button", name="OK").click()

    expect(page.get_by_role("link", name="Night shift").first).to_be_visible()


def test_a_dialog_says_when_the_session_has_ended(console: Console, tolerated: list[str]) -> None:
    tolerated.append("Failed to load resource")
    page = console.page
    page.context.clear_cookies(name="sessionid")

    page.locator("a.addlink").click()

    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("You are no longer signed in")


def test_what_was_typed_outlives_the_session(console: Console, tolerated: list[str]) -> None:
    tolerated.append("Failed to load resource")
    page = console.page
    page.locator("a.addlink").click()
    box = page.get_by_role("dialog")
    box.locator("input[name=name]").fill("Night shift")
    page.context.clear_cookies(name="sessionid")
    box.get_by_role("button", name="OK").click()

    with page.context.expect_page() as opened:
        box.get_by_role("alert").get_by_role("link", name="Sign in").click()
    opened.value.get_by_label("Username").fill(Role.MANAGER.value)
    opened.value.get_by_label("Password").fill(PASSWORD)
    opened.value.get_by_role("button", name="Log in").click()
    expect(opened.value.get_by_role("link", name="Create Contact Group").first).to_be_visible()
    box.get_by_role("button", name="OK").click()

    expect(page.get_by_role("link", name="Night shift").first).to_be_visible()


def test_pressing_ok_twice_saves_once(console: Console) -> None:
    page = console.page
    page.locator("a.addlink").click()
    page.get_by_role("dialog").locator("input[name=name]").fill("Night shift")

    page.get_by_role("button", name="OK").dblclick()

    expect(page.get_by_role("link", name="Night shift").first).to_be_visible()
    assert ContactGroup.objects.count() == 1
    expect(page.get_by_text("already")).to_have_count(0)


def test_ok_pressed_again_while_the_next_page_is_awaited_saves_once(console: Console) -> None:
    page = console.page
    page.locator("a.addlink").click()
    page.get_by_role("dialog").locator("input[name=name]").fill("Night shift")
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.url) if request.method == "POST" else None)
    awaited: list[Route] = []
    page.route("**/contacts/contactgroup/", lambda route: awaited.append(route))

    with page.expect_request(lambda request: request.is_navigation_request()):
        page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    awaited[0].continue_()

    expect(page.get_by_role("link", name="Night shift").first).to_be_visible()
    assert len(posted) == 1


def test_on_a_phone_the_dialog_is_as_wide_as_the_screen(console: Console) -> None:
    page = console.page
    page.set_viewport_size({"width": 390, "height": 800})

    page.locator("a.addlink").click()
    expect(page.get_by_role("dialog").locator("input[name=name]")).to_be_focused()

    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, 390)


def test_the_picker_searches_is_driven_by_keys_and_works_within_a_dialog(console: Console, story: Story) -> None:
    for number in range(30):
        story.contact(f"Person {number:02d}")
    wei, ann = story.contact("Wei"), story.contact("Ann")
    page = console.page
    page.locator("a.addlink").click()
    box = page.get_by_role("dialog")
    box.locator("input[name=name]").fill("Night shift")
    members = box.get_by_role("combobox", name="Contacts")

    members.fill("we")
    expect(box.get_by_role("option")).to_have_text(["Wei"])
    members.press("Enter")
    members.fill("person")
    expect(box.get_by_role("option")).to_have_count(20)
    members.press("ArrowUp")
    members.press("ArrowDown")
    members.press("Escape")
    expect(box.get_by_role("listbox")).to_be_hidden()
    expect(box).to_be_visible()
    members.fill("ann")
    expect(box.get_by_role("option")).to_have_text(["Ann"])
    members.press("Enter")
    expect(box.get_by_role("button", name="Remove ")).to_have_count(2)
    box.get_by_role("button", name="Remove Wei").click()
    box.get_by_role("button", name="OK").click()

    expect(page.get_by_role("link", name="Night shift").first).to_be_visible()
    assert list(ContactGroup.objects.get().members.all()) == [ann]
    assert wei.groups.count() == 0


def test_the_picker_goes_on_to_further_names_by_key(console: Console, story: Story) -> None:
    for number in range(25):
        story.contact(f"Person {number:02d}")
    page = console.page
    page.locator("a.addlink").click()
    members = page.get_by_role("dialog").get_by_role("combobox", name="Contacts")

    members.fill("person")
    expect(page.get_by_role("option")).to_have_count(20)
    for _press in range(20):
        members.press("ArrowDown")

    expect(page.get_by_role("option")).to_have_count(25)
