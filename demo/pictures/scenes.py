"""The pictures: where each is taken, what is done before, and what of the page it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Locator, Page

from demo.pictures.sample import Sample
from tocsin.alerts.models import Alert
from tocsin.events.models import Event
from tocsin.policies.models import NotificationPolicy

WIDE, PHONE = 1300, 390
_TALLEST = 1500


@dataclass
class View:
    """A browser window on the installation, signed in as its administrator where the scene says so."""

    page: Page
    address: str
    sample: Sample

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)
        self.page.wait_for_load_state("networkidle")

    def console(self, view: str, *args: object) -> None:
        self.open(reverse(f"console:{view}", args=list(args)))

    def click(self, name: str, *, role: str = "button") -> None:
        self.page.get_by_role(role, name=name).first.click()  # type: ignore[arg-type]
        self.page.wait_for_load_state("networkidle")

    def dialog(self) -> Locator:
        """The one that was opened, once its form is there."""
        opened = self.page.locator("dialog[open]")
        opened.locator("form").wait_for()
        return opened


@dataclass(frozen=True)
class Scene:
    """`is_whole`: the window is made as tall as the page. `is_new`: taken before there is any data."""

    name: str
    play: Callable[[View], None]
    width: int = WIDE
    height: int = 720
    is_whole: bool = False
    is_signed_in: bool = True
    is_new: bool = False


SCENES: list[Scene] = []


def scene(name: str, **how: Any) -> Callable[[Callable[[View], None]], Callable[[View], None]]:
    def register(play: Callable[[View], None]) -> Callable[[View], None]:
        SCENES.append(Scene(name, play, **how))
        return play

    return register


def take(scene: Scene, browser: Browser, address: str, sample: Sample, target: Path) -> None:
    context = browser.new_context(
        viewport={"width": scene.width, "height": scene.height},
        locale="en-GB", color_scheme="light", reduced_motion="reduce", timezone_id="UTC",
    )  # fmt: skip
    context.set_default_timeout(10_000)
    if scene.is_signed_in:
        client = Client()
        client.force_login(sample.admin)
        value = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": value, "url": address}])
    page = context.new_page()
    scene.play(View(page, address, sample))
    if scene.is_whole:  # a taller window, so that what sticks to its edges stands there once
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": scene.width, "height": min(height, _TALLEST)})
    page.evaluate("document.fonts.ready.then(() => scrollTo(0, 0))")
    page.mouse.move(0, 0)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=target, animations="disabled", caret="hide")
    context.close()


# Contacts


def _select(view: View, *first_names: str) -> None:
    view.console("contacts_contact_changelist")
    for first in first_names:
        view.page.locator(f"input.action-select[value='{view.sample.contact(first).pk}']").check()


@scene("contacts-list", is_whole=True)
def _contacts(view: View) -> None:
    _select(view, "Kofi", "Noah")


@scene("contacts-create", height=900)
def _create(view: View) -> None:
    view.console("contacts_contact_changelist")
    view.page.locator("a.tc-button-main[data-dialog]").click()
    form = view.dialog()
    form.locator("#id_name").fill("Tomasz Nowak")
    form.locator("#id_phone").fill("+44 7700 900191")
    form.locator("#id_email").fill("tomasz.nowak@northwind.example")


@scene("contacts-verify", height=640)
def _verify(view: View) -> None:
    _select(view, "Chen Wei", "Kofi", "Lena", "Noah", "Ravi")
    view.click("Verify Mobile Numbers")
    view.dialog()


@scene("contacts-defaults", height=640)
def _defaults(view: View) -> None:
    view.console("contacts_contact_changelist")
    view.page.locator(".tc-more > summary").click()
    view.click("Contact Default Configuration", role="link")
    view.dialog()


@scene("contacts-delete", height=640)
def _delete(view: View) -> None:
    _select(view, "Sam", "Wang")
    view.click("Batch Delete")
    view.dialog()


@scene("contacts-page", is_whole=True)
def _contact(view: View) -> None:
    view.console("contacts_contact_overview", view.sample.contact("Sam").pk)


@scene("contacts-link", height=640)
def _send_link(view: View) -> None:
    view.console("contacts_contact_overview", view.sample.contact("Ines").pk)
    view.click("Send a personal link", role="link")
    view.dialog()


# Pages of contacts


@scene("verification-phone", width=PHONE, height=640, is_signed_in=False)
def _verification(view: View) -> None:
    view.open(view.sample.paths["verification"])


@scene("self-service-link", width=PHONE, height=640, is_signed_in=False)
def _link(view: View) -> None:
    view.open(view.sample.paths["link"])


@scene("self-service-phone", width=PHONE, height=1000, is_signed_in=False)
def _own(view: View) -> None:
    view.open(view.sample.paths["own"])
    view.click("Continue")


@scene("self-service-console", is_whole=True)
def _mine(view: View) -> None:
    view.console("my-contact")


# First run, policies, integrations, alerts


@scene("first-run", is_new=True, is_whole=True)
def _first_run(view: View) -> None:
    view.console("index")


@scene("integrations-waiting", is_new=True, is_whole=True)
def _waiting(view: View) -> None:
    view.console("events_integration_change", view.sample.integration.pk)


@scene("policies-edit", is_whole=True)
def _policy(view: View) -> None:
    policy = NotificationPolicy.objects.get(name__startswith="Databases")
    view.console("policies_notificationpolicy_change", policy.pk)


@scene("policies-explain", height=900)
def _explain(view: View) -> None:
    view.console("events_event_explain_event", Event.objects.get(labels__alertname="PostgresDown").pk)


@scene("alert", is_whole=True)
def _alert(view: View) -> None:
    view.console("alerts_alert_change", Alert.objects.get(title__startswith="PostgresDown").pk)
