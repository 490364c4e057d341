"""What the pages of contacts take for the time, and how a browser reads and sends them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from django.test import Client


class Clock:
    def __init__(self, traveller: time_machine.Coordinates) -> None:
        self._traveller = traveller

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    def passes(self, time: timedelta) -> None:
        self._traveller.shift(time)


def press(browser: Client, page: Any, path: str, do: str, **typed: Any) -> Any:
    """Sends a form of a page that was opened, as a browser does."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.content.decode())
    assert token, page.content.decode()
    return browser.post(path, {"csrfmiddlewaretoken": token[1], "do": do, **typed})


def heading(page: Any) -> str:
    assert page.status_code == 200
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.content.decode())
    assert found
    return found[1]
