"""A contact's own page: the links to it, and what its forms send."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from tests.web.personal.pages import Clock, press
from tocsin.channels.kinds import Channel
from tocsin.contacts.models import Contact, PersonalLink
from tocsin.core.actors import SHELL
from tocsin.delivery.personal_links import LinkSendOutcome, link_message, send_links


def newest_path(contact: Contact) -> str:
    """Of the link that was sent last."""
    link = PersonalLink.objects.filter(contact=contact).latest("pk")
    found = re.search(r"https://tocsin\.example(/c/\w{22})\b", link_message(link, "en").text)
    assert found
    return found[1]


def link_for(contact: Contact, clock: Clock, *channels: Any) -> str:
    (result,) = send_links(by=SHELL, now=clock.now, contact_ids=[contact.pk], channels=channels or (Channel.EMAIL,))
    assert result.outcome is LinkSendOutcome.SENT
    return newest_path(contact)


def come_in(browser: Client, path: str) -> Any:
    """Opens the link, continues, and reads the page that follows."""
    reply = press(browser, browser.get(path), path, "continue")
    assert (reply.status_code, reply["Location"]) == (302, "/c/my/")
    return browser.get("/c/my/")


def details(contact: Contact, **changed: str) -> dict[str, Any]:
    """What the form of the page sends."""
    contact.refresh_from_db()
    fields = ("phone", "email", "fallback", "user_id", "dingtalk_user_id", "lark_user_id", "wecom_user_id", "language")
    values = {field: getattr(contact, field) or "" for field in (*fields, "time_zone", "version")}
    return {**values, **changed}


def told(page: Any) -> list[str]:
    return re.findall(r'role="status">(.*?)</p>', page.content.decode())
