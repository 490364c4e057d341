"""The page that people know, step by step and label by label, in both languages, on a screen and on a phone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext, ngettext, pgettext
from playwright.sync_api import Locator, Page, expect

from tests.browser.console import give_session
from tests.browser.pages import LONG
from tests.browser.windows import window
from tests.stories.harness import ADMIN, Story
from tests.web.people import user_with
from tocsin.accounts.rules import Role
from tocsin.channels.models import ProviderAccount
from tocsin.contacts.models import Contact, ContactGroup
from tocsin.contacts.queries import get_defaults
from tocsin.contacts.rules import Fallback
from tocsin.core.clock import utc_now
from tocsin.delivery.models import Delivery
from tocsin.delivery.verifications import send_verifications

pytestmark = pytest.mark.django_db(transaction=True)

FIELDS = [
    "Name", "Phone Number", "Email", "Contact Group", "Method to Resend Notifications If Phone Notifications Fail",
    "User ID",
]  # fmt: skip
"""In their order."""
HELPS = ["Verify a mobile number", "Contact groups", "Set a default fallback method"]
"""What the help under the fields leads to, in their order."""
CONTEXTS = {"Email": "field"}
"""Words that mean several things."""
SCREEN, PHONE = ("en", 1300), ("zh-hans", 390)
_OTHERS = [pytest.param(place, marks=pytest.mark.thorough) for place in (("en", 390), ("zh-hans", 1300))]
both = pytest.mark.parametrize(
    "place", [SCREEN, pytest.param(PHONE, marks=pytest.mark.thorough)], ids=str, indirect=True
)
"""A language and a width: English on a screen, and Chinese on a phone."""
everywhere = pytest.mark.parametrize("place", [SCREEN, PHONE, *_OTHERS], ids=str, indirect=True)


@dataclass
class Console:
    """The Contacts tab, opened by somebody who is signed in."""

    page: Page
    address: str
    language: str = "en"

    def sign_in(self, role: Role) -> None:
        user = user_with(role)
        user.language = self.language
        user.save()
        give_session(self.page.context, self.address, user)

    def word(self, text: str, **values: object) -> str:
        """As the story's language has it; a text that nobody translated fails."""
        with translation.override(self.language):
            found = pgettext(CONTEXTS[text], text) if text in CONTEXTS else gettext(text)
        assert self.language == "en" or found != text, f"{text!r} is not translated"
        return found % values if values else found

    def words(self, one: str, many: str, count: int, **values: object) -> str:
        with translation.override(self.language):
            found = ngettext(one, many, count)
        assert self.language == "en" or found not in (one, many), f"{one!r} is not translated"
        return found % {"count": count, **values}

    def open_defaults(self) -> None:
        self.page.locator("summary").filter(has_text=self.word("More Operations")).click()
        self.page.get_by_role("link", name=self.word("Contact Default Configuration")).click()

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.address}/console/contacts/contact/{query}")

    def row(self, name: str) -> Locator:
        return self.page.locator("#result_list tbody tr").filter(has_text=name)

    def select(self, *names: str) -> None:
        for name in names:
            self.row(name).locator("input.action-select").check()

    def button(self, text: str) -> Locator:
        return self.page.get_by_role("button", name=self.word(text), exact=True)

    @property
    def groups(self) -> Locator:
        """Beside the list; on a narrow screen they are opened first."""
        self.page.wait_for_load_state()  # the script closes it where there is no room
        panel = self.page.locator(".tc-panel")
        if panel.get_attribute("open") is None:
            panel.locator("summary").click()
        return panel

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("dialog")

    def ok(self) -> None:
        self.box.get_by_role("button", name=self.word("OK"), exact=True).click()

    def act(self, name: str, text: str) -> None:
        """Clicks a link of the row's Actions, and waits for the dialog."""
        self.row(name).locator(".tc-acts a").filter(has_text=re.compile(f"^{re.escape(self.word(text))}")).click()
        expect(self.box).to_be_visible()

    def create(self) -> None:
        self.page.locator(".tc-bar a").filter(has_text=self.word("Create Contact")).click()
        expect(self.box.locator("input[name=name]")).to_be_focused()


