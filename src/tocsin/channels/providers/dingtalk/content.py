"""What is posted: the text, cut to size, and mentions in the two places where DingTalk wants them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tocsin.channels.base import Mention, Message
from tocsin.channels.groups import CUT, as_json, calling_nobody, longest_that_fits, shortened, without_half_an_escape
from tocsin.channels.marked import Run, link_at_end
from tocsin.channels.texts import national_number, one_line, without_links

MAX_BYTES = 20_000
_MAX_TITLE = 200
_MENTIONS_ROOM = 4000
"""Characters of numbers and IDs, each of which stands in the message twice."""
_MARKDOWN_LINK = re.compile(r"(\\.)|!?\[((?:\\.|[^\[\]\\])*)\]\([^()\s]*\)", re.DOTALL)
_MARKDOWN_SIGNS = re.compile(r"([\\`*_{}\[\]()#+!|<>~])")
_USER_ID = re.compile(r"[A-Za-z0-9$_.+:@/-]{1,128}")
_NOBODY = ("all", "everyone", "@all")
_OTHER_PLATFORMS = ("ou_", "on_")
_LINK_GONE = "(link removed)"


@dataclass(frozen=True, slots=True)
class People:
    """Whom `at` names. Each must be in the text as well: in markdown nobody is rung otherwise."""

    mobiles: tuple[str, ...]
    user_ids: tuple[str, ...]

    @property
    def line(self) -> str:
        return " ".join(f"@{name}" for name in (*self.mobiles, *self.user_ids))


def people(mentions: Sequence[Mention]) -> People:
    """By number and by user ID, since only one of the two may be what DingTalk knows. Nobody's ID is "everybody"."""
    mobiles: dict[str, None] = {}
    user_ids: dict[str, None] = {}
    room = _MENTIONS_ROOM
    for mention in mentions:
        mobile = written_mobile(mention.phone) if mention.phone else ""
        user_id = mention.user_id if _is_user_id(mention.user_id) else ""
        room -= len(mobile) + len(user_id)
        if room < 0:
            break
        mobiles.update({mobile: None} if mobile else {})
        user_ids.update({user_id: None} if user_id else {})
    return People(tuple(mobiles), tuple(user_ids))


def payload(message: Message, keyword: str, *, form: str = "markdown", with_links: bool = True) -> bytes:
    """JSON of at most MAX_BYTES; what is too long is cut, never the mentions and the keyword after it."""
    message = shortened(message)
    mentioned = people(message.mentions)
    is_text = form == "text" or not message.markdown
    link = None
    if form == "card" and not is_text and with_links:
        message, link = link_at_end(message)
    build = _text if is_text else partial(_card, link) if link is not None else _markdown
    body = calling_nobody(message.text if is_text else message.markdown)
    title = calling_nobody(one_line(message.subject))[:_MAX_TITLE]
    if not with_links:
        body, title = without_links(_MARKDOWN_LINK.sub(r"\1\2", body), _LINK_GONE), without_links(title, _LINK_GONE)

    def encoded(content: str, word: str) -> bytes:
        at = {"atMobiles": list(mentioned.mobiles), "atUserIds": list(mentioned.user_ids), "isAtAll": False}
        tail = "\n\n".join(filter(None, [mentioned.line, word]))
        whole = {**build(title, content, tail), "at": at}
        return as_json(whole)

    def lacking(content: str) -> str:
        return "" if keyword in f"{title}\n{content}" else keyword

    whole = encoded(body, lacking(body))
    if len(whole) <= MAX_BYTES:
        return whole
    cut = longest_that_fits(body, lambda begin: len(encoded(begin + CUT, keyword)) <= MAX_BYTES)
    cut = (without_half_an_escape(cut) if not is_text else cut) + CUT
    return encoded(cut, lacking(cut))


def _text(title: str, body: str, tail: str) -> dict[str, Any]:
    parts = [title if not body.startswith(title) else "", body, tail]
    return {"msgtype": "text", "text": {"content": "\n".join(filter(None, parts))}}


def _markdown(title: str, body: str, tail: str) -> dict[str, Any]:
    heading = "### " + _MARKDOWN_SIGNS.sub(r"\\\1", title) if title else ""
    text = "\n\n".join(filter(None, [heading, body.replace("\n", "  \n"), tail]))
    return {"msgtype": "markdown", "markdown": {"title": title or one_line(body)[:40], "text": text}}


def _card(link: Run, title: str, body: str, tail: str) -> dict[str, Any]:
    """The alert's link is its button, which opens an address and does nothing by itself."""
    markdown = _markdown(title, body, tail)["markdown"]
    card = {**markdown, "singleTitle": link.text, "singleURL": link.url}
    return {"msgtype": "actionCard", "actionCard": card}


def written_mobile(e164: str) -> str:
    """Mainland numbers bare, others as DingTalk writes them: +852-91234567."""
    national = national_number(e164)
    country = e164.removesuffix(national)
    return national if country == "+86" else f"{country}-{national}"


def _is_user_id(text: str) -> bool:
    is_one = bool(_USER_ID.fullmatch(text)) and text.lower() not in _NOBODY
    return is_one and not text.startswith(_OTHER_PLATFORMS)
