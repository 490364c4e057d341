"""Silences as somebody makes them: from an alert in a dialog, and as a weekly policy on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console, enter, fits
from tests.stories.harness import Story
from tocsin.policies.models import SilencePolicy

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_alert_is_silenced_in_a_dialog_and_a_weekly_policy_is_made_on_a_phone(
    console: Console, story: Story
) -> None:
    story.policy({story.webhook("https://tickets.example/hook", is_enabled=False): []})
    event = story.fires("DiskFull", severity="critical", host="db-7")
    alert_id = event.memberships.get().alert_id
    page = enter(console)
    console.open(f"alerts/alert/{alert_id}/change/")
    page.get_by_role("link", name="Silence", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Silence what has these labels")).to_have_value(
        "alertname = DiskFull\nseverity = critical\nhost = db-7"
    )
    dialog.get_by_text("8 hours").click()
    dialog.get_by_role("button", name="Silence", exact=True).click()
    expect(page.get_by_text("Silenced until")).to_be_visible()
    silence = SilencePolicy.objects.get()
    assert silence.ends_at is not None
    assert silence.starts_at is not None
    assert round((silence.ends_at - silence.starts_at).total_seconds()) == 8 * 3600

    page.set_viewport_size({"width": 390, "height": 900})
    console.open("policies/silencepolicy/add/")
    expect(page.locator("[name=windows-start]").first).to_be_hidden()
    page.get_by_text("Every week", exact=True).click()
    expect(page.locator("#id_ends_at")).to_be_hidden()
    page.locator("#id_name").fill("Weekends")
    page.get_by_role("button", name="Write as text").click()
    page.locator("#id_rules").fill("team = batch")
    page.locator("[name=windows-day]").first.select_option(label="Friday")
    page.locator("[name=windows-start]").first.fill("18:00")
    page.locator("[name=windows-end_day]").first.select_option(label="Monday")
    page.locator("[name=windows-end]").first.fill("08:00")
    assert fits(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("link", name="Weekends").first).to_be_visible()
    assert SilencePolicy.objects.get(name="Weekends").windows == [
        {"day": 5, "start": "18:00", "end_day": 1, "end": "08:00"}
    ]
