"""A schedule written with script: layers, people and times are added, moved and removed; what stands there is kept."""

from __future__ import annotations

from datetime import time

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console, enter, fits
from tests.stories.harness import Story
from tocsin.oncall.models import Schedule
from tocsin.oncall.rules import Restriction, Unit
from tocsin.oncall.services import stored_layers

pytestmark = pytest.mark.django_db(transaction=True)


def test_layers_are_written_by_hand_and_read_in_order(console: Console, story: Story) -> None:
    ann, bob, cem = story.contact("Ann"), story.contact("Bob"), story.contact("Cem")
    page = enter(console, width=390)
    console.open("oncall/schedule/add/")

    def choose(layer: int, place: int, name: str) -> None:
        box = page.locator("[data-layer]").nth(layer).get_by_role("combobox", name="Person on duty").nth(place)
        box.fill(name)
        page.get_by_role("option", name=name, exact=True).click()

    page.get_by_label("Name", exact=False).first.fill("Database")
    choose(0, 0, "Ann")
    choose(0, 1, "Bob")
    page.get_by_role("button", name="Move up").nth(1).click()
    page.get_by_role("button", name="Add a layer").click()
    choose(1, 0, "Cem")
    second = page.locator("[data-layer]").nth(1)
    second.get_by_label("Shift change cycle").select_option("custom")
    second.get_by_role("spinbutton", name="Every").fill("12")
    second.get_by_label("Unit").select_option("hours")
    second.get_by_role("button", name="Add times").click()
    times = second.locator("[data-restriction]").nth(1)
    times.get_by_label("from").fill("22:00")
    times.get_by_label("until", exact=False).first.fill("06:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The schedule was saved.")).to_be_visible()

    base, over = stored_layers(Schedule.objects.get())
    assert base.people == (bob.pk, ann.pk)
    assert (over.people, over.every, over.unit) == ((cem.pk,), 12, Unit.HOURS)
    assert over.restrictions == (Restriction((0, 1, 2, 3, 4), time(22), time(6)),)
    assert fits(page)

    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Move the layer down").first.click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The schedule was saved.")).to_be_visible()
    assert [draft.people for draft in stored_layers(Schedule.objects.get())] == [(cem.pk,), (bob.pk, ann.pk)]
