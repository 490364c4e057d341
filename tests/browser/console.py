"""The console in a browser window, for the tests of its pages."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import Page, expect

from tests.web.people import PASSWORD, user_with
from tocsin.accounts.rules import Role


class Console:
    """The console at its address, signed in."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    def sign_in(self, role: Role) -> None:
        user = user_with(role)
        self.page.goto(self.address)
        self.page.get_by_label("Username").fill(user.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}/console/{path}")


def enter(console: Console, width: int = 1300, language: str = "en") -> Page:
    """Signed in as a manager without the form: what is looked at here lies behind it."""
    user = user_with(Role.MANAGER)
    if language != "en":
        user.language = language
        user.save(update_fields=["language"])
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    console.page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": console.address}])
    console.page.set_viewport_size({"width": width, "height": 900})
    return console.page


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def apart(work: Callable[[], Any]) -> Any:
    """Runs what starts an event loop of its own, which the browser's thread cannot."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
