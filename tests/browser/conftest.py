"""A headless Chromium that reaches nothing but the test's own server."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from playwright.sync_api import Browser, Error, Page, expect, sync_playwright

from tests.browser.windows import window

if TYPE_CHECKING:  # read before Django is ready
    from tests.browser.console import Console
    from tests.stories.harness import Story

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SHOWN_AT_MOST = 4000
expect.set_options(timeout=20_000)  # a busy machine is no fault of a page
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first has no window to draw, and starts in a third of the time."""


@pytest.fixture(scope="session")
def live_server(django_db_setup: None, live_server: Any) -> Any:
    """Begun after the database, so that it ends before it."""
    return live_server


@pytest.fixture(scope="package")  # while it is open, no other test of this process may run an event loop
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Opened after the database was made: in its loop Django has other connections than outside of it."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.fail("These tests drive Chromium; install the Debian package `chromium`.")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = (
        "1"  # playwright's loop runs in this thread, the ORM's calls do not use it
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def tolerated() -> list[str]:
    """Complaints of the browser that a test provokes: beginnings of their texts."""
    return []


@pytest.fixture
def page(browser: Browser, tolerated: list[str]) -> Iterator[Page]:
    """Fails on what the page itself complains of: errors of scripts, and loads that its policy forbids."""
    context = window(browser, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert not [text for text in complaints if not text.startswith(tuple(tolerated))]


@pytest.fixture(autouse=True)
def windows_closed(browser: Browser) -> Iterator[None]:
    """Those too that a test which failed left open: their pages would go on asking the server."""
    yield
    for context in browser.contexts:
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Of a test that fails, what its windows show."""
    report = yield
    if report.failed and (browser := item.funcargs.get("browser")) is not None:
        for page in [page for context in browser.contexts for page in context.pages]:
            report.sections.append((f"Window at {page.url}", _shown(page)))
    return report


def _shown(page: Page) -> str:
    try:
        return page.inner_text("body", timeout=1000)[:_SHOWN_AT_MOST]
    except Error as error:
        return str(error)


@pytest.fixture(autouse=True)
def connections_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the server's threads, so that the test database can be dropped."""
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)


@pytest.fixture
def console(page: Page, live_server: Any) -> Console:
    from tests.browser.console import Console

    return Console(page, live_server.url)


@pytest.fixture
def story(live_server: Any) -> Story:
    from tests.stories.harness import begin
    from tocsin.core.clock import utc_now

    return begin(utc_now())