@pytest.fixture
def place(request: pytest.FixtureRequest) -> tuple[str, int]:
    """The story's language and the width of its screen."""
    found: tuple[str, int] = getattr(request, "param", SCREEN)
    return found


@pytest.fixture
def console(page: Page, live_server: Any, place: tuple[str, int]) -> Console:
    language, width = place
    page.set_viewport_size({"width": width, "height": 900})
    return Console(page, live_server.url, language)


@pytest.fixture
def manager(console: Console, story: Story) -> Console:
    console.sign_in(Role.MANAGER)
    return console


@everywhere
def test_every_step_of_the_page_that_people_know(manager: Console, story: Story, place: tuple[str, int]) -> None:
    story.group(name="Night shift")
    story.contact("Ann", verified=False)
    story.contact("Bob", verified=False)
    console, (_language, width) = manager, place
    page, word = console.page, console.word

    # Create a contact: Alert Management > Notification Objects
    page.goto(f"{console.address}/console/")
    if width < 1000:
        page.locator("button[aria-controls=nav-sidebar]:visible").click()
    sidebar = page.locator("#nav-sidebar-apps")
    expect(sidebar.get_by_text(word("Alert Management"))).to_be_visible()
    sidebar.get_by_role("link", name=word("Notification Objects")).click()
    expect(page.locator(".tc-tabs [aria-current=page]")).to_have_text(word("Contacts"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    console.create()
    box = console.box
    expect(box.locator("h2").first).to_have_text(word("Create Contact"))
    labels = [text.strip().rstrip("*:：") for text in box.locator("label:visible").all_inner_texts()]
    assert [text for text in labels if text in map(word, FIELDS)] == [word(text) for text in FIELDS]
    assert labels[0] == word("Name")
    expect(box.locator(".tc-note a")).to_have_text(word("DingTalk/Lark/WeCom"))
    helps = box.locator(".tc-dialog-body a.text-link").all_inner_texts()
    assert helps == [word(text) for text in ("DingTalk/Lark/WeCom", *HELPS)]
    box.get_by_label(word("Name"), exact=False).first.fill("Wei")
    box.get_by_label(word("Phone Number"), exact=True).fill("138 0000 1234")
    box.get_by_role("combobox", name=word("Contact Group")).first.fill("night")
    box.get_by_role("option", name="Night shift").click()
    box.get_by_label(word(FIELDS[5]), exact=True).fill("wei.w")
    console.ok()
    expect(console.row("Wei")).to_contain_text(word("Not verified"))
    wei = Contact.objects.get(name="Wei")
    assert (wei.phone, wei.user_id, wei.groups.get().name) == ("+8613800001234", "wei.w", "Night shift")

    # Verify a mobile number: one by one click, then several
    assert not Delivery.objects.exists()
    console.row("Wei").get_by_role("button", name=word("Not verified")).click()
    expect(box.locator(".tc-results")).to_contain_text(word("sent"))
    assert Delivery.objects.get().recipient_id == wei.pk
    with page.expect_navigation():  # what was sent is not on the page yet
        box.get_by_role("button", name=word("Close"), exact=True).last.click()
    expect(box).to_have_count(0)
    expect(console.button("Verify Mobile Numbers")).to_be_disabled()
    console.select("Ann", "Bob")
    console.button("Verify Mobile Numbers").click()
    expect(box.locator(".tc-verdict")).to_contain_text("2")
    console.ok()
    expect(box.locator("[data-dialog-changed] .tc-results li")).to_have_count(2)
    with page.expect_navigation():  # what was sent is not on the page yet
        box.get_by_role("button", name=word("Close"), exact=True).last.click()
    expect(box).to_have_count(0)
    assert Delivery.objects.filter(purpose="verification").count() == 3

    # Set a default fallback method
    console.open_defaults()
    expect(box.locator("h2").first).to_have_text(word("Contact Default Configuration"))
    box.get_by_label(word("Do nothing")).check()
    console.ok()
    expect(console.row("Wei")).to_contain_text(word("Do nothing"))
    assert get_defaults().fallback == Fallback.NONE

    # Edit or delete contacts
    if width > 1000:
        expect(page.locator("#result_list th").last).to_have_text(word("Actions"))
    console.act("Wei", "Edit")
    expect(box.locator("h2").first).to_have_text(word("Edit Contact"))
    box.locator("input[name=name]").fill("Wei Wang")
    console.ok()
    expect(console.row("Wei Wang")).to_be_visible()
    console.act("Wei Wang", "Delete")
    expect(box.get_by_role("button", name=word("Cancel"))).to_be_focused()
    console.ok()
    expect(console.row("Wei Wang")).to_have_count(0)
    expect(console.button("Batch Delete")).to_be_disabled()
    console.select("Ann", "Bob")
    console.button("Batch Delete").click()
    expect(box).to_contain_text("Ann")
    console.ok()
    expect(page.locator("#result_list")).to_have_count(0)
    assert not Contact.objects.exists()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@everywhere
def test_all_columns_are_seen_at_once(manager: Console, story: Story, place: tuple[str, int]) -> None:
    wei = story.contact(LONG, email=f"{'m' * 40}@a.domain.with.a.long.name.example.org", lark_user_id="ou_" + "7" * 32)
    story.group(wei, name="Database administrators of Shanghai")

    manager.open()

    frame = "document.querySelector('#result_list').parentElement"
    assert manager.page.evaluate(f"{frame}.scrollWidth - {frame}.clientWidth") == 0
    expect(manager.page.locator("#result_list thead th")).to_have_count(10)  # nine, and the boxes
    if place[1] > 1000:
        right = manager.row(LONG).locator(".tc-acts").bounding_box()
        assert right is not None
        assert right["x"] + right["width"] <= place[1]
        tops = [box["y"] for item in manager.page.locator(".tc-filters > *").all() if (box := item.bounding_box())]
        assert max(tops) - min(tops) < 36


REFUSALS = {
    "nothing to reach by": ({}, "Give a phone number or an email address, or both.", {}, None),
    "a number in another spelling": (
        {"phone": "0086 138-0000-1234"},
        "%(value)s belongs to %(name)s already.",
        {"value": "", "name": "Bob"},
        "phone",
    ),
    "an address in another case": (
        {"email": "BOB@Example.org"},
        "%(value)s belongs to %(name)s already.",
        {"value": "", "name": "Bob"},
        "email",
    ),
    "an impossible number": (
        {"phone": "138 00"},
        "Too short: a mobile number in +%(code)s has %(expected)s digits after +%(code)s, this one has %(digits)s.",
        {"code": 86, "expected": 11, "digits": 5},
        "phone",
    ),
}


@both
@pytest.mark.parametrize("case", REFUSALS)
def test_each_refusal_stands_in_the_dialog_and_nobody_is_made(manager: Console, story: Story, case: str) -> None:
    story.contact("Bob", phone="+8613800001234", email="bob@example.org")
    typed, text, values, field = REFUSALS[case]
    manager.open()
    manager.create()
    box = manager.box

    box.locator("input[name=name]").fill("Wei")
    for name, value in typed.items():
        box.locator(f"input[name={name}]").fill(value)
    manager.ok()

    expect(box.get_by_text(manager.word(text, **values).strip()).first).to_be_visible()
    if field:
        expect(box.locator(f"input[name={field}]")).to_be_focused()
    expect(box.locator("input[name=name]")).to_have_value("Wei")
    assert Contact.objects.count() == 1


@both
def test_no_contact_is_made_of_a_chatbot_and_the_note_says_where_one_belongs(manager: Console) -> None:
    manager.open()
    manager.create()
    robots = manager.word("DingTalk/Lark/WeCom")

    expect(manager.box.locator("input[type=url], input[name*=url], input[name*=bot]")).to_have_count(0)
    manager.box.locator(".tc-note").get_by_role("link", name=robots).click()

    expect(manager.page.locator(".tc-tabs [aria-current=page]")).to_have_text(robots)


@both
def test_five_selected_contacts_come_to_five_different_results(manager: Console, story: Story) -> None:
    story.contact("Wei", verified=False)
    story.contact("Bob")
    story.contact("Chen", phone=None)
    dan = story.contact("Dan", verified=False)
    story.contact("Front desk", phone="010-6552 9988", verified=False)
    send_verifications(by=ADMIN, now=utc_now(), contact_ids=[dan.pk])
    word = manager.word
    manager.open()

    manager.select("Wei", "Bob", "Chen", "Dan", "Front desk")
    manager.button("Verify Mobile Numbers").click()
    will = manager.words("One text message will go out", "%(count)s text messages will go out", 1)
    expect(manager.box.locator(".tc-verdict")).to_have_text(will)
    manager.ok()
    was = manager.words("One text message was queued", "%(count)s text messages were queued", 1)
    expect(manager.box.locator(".tc-verdict")).to_have_text(was)

    results = manager.box.locator(".tc-results li")
    expect(results).to_have_count(5)
    for name, text in (("Wei", "sent"), ("Bob", "is verified already"), ("Chen", "has no number")):
        expect(results.filter(has_text=name)).to_contain_text(word(text))
    limited = word("got too many texts; the next one may go at %(time)s", time="<time>")
    pattern = re.escape(limited).replace("<time>", r".*\d\d:\d\d:\d\d .*")
    expect(results.filter(has_text="Dan")).to_contain_text(re.compile(pattern))
    why = word("this is a landline, where text messages do not arrive; give a mobile number.")
    expect(results.filter(has_text="Front desk")).to_contain_text(word("cannot be sent one: %(detail)s", detail=why))
    assert Delivery.objects.filter(purpose="verification").count() == 2


@both
def test_who_was_deleted_before_the_texts_went_out_is_told_of_too(manager: Console, story: Story) -> None:
    ann = story.contact("Ann", verified=False)
    manager.open()
    manager.select("Ann")
    manager.button("Verify Mobile Numbers").click()
    will = manager.words("One text message will go out", "%(count)s text messages will go out", 1)
    expect(manager.box.locator(".tc-verdict")).to_have_text(will)

    ann.object.delete()
    manager.ok()

    expect(manager.box.locator(".tc-results li")).to_contain_text(manager.word("no longer exists"))
    assert not Delivery.objects.exists()


@both
def test_where_nothing_carries_texts_each_result_says_why(manager: Console, story: Story) -> None:
    story.contact("Ann", verified=False)
    ProviderAccount.objects.update(is_enabled=False)
    manager.open()

    manager.row("Ann").get_by_role("button", name=manager.word("Not verified")).click()

    why = manager.word("No account for text messages is enabled; add one under provider accounts.")
    expect(manager.box.locator(".tc-results")).to_contain_text(why.rstrip("。."))
    expect(manager.box.get_by_role("button", name=manager.word("OK"), exact=True)).to_have_count(0)


@both
def test_a_changed_number_says_what_it_costs_before_it_is_saved_and_can_be_verified_at_once(
    manager: Console, story: Story
) -> None:
    wei = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
    story.policy({story.group(wei, name="Night shift"): ["phone"]}, name="Databases")
    manager.open()
    manager.act("Wei", "Edit")
    box = manager.box

    box.locator("input[name=phone]").fill("138 0000 5678")
    manager.ok()
    expect(box.locator(".tc-consequences")).to_contain_text("Databases")
    expect(box.locator(".tc-consequences")).to_be_focused()
    assert Contact.objects.get().phone == "+8613800001234"
    expect(box.get_by_role("button", name=f"{manager.word('Remove')} Night shift")).to_be_visible()
    box.get_by_role("button", name=manager.word("OK and send verification")).click()

    expect(manager.row("Wei")).to_contain_text("+86 138 **** 5678")
    assert Delivery.objects.get().purpose == "verification"
    assert Contact.objects.get().groups.get().name == "Night shift"


@both
def test_the_default_is_seen_on_a_contact_that_uses_it_and_on_no_other(manager: Console, story: Story) -> None:
    story.contact("Ann")
    story.contact("Bob", fallback=Fallback.CALL)
    word = manager.word
    nothing = word("Default: %(method)s", method=word("Do nothing")).replace("：", "： ")
    text = word("Default: %(method)s", method=word("Send a text message")).replace("：", "： ")
    manager.open()
    expect(manager.row("Ann")).to_contain_text(text)

    manager.open_defaults()
    manager.box.get_by_label(word("Do nothing")).check()
    manager.ok()

    expect(manager.row("Ann")).to_contain_text(nothing)
    expect(manager.row("Bob")).to_contain_text(word("Call again (once, 60 seconds later)"))
    expect(manager.row("Bob")).not_to_contain_text(nothing)
    manager.row("Ann").get_by_role("link", name="Ann").first.click()
    expect(manager.page.locator(".tc-facts")).to_contain_text(nothing.replace("： ", "："))


@both
def test_a_batch_is_deleted_across_pages_and_what_used_it_is_named_first(manager: Console, story: Story) -> None:
    people = [story.contact(f"Person {number:02d}") for number in range(55)]
    story.contact("Zoe", phone=None)
    story.policy({people[0]: ["email"]}, name="Databases")
    word, page = manager.word, manager.page
    manager.open("?number=verified")

    page.locator("#action-toggle").check()
    expect(page.get_by_text(word("{n} selected").replace("{n}", "50"))).to_be_visible()
    page.get_by_role("button", name=word("Select all %(count)s across pages", count=55)).click()
    manager.button("Batch Delete").click()
    with translation.override(manager.language):
        kinds = str(Contact._meta.verbose_name_plural)
    ask = manager.words("Delete %(name)s?", "Delete these %(count)s %(kinds)s?", 55, kinds=kinds, name="")
    expect(manager.box).to_contain_text(ask)
    expect(manager.box).to_contain_text("Databases")
    manager.box.get_by_role("button", name=word("Cancel")).click()
    assert Contact.objects.count() == 56
    manager.button("Batch Delete").click()
    manager.ok()

    expect(page.get_by_text(word("Nothing matches"))).to_be_visible()
    assert [contact.name for contact in Contact.objects.all()] == ["Zoe"]


@both
def test_groups_stand_beside_the_list_and_are_kept_there(manager: Console, story: Story) -> None:
    ann = story.contact("Ann")
    story.contact("Bob")
    story.policy({story.group(ann, name="Night shift"): ["phone"]}, name="Databases")
    page, word = manager.page, manager.word
    manager.open()

    expect(manager.groups.get_by_role("link", name=word("All contacts"))).to_contain_text("2")
    manager.groups.get_by_role("link", name="Night shift").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.get_by_role("link", name=word("Edit Group")).click()
    manager.box.get_by_role("combobox", name=word("Contacts")).fill("bob")
    manager.box.get_by_role("option", name="Bob").click()
    manager.ok()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)
    manager.row("Bob").get_by_role("link", name=word("Remove")).click()
    manager.ok()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    manager.select("Ann")
    page.get_by_role("button", name=word("Remove from Group")).click()
    emptied = word("The group %(name)s will have no members.", name="Night shift")
    expect(manager.box.locator(".tc-consequences")).to_contain_text(emptied)
    expect(manager.box.locator(".tc-consequences")).to_contain_text("Databases")
    manager.ok()
    expect(page.get_by_text(word("Nobody is in this group"))).to_be_visible()
    page.get_by_role("link", name=word("Delete Group")).click()
    expect(manager.box).to_contain_text("Databases")
    manager.ok()

    expect(manager.box).to_have_count(0)
    assert not ContactGroup.objects.exists()
    assert Contact.objects.count() == 2


@both
def test_a_group_is_made_beside_the_list_and_within_the_dialog_of_a_contact(manager: Console) -> None:
    manager.open()
    manager.groups.get_by_role("link", name=manager.word("Create Contact Group")).click()
    manager.box.locator("input[name=name]").fill("Day shift")
    manager.ok()
    expect(manager.box).to_have_count(0)
    expect(manager.groups.get_by_role("link", name="Day shift")).to_be_visible()

    manager.create()
    manager.box.locator("input[name=name]").fill("Wei")
    manager.box.locator("input[name=email]").fill("wei@example.org")
    manager.box.get_by_label(manager.word("Or create a group")).fill("Weekend")
    manager.ok()

    expect(manager.row("Wei")).to_contain_text("Weekend")
    assert Contact.objects.get().groups.get().name == "Weekend"


@both
def test_contacts_are_found_by_part_of_a_name_a_number_or_an_address_and_by_filters(
    manager: Console, story: Story
) -> None:
    story.contact("Ann Müller", phone="+8613800001234", email="ann@example.org")
    story.contact("Bob", phone="+4917612345678", email="bob@example.com", verified=False)
    manager.open()
    page = manager.page
    search = page.locator("input[name=q]")

    for typed, name in (("müll", "Ann"), ("138 0000", "Ann"), ("0176", "Bob"), ("example.com", "Bob")):
        search.fill(typed)
        with page.expect_navigation():
            search.press("Enter")
        expect(page.locator("#result_list tbody tr")).to_have_count(1)
        expect(manager.row(name)).to_be_visible()
    manager.open()
    manager.page.get_by_role("combobox", name=manager.word("Verification")).select_option("unverified")

    expect(manager.page.locator("#result_list tbody tr")).to_have_count(1)
    expect(manager.row("Bob")).to_be_visible()


@both
def test_a_contacts_page_masks_until_asked_and_records_who_asked(manager: Console, story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
    story.policy({wei: ["email"]}, name="Databases")
    manager.open()
    manager.row("Wei").get_by_role("link", name="Wei").first.click()
    page = manager.page
    content = page.locator("#content-main")

    expect(content).to_contain_text("+86 138 **** 1234")
    expect(content).not_to_contain_text("wei@example.org")
    expect(content.get_by_role("link", name="Databases")).to_be_visible()
    expect(content.get_by_role("link", name=manager.word("Send a test")).first).to_be_visible()
    page.get_by_role("button", name=manager.word("Show number and address")).click()

    expect(content).to_contain_text("+86 138 0000 1234")
    expect(content).to_contain_text("wei@example.org")
    expect(page.locator("#content-main li").filter(has_text="shown: phone, email")).to_contain_text("manager")


@both
def test_a_viewer_can_do_none_of_it(console: Console, story: Story) -> None:
    wei = story.contact("Wei", phone="+8613800001234", email="wei@example.org", verified=False)
    group = story.group(wei, name="Night shift")
    console.sign_in(Role.VIEWER)
    console.open(f"?group={group.pk}")
    page, word = console.page, console.word
    expect(console.row("Wei")).to_contain_text("+86 138 **** 1234")

    for text in ("Create Contact", "Verify Mobile Numbers", "Batch Delete", "More Operations", "Edit", "Delete",
                 "Remove", "Edit Group", "Delete Group", "Create Contact Group"):  # fmt: skip
        expect(page.locator("#content-main").get_by_text(word(text), exact=True)).to_have_count(0)
    expect(page.locator("#content-main [data-dialog]")).to_have_count(0)
    expect(page.get_by_placeholder(word("Name, phone number or email"))).to_have_count(0)
    page.goto(f"{console.address}/console/contacts/contact/{wei.pk}/overview/")
    expect(page.locator("#content-main")).to_contain_text("+86 138 **** 1234")
    expect(page.get_by_role("button", name=word("Show number and address"))).to_have_count(0)
    expect(page.locator("#content-main [data-dialog]")).to_have_count(0)


@both
def test_without_script_the_same_questions_are_pages(
    browser: Any, live_server: Any, story: Story, place: tuple[str, int]
) -> None:
    wei = story.contact("Wei", phone="+8613800001234", email="wei@example.org")
    story.policy({wei: ["phone"]}, name="Databases")
    language, width = place
    context = window(browser, java_script_enabled=False, viewport={"width": width, "height": 900})
    console = Console(context.new_page(), live_server.url, language)
    console.sign_in(Role.MANAGER)
    page, word = console.page, console.word
    console.open()

    page.locator(".tc-acts a").first.click()
    expect(page.locator(".tc-page-title")).to_have_text(word("Edit Contact"))
    page.locator("input[name=phone]").fill("138 0000 5678")
    console.button("OK").click()
    expect(page.locator(".tc-consequences")).to_contain_text("Databases")
    console.button("OK").click()
    console.row("Wei").get_by_role("button", name=word("Not verified")).click()
    expect(page.locator(".tc-results")).to_contain_text(word("sent"))
    page.get_by_role("link", name=word("Back to the contacts")).click()
    console.select("Wei")
    console.button("Batch Delete").click()
    expect(page.get_by_role("link", name=word("Cancel"))).to_be_visible()
    with page.expect_navigation():
        console.button("OK").click()

    context.close()
    assert not Contact.objects.exists()
