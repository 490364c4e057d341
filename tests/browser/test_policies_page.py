"""Policies and integrations as somebody makes them, in both languages, on a phone and on a desk."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console, apart, enter, fits, later, stop_the_clock, while_it_stands_still
from tests.stories.harness import Story
from tocsin.events.models import Event, Integration
from tocsin.policies.models import NotificationPolicy

pytestmark = pytest.mark.django_db(transaction=True)


def test_rules_are_built_in_rows_with_what_was_seen_lately(console: Console, story: Story) -> None:
    wei = story.contact("Wei", verified=False)
    story.fires("DiskFull", team="db", instance="db-1")
    story.fires("Slow", team="web", instance="web-1")
    page = enter(console)
    console.open("policies/notificationpolicy/add/")

    page.locator("#id_name").fill("Databases")
    expect(page.get_by_text("No rule: every event matches.")).to_be_visible()
    expect(page.get_by_text("2 events of the last 7 days match")).to_be_visible()
    page.get_by_role("button", name="Add a rule").click()
    expect(page.locator("datalist option[value=team]")).to_have_count(1)
    page.get_by_label("Label", exact=True).fill("team")
    page.get_by_label("Operator").select_option(label="is one of")
    page.get_by_label("Value", exact=True).focus()
    page.get_by_role("button", name="db", exact=True).click()
    expect(page.get_by_text("1 event of the last 7 days matches")).to_be_visible()
    expect(page.locator("[data-rules-preview]").get_by_role("link", name="DiskFull")).to_be_visible()

    expect(page.get_by_text("No rule: every event matches.")).to_be_hidden()
    expect(page.get_by_role("button", name="Add an alternative rule")).to_be_visible()
    page.get_by_role("button", name="And another condition").click()
    page.get_by_label("Label", exact=True).nth(1).fill("instance")
    page.get_by_label("Operator").nth(1).select_option(label="matches the expression")
    page.get_by_label("Value", exact=True).nth(1).fill("(db")
    problem = page.locator(".tc-condition").nth(1).locator("[data-problem]")
    expect(problem).to_contain_text("Not a regular expression")
    page.get_by_label("Value", exact=True).nth(1).fill("db-.*")
    expect(problem).to_be_hidden()

    page.get_by_role("button", name="Write as text").click()
    expect(page.locator("#id_rules")).to_have_value("team in db\ninstance =~ db-.*")
    page.locator("#id_rules").fill("team in db, web\n\nteam = payments")
    page.get_by_role("button", name="Edit as rows").click()
    expect(page.get_by_label("Value", exact=True)).to_have_count(2)

    row = page.locator("[data-target]").first
    row.get_by_role("combobox").fill("Wei")
    page.get_by_role("option", name="Wei").click()
    expect(page.locator("[data-reach-said]")).to_contain_text("Wei (Phone call)")
    row.get_by_label("Phone call").uncheck()
    row.get_by_label("Text message").uncheck()
    expect(page.locator("[data-reach-said]")).to_contain_text("Everybody named here can be reached now")
    page.locator(".tc-template-kind summary", has_text="Text message").click()
    page.locator("[data-field=sms_content]").fill("{{ severity }} {{ titel }}")
    said = page.locator(".tc-template", has=page.locator("[data-field=sms_content]")).locator("[data-said]")
    expect(said).to_contain_text("Line 1: there is no variable titel")
    page.locator("[data-field=sms_content]").fill("{{ severity }} on {{ labels.instance }}")
    expect(said).to_contain_text("P6 on web-1")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_role("link", name="Databases").first).to_be_visible()
    current = NotificationPolicy.objects.get().current
    assert current is not None
    assert [[c["value"] for c in rule] for rule in current.rules] == [["db, web"], ["payments"]]
    assert list(current.targets.values_list("object_id", "channels")) == [(wei.pk, ["email"])]


def test_rules_are_built_by_keyboard_alone(console: Console, story: Story) -> None:
    story.fires("DiskFull", team="db")
    page = enter(console)
    console.open("policies/notificationpolicy/add/")
    expect(page.locator("datalist option[value=team]")).to_have_count(1)

    page.get_by_role("button", name="Add a rule").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("team")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("d")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Value", exact=True)).to_have_value("db")
    page.get_by_role("button", name="Remove this condition").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("No rule: every event matches.")).to_be_visible()
    expect(page.locator("[data-key]")).to_be_focused()


@pytest.mark.parametrize("width", [390, pytest.param(1300, marks=pytest.mark.thorough)])
@pytest.mark.parametrize(("language", "waiting", "received"), [
    ("en", "Waiting for the first event", "Received"),
    pytest.param("zh-hans", "正在等待第一个事件", "已收到", marks=pytest.mark.thorough),
])  # fmt: skip
def test_an_integration_waits_and_turns_into_received(
    console: Console, story: Story, width: int, language: str, waiting: str, received: str
) -> None:
    page = enter(console, width, language)
    stop_the_clock(page)
    console.open("events/integration/add/")
    page.locator("#id_name").fill("Prometheus")
    page.locator("[name=_save]").first.click()

    expect(page.locator("#integration-live")).to_contain_text(waiting)
    token = page.locator("#shown-once").text_content() or ""
    assert token.startswith("tci_")
    expect(page.locator(".tc-recipe pre").first).to_contain_text(token)
    assert fits(page)
    with while_it_stands_still(page):
        page.locator("[data-copy]").first.click()
        expect(page.locator("[data-copied]").first).to_be_visible()

    story._integration = Integration.objects.get(name="Prometheus")
    story.fires("DiskFull", team="db")
    later(page, 4)
    expect(page.locator("#integration-live")).to_contain_text(received)
    expect(page.locator("#integration-live")).to_contain_text("DiskFull")
    assert fits(page)

    page.locator("#integration-live a[href*='notificationpolicy/add']").click()
    expect(page.locator("[data-key]").first).to_have_value("alertname")
    assert fits(page)


def test_a_test_event_is_sent_from_a_dialog(console: Console, story: Story) -> None:
    integration = story.integration
    page = enter(console)
    console.open(f"events/integration/{integration.pk}/change/")

    page.locator("#integration-live").get_by_role("link", name="Send a test event").click()
    page.get_by_role("dialog").get_by_role("button", name="Send").click()

    expect(page.locator("#integration-live")).to_contain_text("TocsinTest")
    expect(page.locator("#integration-live")).to_contain_text("Received")
    assert Event.objects.get().labels["tocsin_test"] == "yes"


def test_the_severity_map_is_edited_in_rows(console: Console, story: Story) -> None:
    integration = story.integration
    page = enter(console)
    console.open(f"events/integration/{integration.pk}/change/")

    rows = page.locator(".tc-severity")
    rows.last.get_by_role("textbox").fill("info")
    rows.nth(4).get_by_role("combobox").select_option("P5")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_role("link", name=integration.name).first).to_be_visible()
    integration.refresh_from_db()
    assert integration.severity_map["info"] == 5


@pytest.mark.parametrize("width", [390, pytest.param(1300, marks=pytest.mark.thorough)])
def test_policies_in_chinese_fit(console: Console, story: Story, width: int) -> None:
    policy = story.policy({story.contact("张伟"): ["email"]}, name="数据库")
    story.fires("磁盘已满", team="db")
    apart(lambda: story.passes(6))
    page = enter(console, width, "zh-hans")

    console.open(f"policies/notificationpolicy/{policy.pk}/change/")
    expect(page.locator("[data-rules-preview]")).to_contain_text("最近 7 天有 1 个事件匹配")
    expect(page.locator("[data-reach-said]")).to_contain_text("都能通过所选渠道通知到")
    assert fits(page)
    console.open("policies/notificationpolicy/")
    expect(page.get_by_role("link", name="数据库").first).to_be_visible()
    assert fits(page)


def test_a_policy_is_dragged_to_its_place_and_moved_on_by_keyboard(console: Console, story: Story) -> None:
    wei = story.contact("Wei")
    for name in ("One", "Two", "Three"):
        story.policy({wei: ["email"]}, name=name)
    page = enter(console)
    console.open("policies/notificationpolicy/")
    grips = page.locator("[data-grip]")
    expect(grips).to_have_count(3)
    three, one = grips.nth(2).bounding_box(), grips.nth(0).bounding_box()
    assert three is not None
    assert one is not None

    page.mouse.move(three["x"] + 5, three["y"] + 5)
    page.mouse.down()
    page.mouse.move(one["x"] + 5, one["y"] + 40, steps=4)
    page.mouse.move(one["x"] + 5, one["y"] - 5, steps=4)
    expect(page.locator(".tc-dragged")).to_contain_text("Three")
    with page.expect_navigation():
        page.mouse.up()

    expect(page.locator("[data-place]").nth(0).locator("xpath=ancestor::tr")).to_contain_text("Three")
    names = apart(lambda: [policy.name for policy in NotificationPolicy.objects.all()])
    assert names == ["Three", "One", "Two"]
    page.get_by_role("button", name="Move Three down").press("Enter")
    expect(page.locator("[data-place]").nth(0).locator("xpath=ancestor::tr")).to_contain_text("One")
    expect(page.get_by_role("button", name="Move Three down")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-place]").nth(2).locator("xpath=ancestor::tr")).to_contain_text("Three")
