"""What a session is called: the browser and the system that the user agent names, and from where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.utils.translation import gettext as _

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("MicroMessenger/", "WeChat"),
    ("DingTalk/", "DingTalk"),
    ("Lark/", "Lark"),
    ("SamsungBrowser/", "Samsung"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)
"""The first that is found: many name others, too, to be taken for them."""


def browser_name(user_agent: str) -> str:
    """`Firefox, Windows`; the user agent's own beginning where nothing is known in it."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    known = ", ".join(filter(None, (browser, system)))
    return known or user_agent[:40] or _("unknown browser")


@dataclass(frozen=True, slots=True)
class ShownSession:
    id: int
    browser: str
    address: str
    since: datetime
    last_seen: datetime
    is_this: bool


def shown_sessions(sessions: Sequence[UserSession], this: str | None = None) -> list[ShownSession]:
    return [
        ShownSession(
            id=session.pk,
            browser=browser_name(session.user_agent),
            address=session.ip if session.ip != "0.0.0.0" else "",  # noqa: S104 (what stands for none)
            since=session.created_at,
            last_seen=session.last_seen_at,
            is_this=session.session_key == this,
        )
        for session in sessions
    ]
