"""A phone's browser, as far as a page with one button needs it: cookies, the form, and what stands on the page."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urlencode


@dataclass(slots=True)
class Page:
    """`facts` are the terms of the page's list, `form` the fields that pressing `button` would send."""

    heading: str = ""
    facts: list[str] = field(default_factory=list)
    button: str = ""
    form: dict[str, str] = field(default_factory=dict)


class Browser:
    """One person's; `language` is what it asks pages for."""

    def __init__(self, language: str) -> None:
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._language = language

    def open(self, url: str) -> Page:
        return self._read(urllib.request.Request(url))  # noqa: S310 (the demo's own address)

    def press(self, url: str, page: Page) -> Page:
        return self._read(urllib.request.Request(url, data=urlencode(page.form).encode()))  # noqa: S310

    def _read(self, request: urllib.request.Request) -> Page:
        request.add_header("Accept-Language", self._language)
        with self._opener.open(request, timeout=30) as reply:
            reader = _Reader()
            reader.feed(reply.read().decode())
        return reader.page


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        given = {name: value or "" for name, value in attrs}
        if tag in ("input", "button") and "name" in given:
            self.page.form[given["name"]] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if not text:
            return
        if self._inside == "h1":
            self.page.heading += text
        elif self._inside == "dd":
            self.page.facts.append(text)
        elif self._inside == "button":
            self.page.button += text
