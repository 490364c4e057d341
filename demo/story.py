"""The story, a method for each chapter, in order."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from demo.children import wait_for
from demo.errors import DemoError
from demo.installation import Installation
from demo.outside import Outside
from demo.page import Browser
from demo.show import Screen
from demo.source import ALERT, Source

T = TypeVar("T")

SLEEPER, AWAKE, ABSENT = "王芳", "Sam Carter", "Maya Lindqvist"
_LINK = re.compile(r"https?://\S+/v/\w+")
_HEADLINE = re.compile(r"^\*\*(.+?)\*\*", re.MULTILINE)
_RINGS_FOR = timedelta(seconds=5)
"""Before it is given up. A simulated phone itself rings for 30 seconds, and both calls are ringing."""
_PATIENCE = 30.0
_READER_PATIENCE = 90.0


class Story:
    """One night at one installation. DemoError where it goes otherwise than it should."""

    def __init__(self, screen: Screen, installation: Installation, outside: Outside) -> None:
        self._screen, self._installation, self._outside = screen, installation, outside
        self._calls: dict[str, int] = {}
        self._rang_at = datetime.now(UTC)

    def meet_people(self) -> None:
        screen = self._screen
        self._installation.command("provider", "add", "smtp", "-", reads=self._outside.smtp_url + "\n")
        given = {"email": self._outside.reader_address, "robot": self._outside.robot}
        made = self._installation.inside("seed", given=given)
        screen.chapter(f"Three people in the group {made['group']!r}, a robot, a policy")
        screen.people(made["people"])
        screen.say(f"The policy, {made['policy']!r}, calls and mails the group and writes to the robot.")
        screen.say(self._outside.names)

    def prove_numbers(self) -> None:
        screen = self._screen
        screen.chapter("A number gets alerts only after its owner said so: each gets a text with a link")
        self._installation.inside("verify")
        links = self._wait(self._links, "The text with the link")
        screen.quote(f"The phone of {SLEEPER} shows:", links[SLEEPER][0])
        browser, link = Browser("zh-CN,zh"), links[SLEEPER][1]
        page = browser.open(link)
        screen.say(f"She opens it: {page.heading!r} ({', '.join(page.facts)}), and one button, {page.button!r}.")
        if self._verified() != []:
            raise DemoError("Opening the link has verified the number, which it must not.")
        screen.say("Nothing is verified yet: phones and mail scanners open links, too. She presses the button.")
        screen.say(f"The page says: {browser.press(link, page).heading}")
        browser, link = Browser("en"), links[AWAKE][1]
        screen.say(f"{AWAKE} does the same: {browser.press(link, browser.open(link)).heading}")
        screen.say(f"{ABSENT} does not, so nobody will call her.")
        if self._verified() != [SLEEPER, AWAKE]:
            raise DemoError("Pressing the button has not verified the number.")

    def fire(self, source: Source) -> None:
        screen = self._screen
        screen.chapter("Something breaks")
        screen.say(source.what)
        if self._outside.sip_url:
            self._installation.command("provider", "add", "sip", "-", reads=self._outside.sip_url + "\n")
            screen.say(
                f"Your softphone rings twice: for {AWAKE}, and for {SLEEPER} in Chinese. Press 1 in one of the calls."
            )
        source.break_something()
        if self._outside.sip_url:
            self._show_mails(0, 3)
            self._show_group_messages(0, 1)
            return
        calls = self._wait(lambda: _enough(self._ringing(), 2), "The calls")
        for call in calls:
            screen.quote(f"The phone of {call['to']} rings:", call["text"])
        self._calls = {call["to"]: call["id"] for call in calls}
        self._rang_at = max(datetime.fromisoformat(call["at"]) for call in calls)
        self._show_mails(0, 3)
        self._show_group_messages(0, 1)

    def nobody_picks_up(self) -> None:
        if self._outside.sip_url:
            return
        self._screen.chapter(f"{SLEEPER} sleeps: her phone rings out, and a text follows, in her language")
        rest = self._rang_at + _RINGS_FOR - datetime.now(UTC)
        time.sleep(max(rest.total_seconds(), 0))
        self._installation.command("outbox", "ring", str(self._calls[SLEEPER]))
        text = self._wait(lambda: self._messages("sms", "alert"), "The text after the call")[0]
        self._screen.quote(f"The phone of {text['to']} shows:", text["text"])

    def somebody_claims(self) -> None:
        if self._outside.sip_url:
            self._reader_claims()
            return
        self._screen.chapter(f"{AWAKE} picks up and presses 1")
        self._installation.command("outbox", "press", str(self._calls[AWAKE]))
        alert = self._wait(lambda: self._alert("handling"), "The claim")
        self._screen.say(f"Alert #{alert['id']} is {alert['state']}, claimed by {alert['claimed_by']}.")

    def _reader_claims(self) -> None:
        self._screen.chapter("Your turn: pick up and press 1")
        try:
            alert = self._wait(lambda: self._alert("handling"), "The claim", within=_READER_PATIENCE)
        except DemoError:
            self._screen.say("Nobody pressed 1. Whoever was not reached got a text instead, as the timeline shows.")
            return
        self._screen.say(f"Alert #{alert['id']} is {alert['state']}, claimed by {alert['claimed_by']}.")

    def mend(self, source: Source) -> None:
        self._screen.chapter("It is mended: whoever was told that it fires is told that it is over")
        mails, messages = len(self._outside.mails or ()), len(self._outside.group_messages or ())
        source.mend_it()
        self._wait(self._settled, "The end of the alert")
        self._show_mails(mails, mails + 1)
        self._show_group_messages(messages, messages + 1)
        for call in self._ringing():
            self._screen.quote(f"The phone of {call['to']} rings:", call["text"])
            self._installation.command("outbox", "answer", str(call["id"]))

    def look_back(self) -> None:
        self._screen.chapter("The whole story, as the alert's page tells it")
        self._screen.timeline(self._wait(self._settled, "The end of the last message"))
        words = ("explain", "--label", f"alertname={ALERT}", "--label", "severity=critical")
        self._screen.chapter("And who would be told next time? tocsin " + " ".join(words))
        self._screen.lines(self._installation.command(*words))

    def _verified(self) -> list[str]:
        return [person["name"] for person in self._installation.inside("people") if person["verified_at"]]

    def _links(self) -> dict[str, tuple[str, str]]:
        """Name -> the text and the link in it; {} until everybody has one."""
        texts = {message["to"]: message["text"] for message in self._messages("sms", "verification")}
        links = {name: (text, found[0]) for name, text in texts.items() if (found := _LINK.search(text))}
        return links if {SLEEPER, AWAKE, ABSENT} <= links.keys() else {}

    def _ringing(self) -> list[dict[str, Any]]:
        return [message for message in self._installation.outbox() if message["state"] == "ringing"]

    def _messages(self, channel: str, purpose: str) -> list[dict[str, Any]]:
        messages = self._installation.outbox()
        return [item for item in messages if (item["channel"], item["purpose"]) == (channel, purpose)]

    def _alert(self, state: str) -> dict[str, Any] | None:
        """The alert with its timeline, once it has this state."""
        alert: dict[str, Any] | None = self._installation.inside("timeline")
        return alert if alert is not None and alert["state"] == state else None

    def _settled(self) -> dict[str, Any] | None:
        """The alert once it is over and no message waits."""
        alert = self._alert("resolved")
        is_moving = alert and any(entry["state"] in ("planned", "held", "sending") for entry in alert["entries"])
        return None if is_moving else alert

    def _show_mails(self, known: int, at_least: int) -> None:
        if self._outside.mails is None:
            self._screen.say(f"A mail is on its way to {self._outside.reader_address}.")
            return
        for mail in self._wait(lambda: _enough(self._outside.mails, at_least), "The mails")[known:]:
            first = mail.part("plain").partition("\n")[0]
            self._screen.quote(f"{mail.recipient} has mail:", f"{mail.message['subject']} - {first}")

    def _show_group_messages(self, known: int, at_least: int) -> None:
        if self._outside.group_messages is None:
            self._screen.say("A message is on its way to your DingTalk group.")
            return
        for message in self._wait(lambda: _enough(self._outside.group_messages, at_least), "The group message")[known:]:
            mentioned = ", ".join(message.mentioned) or "nobody"
            headline = _HEADLINE.search(message.text)
            text = f"{message.title} - {headline[1]}" if headline else message.text
            self._screen.quote(f"The group, mentioning {mentioned}, reads:", text)

    def _wait(self, look: Callable[[], T | None], what: str, within: float = _PATIENCE) -> T:
        return wait_for(look, what=what, within=within, check=self._installation.check)


def _enough(found: list[T] | None, count: int) -> list[T] | None:
    return found if found is not None and len(found) >= count else None
