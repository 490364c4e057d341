"""Escalation and acting as somebody does them: the editor, the alert's page, the page behind a message's link."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console, apart, enter, fits
from tests.stories.harness import Story
from tocsin.delivery.link_texts import token_for
from tocsin.policies.models import EscalationPolicy

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_chain_is_built_used_and_acted_on(console: Console, story: Story, settings: Any) -> None:
    wei, lead = story.contact("Wei"), story.contact("Lead")
    second_line = story.schedule([lead], name="Second line")
    page = enter(console)
    console.open("policies/escalationpolicy/add/")
    page.locator("#id_name").fill("Nights")
    first = page.locator("[data-step]").first
    first.get_by_role("combobox", name="Notification object").first.fill("Wei")
    page.get_by_role("option", name="Wei").click()
    page.get_by_role("button", name="Add a step").click()
    second = page.locator("[data-step]").nth(1)
    second.get_by_label("When the alert is").select_option(label="not resolved")
    second.get_by_label("for (minutes)").fill("60")
    second.get_by_role("combobox", name="Notification object").first.fill("Second")
    page.get_by_role("option", name="Second line").click()
    second.get_by_role("checkbox", name="Email").first.uncheck()  # whoever is on duty is told over channels, too
    page.get_by_role("button", name="Add a step").click()
    page.locator("[data-step]").nth(2).get_by_role("button", name="Remove this step").click()
    page.set_viewport_size({"width": 390, "height": 844})
    assert fits(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("not claimed for 10 min; not resolved for 60 min")).to_be_visible()
    chosen = EscalationPolicy.objects.get()
    assert [list(step.targets.values_list("object_id", flat=True)) for step in chosen.steps.all()] == [
        [wei.pk], [second_line.pk],
    ]  # fmt: skip

    story.policy({wei: ["sms"]}, group_wait=0, escalation_id=chosen.pk)
    story.fires("DiskFull", instance="db-7")
    apart(story.passes)
    sent = story.expect_text(wei)
    console.open(f"alerts/alert/{story.alert().pk}/change/")
    page.locator("#more > summary").click()
    page.get_by_role("link", name="Give it to somebody").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill("Lead")
    page.get_by_role("option", name="Lead").click()
    dialog.get_by_role("button", name="Assign").click()
    expect(page.get_by_text("given to Lead, who has not claimed it")).to_be_visible()

    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{console.address}/a/{token_for(sent.delivery_id)}")
    assert fits(page)
    page.get_by_role("button", name="Claim").click()
    expect(page.get_by_text("You have claimed this alert")).to_be_visible()
    assert story.alert().claimed_by == "Wei"
