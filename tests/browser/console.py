"""The console in a browser window, for the tests of its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connections
from django.test import Client
from playwright.sync_api import BrowserContext, Page

from tests.web.people import user_with
from tocsin.accounts.models import User
from tocsin.accounts.rules import Role

_FITS = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(
  () => done(document.documentElement.scrollWidth <= window.innerWidth))))"""


class Console:
    """The console at its address, signed in."""

    def __init__(self, page: Page, address: str) -> None:
        self.page, self.address = page, address

    def sign_in(self, role: Role) -> None:
        give_session(self.page.context, self.address, user_with(role))

    def open(self, path: str) -> None:
        self.page.goto(f"{self.address}/console/{path}")


def give_session(context: BrowserContext, address: str, user: User) -> None:
    """Signed in without the form: test_sign_in.py tells how people do it, and here what lies behind it is looked at."""
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": address}])


def enter(console: Console, width: int = 1300, language: str = "en") -> Page:
    """As a manager who has chosen this language, in a window of this width."""
    user = user_with(Role.MANAGER)
    if language != "en":
        user.language = language
        user.save(update_fields=["language"])
    console.sign_in(Role.MANAGER)
    console.page.set_viewport_size({"width": width, "height": 900})
    return console.page


def stop_the_clock(page: Page) -> None:
    """Before a page is loaded that looks again every few seconds: `later` then brings the moment."""
    page.clock.install()


def later(page: Page, seconds: int) -> None:
    """What the page does after so long, it does now."""
    page.clock.fast_forward(seconds * 1000)


@contextmanager
def while_it_stands_still(page: Page) -> Iterator[None]:
    """What the page shows for a moment only stays. Its clock was taken by `stop_the_clock`."""
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)
    yield
    page.clock.resume()


def fits(page: Page) -> bool:
    """Once it is laid out for the width that it was given."""
    return bool(page.evaluate(_FITS))


def apart(work: Callable[[], Any]) -> Any:
    """Runs what starts an event loop of its own, which the browser's thread cannot."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()
