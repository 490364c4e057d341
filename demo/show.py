"""What stands on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

_WIDTH = 120
_INDENT = 3
_QUOTED = 200
_COLOURS = {"good": "green", "warning": "yellow", "bad": "red", "neutral": "default"}
_CHANNELS = {"phone": "call", "sms": "text", "email": "mail", "dingtalk": "group message"}


class Screen:
    def __init__(self) -> None:
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console = Console(highlight=False, width=_WIDTH)
        self._number = 0

    def working(self) -> AbstractContextManager[object]:
        """Something moves while nothing is printed, on a terminal."""
        return self._console.status("")

    def title(self, text: str, more: str = "") -> None:
        self._console.print(f"\n[bold]{escape(text)}[/]")
        self._print(escape(more))

    def chapter(self, text: str) -> None:
        self._number += 1
        self._console.print(f"\n[bold cyan]{self._number}.[/] [bold]{escape(text)}[/]")

    def say(self, text: str) -> None:
        self._print(escape(text))

    def quote(self, who: str, text: str) -> None:
        """A message as somebody got it."""
        line = " ".join(text.split())
        cut = line if len(line) <= _QUOTED else line[: _QUOTED - 3] + "..."
        self._print(f"[green]{escape(who)}[/] [italic]{escape(cut)}[/]")

    def lines(self, text: str) -> None:
        """A command's output."""
        for line in text.strip().splitlines():
            self._print(escape(line))

    def problem(self, text: str) -> None:
        self._console.print(f"\n[red]The demo stopped:[/] {escape(text)}")

    def people(self, people: Sequence[dict[str, Any]]) -> None:
        table = Table(box=None, padding=(0, 3, 0, 0))
        for heading in ("name", "language", "phone", "", "email"):
            table.add_column(heading, header_style="dim")
        for person in people:
            mark = "[green]verified[/]" if person["verified_at"] else "[yellow]not verified[/]"
            name, language, phone, email = (escape(person[key]) for key in ("name", "language", "phone", "email"))
            table.add_row(name, language, phone, mark, email)
        self._print(table)

    def timeline(self, alert: dict[str, Any]) -> None:
        heading = f"Alert #{alert['id']}, {alert['title']}: {alert['state']}"
        table = Table(title=heading, title_justify="left", title_style="bold", padding=(0, 1))
        table.add_column("time", no_wrap=True)
        table.add_column("after", justify="right", no_wrap=True)
        table.add_column("what", ratio=3, overflow="fold")
        table.add_column("what became of it", ratio=4, overflow="fold")
        began = _moment(alert["entries"][0]["at"])
        for entry in alert["entries"]:
            at = _moment(entry["at"])
            after = f"{(at - began).total_seconds():.1f} s"
            table.add_row(f"{at:%H:%M:%S}", after, _what(entry), "\n".join(_became(entry)))
        self._console.print(table)

    def _print(self, what: RenderableType) -> None:
        if what:
            self._console.print(Padding(what, (0, 0, 0, _INDENT), expand=False))


def _what(entry: dict[str, Any]) -> str:
    if entry["kind"] != "delivery":
        return f"[{_COLOURS[entry['level']]}]{escape(entry['title'])}[/]"
    channel = _CHANNELS.get(entry["channel"], entry["channel"])
    follows = ", as the call failed" if entry["is_fallback"] else ""
    return escape(f"{channel} to {entry['recipient']} {entry['address_masked']}".rstrip() + follows)


def _became(entry: dict[str, Any]) -> Iterator[str]:
    if entry["kind"] != "delivery":
        yield from (escape(reason) for reason in entry["reasons"])
        return
    reasons = "".join(f": {escape(reason)}" for reason in entry["reasons"])
    yield f"[{_COLOURS[entry['level']]}]{escape(entry['title'])}[/]{reasons}"
    for step in entry["steps"]:
        by = f" ({escape(step['account'])})" if step["account"] else ""
        yield f"[dim]{_moment(step['at']):%H:%M:%S}[/] {escape(step['text'])}{by}"


def _moment(text: str) -> datetime:
    """In this machine's time zone."""
    return datetime.fromisoformat(text).astimezone()
