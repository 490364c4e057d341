"""The console as somebody uses it, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.console import Console, apart, fits, later, stop_the_clock
from tests.stories.harness import Story
from tests.web.people import PASSWORD, user_with
from tocsin.accounts.rules import Role
from tocsin.alerts.services import comment_alert
from tocsin.contacts.models import Contact
from tocsin.contacts.rules import Fallback
from tocsin.core.actors import SHELL
from tocsin.core.clock import utc_now
from tocsin.policies.models import NotificationPolicy

pytestmark = pytest.mark.django_db(transaction=True)


def test_somebody_signs_in_looks_around_and_signs_out(console: Console) -> None:
    page = console.page
    console.open("")
    page.get_by_label("Username").fill(user_with(Role.ADMIN).username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    for name in ("Alerts", "Events", "Notification Objects", "Deliveries", "Outbox", "Provider accounts", "Users"):
        page.locator("#nav-sidebar-apps").get_by_role("link", name=name).click()
        shown = "Contacts" if name == "Notification Objects" else name
        expect(page.locator("h1").filter(has_text=shown)).to_be_visible()

    page.wait_for_load_state("networkidle")
    page.locator("#nav-sidebar").get_by_text("admin", exact=True).click()
    page.get_by_role("button", name="Log out").click()
    console.open("")
    expect(page.get_by_label("Username")).to_be_visible()


def test_a_wrong_password_says_so(console: Console) -> None:
    user_with(Role.ADMIN)
    console.open("")

    console.page.get_by_label("Username").fill("admin")
    console.page.get_by_label("Password").fill("wrong")
    console.page.get_by_role("button", name="Log in").click()

    expect(console.page.get_by_text("Please enter the correct username and password")).to_be_visible()


def test_a_bad_number_is_refused_at_its_field_and_a_good_one_is_taken(console: Console, story: Story) -> None:
    story.group(name="Night shift")
    console.sign_in(Role.MANAGER)
    page = console.page
    console.open("contacts/contact/add/")

    page.get_by_label("Name", exact=False).first.fill("Wei")
    page.locator("#id_phone").fill("138 0000")
    page.get_by_role("button", name="OK", exact=True).click()
    expect(page.locator(".field-phone, div").filter(has_text="Too short").last).to_be_visible()
    assert not Contact.objects.exists()

    page.locator("#id_phone").fill("138 0000 1234")
    page.get_by_role("combobox", name="Contact Group").fill("night")
    page.get_by_role("option", name="Night shift").click()
    page.get_by_role("button", name="OK", exact=True).click()

    expect(page.get_by_text("Not verified").first).to_be_visible()
    contact = Contact.objects.get()
    assert (contact.phone, [group.name for group in contact.groups.all()]) == ("+8613800001234", ["Night shift"])


def test_an_alert_is_read_claimed_and_resolved(console: Console, story: Story) -> None:
    wei = story.contact("Wei", fallback=Fallback.NONE)
    story.policy({wei: ["phone", "email"]})
    story.fires("DiskFull", summary="The disk of db-7 is full", severity="critical")
    apart(lambda: story.passes(5))
    apart(story.expect_call(wei).is_busy)
    console.sign_in(Role.RESPONDER)
    page = console.page
    console.open("")

    page.get_by_role("link", name="DiskFull").click()
    expect(page.get_by_text("The line was busy", exact=True)).to_be_visible()
    expect(page.locator("pre.tc-text").first).to_be_hidden()
    page.locator("summary", has_text="Text").first.click()
    expect(page.locator("pre.tc-text").first).to_be_visible()

    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_text("claimed by responder")).to_be_visible()
    page.get_by_role("textbox", name="Comment").fill("Making room")
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_text("Making room")).to_be_visible()
    page.locator("summary", has_text="Resolve").click()
    expect(page.get_by_text("One event is still active")).to_be_visible()
    page.get_by_label("What solved it?").fill("Deleted old logs")
    page.get_by_role("button", name="Resolve the alert").click()

    expect(page.get_by_text("resolved by responder")).to_be_visible()
    assert story.alert().state == "resolved"


def test_the_alert_page_follows_what_happens_and_leaves_opened_texts_open(console: Console, story: Story) -> None:
    wei = story.contact("Wei")
    story.policy({wei: ["email"]})
    story.fires("DiskFull")
    apart(lambda: story.passes(5))
    console.sign_in(Role.VIEWER)
    page = console.page
    stop_the_clock(page)
    console.open(f"alerts/alert/{story.alert().pk}/change/")
    page.locator("summary", has_text="Text").first.click()

    comment_alert(by=SHELL, now=utc_now(), alert_id=story.alert().pk, text="Somebody is on it")
    later(page, 6)

    expect(page.get_by_text("Somebody is on it")).to_be_visible()
    expect(page.locator("pre.tc-text").first).to_be_visible()


def test_a_half_written_comment_survives_what_happens_meanwhile(console: Console, story: Story) -> None:
    story.policy({story.contact("Wei"): ["email"]})
    story.fires("DiskFull")
    apart(lambda: story.passes(5))
    console.sign_in(Role.RESPONDER)
    page = console.page
    stop_the_clock(page)
    console.open(f"alerts/alert/{story.alert().pk}/change/")
    page.get_by_role("textbox", name="Comment").fill("I am just")

    comment_alert(by=SHELL, now=utc_now(), alert_id=story.alert().pk, text="Somebody else wrote")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    later(page, 6)

    expect(page.get_by_role("textbox", name="Comment")).to_have_value("I am just")
    assert asked == []
    page.get_by_role("textbox", name="Comment").fill("")
    page.get_by_role("heading", name="Timeline").click()
    later(page, 6)
    expect(page.get_by_text("Somebody else wrote")).to_be_visible()


def test_what_somebody_begins_to_write_while_the_page_looks_again_stays(console: Console, story: Story) -> None:
    story.policy({story.contact("Wei"): ["email"]})
    story.fires("DiskFull")
    apart(lambda: story.passes(5))
    console.sign_in(Role.RESPONDER)
    page = console.page
    stop_the_clock(page)
    console.open(f"alerts/alert/{story.alert().pk}/change/")
    page.evaluate("document.addEventListener('htmx:afterRequest', () => { document.body.dataset.looked = ''; })")
    comment_alert(by=SHELL, now=utc_now(), alert_id=story.alert().pk, text="Somebody else wrote")
    awaited: list[Route] = []
    page.route("**/live/**", lambda route: awaited.append(route))
    with page.expect_request("**/live/**"):
        later(page, 6)

    page.get_by_role("textbox", name="Comment").fill("I am just")
    awaited[0].continue_()
    expect(page.locator("body[data-looked]")).to_have_count(1)

    expect(page.get_by_role("textbox", name="Comment")).to_have_value("I am just")
    expect(page.get_by_text("Somebody else wrote")).to_have_count(0)


def test_a_policy_is_made_with_rows_of_objects(console: Console, story: Story) -> None:
    wei = story.contact("Wei")
    robot = story.robot("https://oapi.dingtalk.com/robot/send?access_token=t", name="Ops group")
    console.sign_in(Role.MANAGER)
    page = console.page
    console.open("policies/notificationpolicy/add/")

    page.locator("#id_name").fill("Databases")
    page.get_by_role("button", name="Write as text").click()
    page.locator("#id_rules").fill("severity in critical, error")
    rows = page.locator("[data-target]")
    rows.nth(0).get_by_role("combobox").fill("Wei")
    page.get_by_role("option", name="Wei").click()
    rows.nth(0).get_by_label("Email").uncheck()
    page.get_by_role("button", name="Add another").click()
    rows.nth(2).get_by_role("combobox").fill("Ops")
    page.get_by_role("option", name="Ops group").click()
    expect(rows.nth(2).get_by_label("Email")).to_be_hidden()
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_role("link", name="Databases").first).to_be_visible()
    current = NotificationPolicy.objects.get().current
    assert current is not None
    assert list(current.targets.order_by("pk").values_list("object_id", "channels")) == [
        (wei.pk, ["phone", "sms"]),
        (robot.pk, []),
    ]


def test_a_simulated_phone_rings_and_is_answered(console: Console, story: Story) -> None:
    wei = story.contact("Wei")
    story.policy({wei: ["phone"]})
    story.fires("DiskFull")
    apart(lambda: story.passes(5))
    call = story.expect_call(wei)
    console.sign_in(Role.RESPONDER)
    console.open("outbox/")

    console.page.get_by_role("button", name="Answer, press 1").click()

    expect(console.page.get_by_text("answered, pressed 1")).to_be_visible()
    assert call.delivery.state == "delivered"
    assert story.alert().claimed_by == "Wei"


def test_a_test_message_is_sent_and_its_page_follows_what_becomes_of_it(console: Console, story: Story) -> None:
    wei = story.contact("Wei")
    console.sign_in(Role.MANAGER)
    page = console.page
    stop_the_clock(page)
    console.open(f"contacts/contact/{wei.pk}/overview/")

    page.locator("a[href$='?channel=sms']").click()
    expect(page.get_by_role("radio", name="Text message")).to_be_checked()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Planned", exact=True)).to_be_visible()
    apart(lambda: story.passes(60))
    later(page, 4)

    expect(page.get_by_text("Kept in the outbox; nobody received it.")).to_be_visible()
    story.expect_text(wei, "This is a test")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.thorough)])
def test_the_alert_page_fits_a_phone(console: Console, story: Story, scheme: Any) -> None:
    story.policy({story.contact("A name so long that it can hardly be called out on the phone"): ["phone", "email"]})
    story.fires("DiskFull", instance="a-host-with-a-very-long-name.region-1.compute.internal.example.org:9100")
    apart(lambda: story.passes(5))
    console.page.set_viewport_size({"width": 390, "height": 844})
    console.page.emulate_media(color_scheme=scheme)
    console.sign_in(Role.RESPONDER)

    console.open(f"alerts/alert/{story.alert().pk}/change/")

    assert fits(console.page)
    expect(console.page.get_by_role("button", name="Claim")).to_be_in_viewport()


@pytest.mark.parametrize("path", ["alerts/alert/", "contacts/contact/"])
def test_on_a_phone_no_row_of_a_list_is_headed_by_its_tick_box(console: Console, story: Story, path: str) -> None:
    story.policy({story.contact("Wei"): ["email"]})
    story.fires("DiskFull")
    apart(lambda: story.passes(5))
    console.page.set_viewport_size({"width": 390, "height": 800})
    console.sign_in(Role.MANAGER)
    console.open(path)

    cells = console.page.locator(".result-list tbody tr").first.locator("td, th")
    heads = cells.evaluate_all("cells => cells.map(cell => getComputedStyle(cell, '::before').content)")

    assert heads[0] == "none"
    assert "Select record" not in "".join(heads)
    assert len(heads) > 2
